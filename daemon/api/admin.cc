// SPDX-License-Identifier: Apache-2.0
#include "api/admin.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/auth.h"
#include "api/json.h"
#include "api/json_body.h"
#include "api/site_json.h"
#include "api/stats.h"
#include "api/text.h"
#include "base/hash.h"
#include "base/log.h"
#include "http/response.h"

namespace footfall::api {

namespace {

using http::Method;
using sites::Scope;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::size_t kReasonMax = 500;
constexpr std::size_t kSourceMax = 200;
constexpr std::size_t kAuditDefault = 100;
constexpr std::size_t kAuditMax = 10'000;

constexpr std::uint32_t bits(Scope a) {
  return static_cast<std::uint32_t>(a);
}
constexpr std::uint32_t bits(Scope a, Scope b) {
  return bits(a) | bits(b);
}

AdminAnswer problem(Problem which, std::string detail) {
  AdminAnswer answer;
  answer.status = info_of(which).status;
  answer.problem = which;
  answer.body = std::move(detail);
  return answer;
}

// A bound that is exceeded by what is asked for contradicts the state; the body was not too large.
AdminAnswer problem(const base::Error& error) {
  return problem(error.code == base::Errc::too_large ? Problem::conflict : problem_of(error.code), error.detail);
}

AdminAnswer unknown_site(std::string_view name) {
  return problem(Problem::unknown_site,
                 "no site is named `" + std::string(name.substr(0, 64)) + "`; `footfall site add` adds one");
}

AdminAnswer json_answer(std::string body, int status = 200) {
  AdminAnswer answer;
  answer.status = status;
  answer.content_type = kJson;
  answer.body = std::move(body);
  return answer;
}

AdminAnswer method_not_allowed(std::string_view allowed) {
  AdminAnswer answer = problem(Problem::method_not_allowed, "allowed here: " + std::string(allowed));
  answer.extra_fields = "Allow: " + std::string(allowed) + "\r\n";
  return answer;
}

bool is_get(Method method) {
  return method == Method::get || method == Method::head;
}

std::string utc_text(std::int64_t at_s) {
  static const lookup::TimeZone utc("UTC", {lookup::TimeZone::Span{}});
  return iso_time(at_s * 1000, utc);
}

std::string drawn_id() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<std::uint8_t, 16> bytes{};
  base::random_bytes(bytes.data(), bytes.size());
  std::string id;
  for (const std::uint8_t byte : bytes) {
    id.push_back(kDigits[byte >> 4U]);
    id.push_back(kDigits[byte & 15U]);
  }
  return id;
}

// The site that an action is about; {0}: none.
sites::SiteId site_of(const sites::Registry& registry, const sites::Action& action) {
  if (const auto* undone = std::get_if<sites::Undone>(&action)) {
    const sites::Change* const change = registry.find_change(undone->undone);
    return change == nullptr || std::holds_alternative<sites::Undone>(change->action)
               ? sites::SiteId{}
               : site_of(registry, change->action);
  }
  return std::visit(
      [](const auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, sites::TokenAdded>) {
          return what.site.value_or(sites::SiteId{});
        } else if constexpr (std::is_same_v<What, sites::Undone>) {
          return sites::SiteId{};
        } else {
          return what.site;
        }
      },
      action);
}

using Later = std::function<void(const AdminAnswer&)>;

AdminAnswer later(std::function<void(Later)> begin) {
  AdminAnswer answer;
  answer.later = std::move(begin);
  return answer;
}

constexpr std::uint64_t kAdoptionWaitMax_s = 300;

// A seed that took a page to nothing: what resetting a page writes.
bool is_page_reset(const sites::Seeded& seeded) {
  return seeded.page.has_value() && seeded.after == 0 && seeded.amount <= 0;
}

// Any of these scopes may take the change back: those that may have made it.
std::uint32_t undo_scopes(const sites::Action& action) {
  if (const auto* seeded = std::get_if<sites::Seeded>(&action)) {
    return is_page_reset(*seeded) ? bits(Scope::seed, Scope::reset) : bits(Scope::seed);
  }
  if (std::holds_alternative<sites::Reset>(action)) return bits(Scope::reset);
  if (std::holds_alternative<sites::Restored>(action)) return bits(Scope::restore);
  if (std::holds_alternative<sites::TokenAdded>(action)) return bits(Scope::tokens);
  if (std::holds_alternative<sites::ImportBegun>(action) || std::holds_alternative<sites::ImportEnded>(action)) {
    return bits(Scope::ingest);
  }
  return bits(Scope::config);
}

}  // namespace

// One request of somebody who is known. An answer that comes later keeps a copy, and does not look at `request`.
struct Admin::Call {
  const http::Request& request;
  sites::Token token;
  std::string id;  // of the change, if it becomes one
  std::int64_t now_s = 0;

  // nullopt: the token may do this to the site ({0}: to the node).
  std::optional<AdminAnswer> refusal(std::uint32_t scopes, sites::SiteId site, std::string_view scope_names) const {
    if (allows(token, scopes, site)) return std::nullopt;
    const bool bound = (token.scopes & scopes) != 0;
    return problem(Problem::forbidden, bound ? "this token is bound to another site"
                                             : "this needs a token of scope " + std::string(scope_names));
  }
};

void write(std::string& out, const AdminAnswer& answer, std::string_view date, bool keep_alive, bool head_only) {
  if (answer.problem) {
    write_problem(out, *answer.problem, answer.body, date, keep_alive, answer.extra_fields, head_only);
    return;
  }
  http::Response response;
  response.status = answer.status;
  response.content_type = answer.content_type;
  response.body = answer.body;
  response.extra_fields = answer.extra_fields;
  response.cors = false;
  http::write(out, response, date, keep_alive, head_only);
}

AdminAnswer Admin::answer_open(const http::Request& request) {
  const bool health = request.path == "/livez" || request.path == "/startupz" || request.path == "/readyz";
  if (request.path != "/metrics" && !health) {
    return problem(Problem::not_found, "here are /metrics, /livez, /startupz and /readyz");
  }
  if (!is_get(request.method)) return method_not_allowed("GET, HEAD");
  AdminAnswer answer;
  if (!health) {
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = control_.metrics_text();
    return answer;
  }
  HealthAnswer state = request.path == "/livez" ? livez()
                       : request.path == "/startupz"
                           ? startupz(nullptr)  // this listener opens after the recovery
                           : readyz(control_.readiness(), request.query, control_.now_ms() / 1000);
  answer.status = state.status;
  answer.content_type = kText;
  answer.body = std::move(state.body);
  return answer;
}

bool Admin::too_many_failures(std::int64_t now_ms) {
  const std::int64_t minute = now_ms / 60'000;
  if (minute != minute_) {
    minute_ = minute;
    failures_ = 0;
  }
  return failures_ >= kFailuresPerMinute;
}

AdminAnswer Admin::answer(const http::Request& request) {
  if (!request.path.starts_with("/v1/admin/")) return answer_open(request);
  const std::string_view secret = bearer_of(request);
  if (secret.empty()) {
    return problem(Problem::unauthorized,
                   "send an admin token as `Authorization: Bearer SECRET`; the first start wrote one to "
                   "admin-token in the data directory");
  }
  const std::int64_t now_ms = control_.now_ms();
  const sites::Token* const found = find_token(control_.registry().tokens(), secret, now_ms / 1000);
  if (found == nullptr) {
    failed_attempts_.add();
    // A right token is never locked out: only the wrong ones are told to wait.
    if (too_many_failures(now_ms)) return problem(Problem::rate_limited, "too many wrong tokens; wait a minute");
    if (failures_++ == 0) base::log::warning("admin: a wrong or expired token was sent");
    return problem(Problem::unauthorized, "this token is not known here, or has expired");
  }
  const sites::Token token = *found;  // a change may move the registry's
  return route(request, token);
}

AdminAnswer Admin::route(const http::Request& request, const sites::Token& token) {
  constexpr std::string_view kSite = "/v1/admin/sites/";
  constexpr std::string_view kChange = "/v1/admin/changes/";
  constexpr std::string_view kSnapshot = "/v1/admin/snapshots/";
  Call call{request, token, std::string(request.field(http::Field::idempotency_key)), control_.now_ms() / 1000};
  if (request.has(http::Field::idempotency_key) && !sites::valid_change_id(call.id)) {
    return problem(Problem::malformed, "Idempotency-Key: give 1 to 64 of A-Z a-z 0-9 . _ : -");
  }
  if (call.id.empty()) call.id = drawn_id();

  const std::string_view path = request.path;
  const Method method = request.method;
  if (path == "/v1/admin/sites") {
    if (is_get(method)) return list_sites(call);
    return method == Method::post ? add_site(call) : method_not_allowed("GET, HEAD, POST");
  }
  if (path == "/v1/admin/audit") return is_get(method) ? audit(call) : method_not_allowed("GET, HEAD");
  if (path == "/v1/admin/imports") {
    if (method == Method::post) return begin_import(call);
    return method == Method::delete_ ? end_import(call) : method_not_allowed("POST, DELETE");
  }
  if (path == "/v1/admin/backup") {
    if (is_get(method)) return show_backup(call);
    return method == Method::post ? begin_backup(call) : method_not_allowed("GET, HEAD, POST");
  }
  if (path == "/v1/admin/verify") return method == Method::get ? verify(call) : method_not_allowed("GET");
  if (path == "/v1/admin/snapshots") {
    if (is_get(method)) return list_snapshots(call);
    return method == Method::post ? take_snapshots(call) : method_not_allowed("GET, HEAD, POST");
  }
  if (path.starts_with(kSnapshot)) {
    const std::string_view rest = path.substr(kSnapshot.size());
    const std::size_t slash = rest.find('/');
    if (slash != std::string_view::npos && slash + 1 < rest.size()) {
      return is_get(method) ? show_snapshot(call, rest.substr(0, slash), rest.substr(slash + 1))
                            : method_not_allowed("GET, HEAD");
    }
  }
  if (path.starts_with(kSite)) {
    const std::string_view rest = path.substr(kSite.size());
    const std::string_view name = rest.substr(0, rest.find('/'));
    const std::string_view what = rest.substr(std::min(rest.size(), name.size() + 1));
    if (rest.size() == name.size()) {
      if (is_get(method)) return show_site(call, name);
      if (method == Method::put) return change_site(call, name);
      return method == Method::delete_ ? remove_site(call, name) : method_not_allowed("GET, HEAD, PUT, DELETE");
    }
    if (what == "seed") return method == Method::post ? seed(call, name) : method_not_allowed("POST");
    if (what == "reset") return method == Method::post ? reset(call, name) : method_not_allowed("POST");
    if (what == "restore") return method == Method::post ? restore(call, name) : method_not_allowed("POST");
  }
  if (path.starts_with(kChange) && path.ends_with("/undo") && path.size() > kChange.size() + 5) {
    const std::string_view id = path.substr(kChange.size(), path.size() - kChange.size() - 5);
    return method == Method::post ? undo(call, id) : method_not_allowed("POST");
  }
  return problem(Problem::not_found, "no such admin route; proto/openapi.yaml lists them");
}

// --- sites ---

AdminAnswer Admin::list_sites(const Call& call) {
  if ((call.token.scopes & bits(Scope::read, Scope::config)) == 0) {
    return problem(Problem::forbidden, "this needs a token of scope read or config");
  }
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("sites").begin_array();
  for (const sites::Entry& entry : control_.registry().entries()) {
    if (!allows(call.token, bits(Scope::read, Scope::config), entry.site->id())) continue;
    write_settings(json, *entry.settings);
  }
  json.end_array().end_object();
  return json_answer(std::move(body));
}

AdminAnswer Admin::show_site(const Call& call, std::string_view name) {
  sites::Site* const site = control_.registry().find(name);
  if (auto refused = call.refusal(bits(Scope::read, Scope::config), site == nullptr ? sites::SiteId{} : site->id(),
                                  "read or config")) {
    return *refused;
  }
  if (site == nullptr) return unknown_site(name);
  std::string body;
  JsonWriter json(body);
  write_settings(json, *control_.registry().settings(site->id()));
  return json_answer(std::move(body));
}

AdminAnswer Admin::add_site(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::config), {}, "config, for all sites")) return *refused;
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, settings_keys());
  if (!body) return problem(body.error());
  if (!body->has("name")) return problem(Problem::malformed, "name: give the site's name, such as example.vn");
  const base::Result<sites::Settings> settings = settings_from(*body, {});
  if (!settings) return problem(settings.error());
  if (const sites::Change* const known = control_.registry().find_change(call.id)) {
    const auto* const added = std::get_if<sites::SiteAdded>(&known->action);
    if (added != nullptr && added->settings == *settings) return describe(*known, true, 201);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  base::Result<sites::SiteAdded> plan = control_.registry().plan_add(*settings, base::random_u64());
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), {}, 201);
}

AdminAnswer Admin::change_site(const Call& call, std::string_view name) {
  sites::Site* const site = control_.registry().find(name);
  if (auto refused = call.refusal(bits(Scope::config), site == nullptr ? sites::SiteId{} : site->id(), "config"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, settings_keys());
  if (!body) return problem(body.error());
  const base::Result<sites::Settings> settings = settings_from(*body, *control_.registry().settings(site->id()));
  if (!settings) return problem(settings.error());
  if (settings->name != name) return problem(Problem::malformed, "name: a site keeps its name; leave it out");
  if (const sites::Change* const known = control_.registry().find_change(call.id)) {
    const auto* const changed = std::get_if<sites::SiteChanged>(&known->action);
    // What was asked for is judged against what was in force then.
    if (changed != nullptr && changed->site == site->id()) {
      const base::Result<sites::Settings> then = settings_from(*body, changed->before);
      if (then && changed->after == *then) return describe(*known, true, 200);
    }
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  base::Result<sites::SiteChanged> plan = control_.registry().plan_change(name, *settings);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), {});
}

AdminAnswer Admin::remove_site(const Call& call, std::string_view name) {
  // Asked again, the site is gone already.
  const sites::Change* const known = control_.registry().find_change(call.id);
  if (const auto* removed = known == nullptr ? nullptr : std::get_if<sites::SiteRemoved>(&known->action)) {
    if (auto refused = call.refusal(bits(Scope::config), removed->site, "config")) return *refused;
    if (removed->before.name == name) return describe(*known, true, 200);
  }
  sites::Site* const site = control_.registry().find(name);
  if (auto refused = call.refusal(bits(Scope::config), site == nullptr ? sites::SiteId{} : site->id(), "config"))
    return *refused;
  if (known != nullptr) return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  if (site == nullptr) return unknown_site(name);
  base::Result<sites::SiteRemoved> plan = control_.registry().plan_remove(name);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), {});
}

// --- seed, reset, undo ---

namespace {

// The normalised path in "page"; nullopt when there is none.
base::Result<std::optional<std::string>> page_from(const JsonBody& body, ControlPlane& control) {
  base::Result<std::optional<std::string>> page = body.text("page");
  if (!page || !*page) return page;
  std::optional<std::string> path;
  if ((*page)->starts_with('/')) path = control.page_path(**page);
  if (!path) return base::Error{base::Errc::malformed, "page: give a path of the site, such as /about"};
  return path;
}

base::Result<std::string> reason_from(const JsonBody& body) {
  base::Result<std::optional<std::string>> reason = body.text("reason");
  if (!reason) return reason.error();
  if (reason->value_or("").size() > kReasonMax) return base::Error{base::Errc::malformed, "reason: at most 500 bytes"};
  return reason->value_or("");
}

}  // namespace

AdminAnswer Admin::seed(const Call& call, std::string_view name) {
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::seed), site == nullptr ? sites::SiteId{} : site->id(), "seed"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"total", "add", "page", "reason"});
  if (!body) return problem(body.error());
  const auto total = body->count("total");
  if (!total) return problem(total.error());
  const auto add = body->integer("add");
  if (!add) return problem(add.error());
  if (total->has_value() == add->has_value()) {
    return problem(Problem::malformed, "give either total (what it is to be now) or add (a difference)");
  }
  const auto page = page_from(*body, control_);
  if (!page) return problem(page.error());
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());

  if (const sites::Change* const known = registry.find_change(call.id)) {
    const auto* const seeded = std::get_if<sites::Seeded>(&known->action);
    const bool same = seeded != nullptr && seeded->site == site->id() && seeded->page == *page &&
                      (total->has_value() ? seeded->after == **total : seeded->amount == **add);
    if (same) return describe(*known, true, 200);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  base::Result<sites::Seeded> plan = total->has_value() ? registry.plan_seed_total(name, *page, **total, call.now_s)
                                                        : registry.plan_seed_amount(name, *page, **add, call.now_s);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), *std::move(reason));
}

AdminAnswer Admin::reset(const Call& call, std::string_view name) {
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::reset), site == nullptr ? sites::SiteId{} : site->id(), "reset"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"page", "reason", "dry_run", "wait_s"});
  if (!body) return problem(body.error());
  const auto page = page_from(*body, control_);
  if (!page) return problem(page.error());
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());
  const auto dry_run = body->flag("dry_run");
  if (!dry_run) return problem(dry_run.error());
  const auto wait_s = body->count("wait_s");
  if (!wait_s) return problem(wait_s.error());
  if (wait_s->value_or(0) > kAdoptionWaitMax_s) {
    return problem({base::Errc::malformed, "wait_s: " + std::to_string(kAdoptionWaitMax_s) + " seconds at most"});
  }
  if (dry_run->value_or(false)) return dry_reset(call, *site, name, *page);

  const auto waits = static_cast<std::int32_t>(wait_s->value_or(0));
  if (const sites::Change* const known = registry.find_change(call.id)) {
    const auto* const was_reset = std::get_if<sites::Reset>(&known->action);
    const auto* const seeded = std::get_if<sites::Seeded>(&known->action);
    const bool same = page->has_value() ? seeded != nullptr && seeded->site == site->id() && seeded->page == *page &&
                                              is_page_reset(*seeded)
                                        : was_reset != nullptr && was_reset->site == site->id();
    if (same) return with_adopters(describe(*known, true, 200), call.id, name, waits);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  if (page->has_value()) {
    base::Result<sites::Seeded> plan = registry.plan_seed_total(name, *page, 0, call.now_s);
    if (!plan) return problem(plan.error());
    return commit(call, *std::move(plan), *std::move(reason));
  }
  base::Result<sites::Reset> plan = registry.plan_reset(name, base::random_u64(), call.now_s);
  if (!plan) return problem(plan.error());
  return with_adopters(commit(call, *std::move(plan), *std::move(reason)), call.id, name, waits);
}

AdminAnswer Admin::with_adopters(AdminAnswer answer, const std::string& change_id, std::string_view name,
                                 std::int32_t wait_s) {
  NodeList* const nodes = control_.nodes();
  const sites::Change* const change = control_.registry().find_change(change_id);
  const auto* const reset = change == nullptr ? nullptr : std::get_if<sites::Reset>(&change->action);
  if (nodes == nullptr || reset == nullptr || answer.problem) return answer;
  return later([nodes, wait_s, site = std::string(name), epoch = reset->next, answer](const Later& done) {
    nodes->adopters(site, epoch, wait_s, [answer, done](const base::Result<std::vector<NodeList::Node>>& found) {
      AdminAnswer out = answer;
      out.body.pop_back();  // of the object that goes on
      out.body += ",\"nodes\":";
      JsonWriter json(out.body);
      if (found) {
        json.begin_array();
        for (const NodeList::Node& node : *found) {
          json.begin_object().member("node", std::string_view(node.name));
          json.member("incarnation", std::string_view(node.incarnation)).member("adopted", node.adopted).end_object();
        }
        json.end_array();
      } else {
        json.null();
      }
      if (!found) {
        out.body += ",\"nodes_problem\":";
        JsonWriter(out.body).value(std::string_view(found.error().detail));
      }
      out.body += "}";
      done(out);
    });
  });
}

// What would go; nothing is changed, and no page is made.
AdminAnswer Admin::dry_reset(const Call& call, sites::Site& site, std::string_view name,
                             const std::optional<std::string>& page) {
  const counting::Calendar calendar = counting::calendar_of(counting::local_day(call.now_s, 0));
  std::uint64_t counted = 0;
  std::int64_t seeds = 0;
  std::uint32_t online = 0;
  {
    const std::uint64_t hash = page ? base::table_hash(*page) : 0;
    const base::MutexLock lock(site.mutex());
    if (page) {
      if (const auto row = site.state().page(*page, hash, call.now_s)) {
        counted = row->counted;
        seeds = row->seed;
        online = row->online;
      }
    } else {
      const counting::Summary summary = site.state().summary(call.now_s, calendar);
      counted = summary.counted;
      seeds = summary.seed;
      online = summary.online;
    }
  }
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("dry_run", true).member("site", name);
  if (page) json.member("page", std::string_view(*page));
  json.count("before", total_of(counted, seeds)).member("after", 0);
  json.count("counted", counted).signed_count("seed", seeds).member("online", online);
  json.member("stays", page ? "the site's total" : "online, and pages' and days' past until it is undone").end_object();
  return json_answer(std::move(body));
}

AdminAnswer Admin::undo(const Call& call, std::string_view change_id) {
  sites::Registry& registry = control_.registry();
  const sites::Change* const target = registry.find_change(change_id);
  // Who may not undo anything is not told which ids exist.
  const std::uint32_t scopes = target == nullptr ? sites::kAllScopes : undo_scopes(target->action);
  const sites::SiteId site = target == nullptr ? sites::SiteId{} : site_of(registry, target->action);
  if (auto refused = call.refusal(scopes, site, "that made the change")) return *refused;
  if (target == nullptr) {
    return problem(Problem::not_found, "no change has the id `" + std::string(change_id.substr(0, 64)) +
                                           "`, or it is too old; `footfall audit` lists them");
  }
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"reason"});
  if (!body) return problem(body.error());
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());
  if (const sites::Change* const known = registry.find_change(call.id)) {
    const auto* const undone = std::get_if<sites::Undone>(&known->action);
    if (undone != nullptr && undone->undone == change_id) return describe(*known, true, 200);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  base::Result<sites::Undone> plan = registry.plan_undo(change_id, call.now_s);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), *std::move(reason));
}

// --- audit and imports ---

AdminAnswer Admin::audit(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate, Scope::config), {}, "operate or config, for all sites"))
    return *refused;
  std::size_t limit = kAuditDefault;
  if (const std::optional<std::string> value = query_value(call.request.query, "limit")) {
    const char* const end = value->data() + value->size();
    const auto [stopped, error] = std::from_chars(value->data(), end, limit);
    if (error != std::errc() || stopped != end || limit == 0 || limit > kAuditMax) {
      return problem(Problem::malformed, "limit: give a whole number from 1 to 10000");
    }
  }
  const base::Result<std::vector<store::AuditEntry>> entries = control_.audit(limit);
  if (!entries) return problem(entries.error());
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("audit").begin_array();
  for (const store::AuditEntry& entry : *entries) {
    json.begin_object().member("id", std::string_view(entry.id)).member("at", std::string_view(utc_text(entry.at_s)));
    json.member("actor", std::string_view(entry.actor)).member("action", std::string_view(entry.action));
    json.member("site", std::string_view(entry.site)).member("reason", std::string_view(entry.reason));
    json.member("before", std::string_view(entry.before)).member("after", std::string_view(entry.after)).end_object();
  }
  json.end_array().end_object();
  return json_answer(std::move(body));
}

namespace {

bool valid_source(std::string_view source) {
  return !source.empty() && source.size() <= kSourceMax && std::all_of(source.begin(), source.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '\x7F';
  });
}

AdminAnswer import_answer(std::string_view name, std::string_view source, std::uint64_t position, bool open,
                          int status) {
  std::string body;
  JsonWriter json(body);
  json.begin_object()
      .member("site", name)
      .member("source", source)
      .count("position", position)
      .member("open", open)
      .end_object();
  return json_answer(std::move(body), status);
}

}  // namespace

AdminAnswer Admin::begin_import(const Call& call) {
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"site", "source"});
  if (!body) return problem(body.error());
  const auto name = body->text("site");
  if (!name) return problem(name.error());
  const auto source = body->text("source");
  if (!source) return problem(source.error());
  sites::Registry& registry = control_.registry();
  sites::Site* const site = *name ? registry.find(**name) : nullptr;
  if (auto refused = call.refusal(bits(Scope::ingest), site == nullptr ? sites::SiteId{} : site->id(), "ingest"))
    return *refused;
  if (!*name) return problem(Problem::malformed, "site: name the site to import into");
  if (!*source || !valid_source(**source)) {
    return problem(Problem::malformed, "source: give the import a name of 1 to 200 bytes, such as the log's path");
  }
  if (site == nullptr) return unknown_site(**name);
  const std::optional<sites::Import> known = registry.imports().find(site->id(), **source);
  if (known && known->open) return import_answer(**name, **source, known->position, true, 200);
  if (const sites::Change* const other = registry.find_change(call.id)) {
    const auto* const begun = std::get_if<sites::ImportBegun>(&other->action);
    // Begun under this id, and ended since: it does not begin again.
    if (begun != nullptr && begun->site == site->id() && begun->source == **source) {
      return import_answer(**name, **source, known ? known->position : 0, false, 200);
    }
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  const sites::SiteId id = site->id();
  const sites::Change change{
      call.id, call.now_s, call.token.id, {}, sites::ImportBegun{id, **source, base::random_u64(), base::random_u64()}};
  if (const base::Result<void> done = control_.commit(change); !done) return problem(done.error());
  const std::optional<sites::Import> now = registry.imports().find(id, **source);
  return import_answer(**name, **source, now ? now->position : 0, true, 201);
}

AdminAnswer Admin::end_import(const Call& call) {
  const std::string name = query_value(call.request.query, "site").value_or("");
  const std::string source = query_value(call.request.query, "source").value_or("");
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::ingest), site == nullptr ? sites::SiteId{} : site->id(), "ingest"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const std::optional<sites::Import> known = registry.imports().find(site->id(), source);
  if (!known) return problem(Problem::not_found, "no import of this source into " + name + " has begun");
  if (!known->open) return import_answer(name, source, known->position, false, 200);
  if (const sites::Change* const other = registry.find_change(call.id)) {
    const auto* const ended = std::get_if<sites::ImportEnded>(&other->action);
    // Ended under this id, and begun since: it does not end again.
    if (ended != nullptr && ended->site == site->id() && ended->source == source) {
      return import_answer(name, source, known->position, true, 200);
    }
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  const sites::Change change{call.id, call.now_s, call.token.id, {}, sites::ImportEnded{site->id(), source}};
  if (const base::Result<void> done = control_.commit(change); !done) return problem(done.error());
  return import_answer(name, source, known->position, false, 200);
}

// --- backup ---

namespace {

constexpr std::size_t kPathMax = 4000;

AdminAnswer backup_answer(const BackupStatus& backup, int status) {
  using State = BackupStatus::State;
  static constexpr std::array<std::string_view, 4> kStates{"none", "running", "done", "failed"};
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("state", kStates.at(static_cast<std::size_t>(backup.state)));
  if (backup.state != State::none) {
    json.member("id", std::string_view(backup.id)).member("path", std::string_view(backup.path));
    json.member("began", std::string_view(utc_text(backup.began_s)));
  }
  if (backup.state == State::done || backup.state == State::failed)
    json.member("ended", std::string_view(utc_text(backup.ended_s)));
  if (backup.state == State::failed) json.member("error", std::string_view(backup.error));
  if (backup.state == State::done) {
    const store::BackupSummary& made = backup.summary;
    json.count("bytes", made.bytes).count("checkpoint", made.checkpoint).count("sites", made.sites);
    json.member("hash", std::string_view(made.hash)).member("as_of_s", made.newest_s);
  }
  json.end_object();
  return json_answer(std::move(body), status);
}

}  // namespace

AdminAnswer Admin::begin_backup(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"path"});
  if (!body) return problem(body.error());
  const auto path = body->text("path");
  if (!path) return problem(path.error());
  const std::string name = path->value_or("");
  if (!name.starts_with('/') || name.ends_with('/') || name.size() > kPathMax || name.find('\0') != std::string::npos) {
    return problem(Problem::malformed, "path: name the file to write on the daemon's host, from the root: /PLACE/FILE");
  }
  const base::Result<BackupStatus> begun = control_.begin_backup(call.id, name);
  if (!begun) return problem(begun.error());
  base::log::info("admin: backup " + call.id + " to " + name + ", by token " + call.token.id);
  return backup_answer(*begun, 202);
}

AdminAnswer Admin::show_backup(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  return backup_answer(control_.backup_status(), 200);
}

// --- verify ---

AdminAnswer Admin::verify(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate, for all sites")) return *refused;
  const base::Result<store::Moment> moment = control_.moment();
  if (!moment) return problem(moment.error());
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("incarnation", std::string_view(moment->incarnation));
  json.count("checkpoint", moment->checkpoint).member("as_of_s", moment->as_of_s);
  json.member("hash", std::string_view(moment->hash)).key("positions").begin_array();
  for (const auto& [stream, sequence] : moment->positions) {
    json.begin_object().member("stream", std::string_view(journal::directory_name(stream)));
    json.count("sequence", sequence).end_object();
  }
  json.end_array().key("sites").begin_array();
  for (const store::MomentSite& site : moment->sites) {
    json.begin_object().member("id", site.id.value).member("site", std::string_view(site.name));
    json.member("removed", site.removed).count("counted", site.counted).count("total", site.total);
    json.member("online", site.online).member("hash", std::string_view(site.hash)).end_object();
  }
  json.end_array().end_object();
  return json_answer(std::move(body));
}

// --- snapshots ---

namespace {

AdminAnswer no_redis() {
  return problem(Problem::conflict,
                 "this daemon has no Redis to keep snapshots in; start it with --redis redis://HOST:PORT");
}

void write_names(JsonWriter& json, const std::vector<SnapshotStore::Name>& names) {
  json.key("snapshots").begin_array();
  static const lookup::TimeZone utc("UTC", {lookup::TimeZone::Span{}});
  for (const SnapshotStore::Name& name : names) {
    json.begin_object().member("site", std::string_view(name.site)).member("id", std::string_view(name.id));
    json.member("taken", std::string_view(iso_time(name.taken_ms, utc))).end_object();
  }
  json.end_array();
}

AdminAnswer snapshot_answer(const SnapshotStore::Name& name, const sites::Snapshot& snapshot) {
  static const lookup::TimeZone utc("UTC", {lookup::TimeZone::Span{}});
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("site", std::string_view(name.site)).member("id", std::string_view(name.id));
  json.member("taken", std::string_view(iso_time(snapshot.taken_ms, utc)))
      .member("node", std::string_view(snapshot.node));
  json.member("epoch", snapshot.epoch.number).count("total", snapshot.total).count("counted", snapshot.counted);
  json.count("bots", snapshot.bots).count("pages", snapshot.pages.size()).count("days", snapshot.days.size());
  json.key("settings");
  write_settings(json, snapshot.settings);
  json.end_object();
  return json_answer(std::move(body));
}

}  // namespace

AdminAnswer Admin::take_snapshots(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  SnapshotStore* const store = control_.snapshots();
  if (store == nullptr) return no_redis();
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"site"});
  if (!body) return problem(body.error());
  const auto site = body->text("site");
  if (!site) return problem(site.error());
  std::vector<std::string> names;
  if (site->has_value()) {
    if (control_.registry().find(**site) == nullptr) return unknown_site(**site);
    names.push_back(**site);
  } else {
    for (const sites::Entry& entry : control_.registry().entries()) names.push_back(entry.settings->name);
  }
  return later([store, names](const Later& answer) {
    store->take(names, [answer](const base::Result<SnapshotStore::Taken>& taken) {
      if (!taken) return answer(problem(taken.error()));
      if (taken->names.empty() && !taken->failed.empty())
        return answer(problem({base::Errc::unavailable, taken->failed.front()}));
      std::string text;
      JsonWriter json(text);
      json.begin_object();
      write_names(json, taken->names);
      json.key("failed").begin_array();
      for (const std::string& why : taken->failed) json.value(std::string_view(why));
      json.end_array().end_object();
      answer(json_answer(std::move(text)));
    });
  });
}

AdminAnswer Admin::list_snapshots(const Call& call) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  SnapshotStore* const store = control_.snapshots();
  if (store == nullptr) return no_redis();
  return later([store, site = query_value(call.request.query, "site").value_or("")](const Later& answer) {
    store->list(site, [answer](const base::Result<std::vector<SnapshotStore::Name>>& names) {
      if (!names) return answer(problem(names.error()));
      std::string text;
      JsonWriter json(text);
      json.begin_object();
      write_names(json, *names);
      json.end_object();
      answer(json_answer(std::move(text)));
    });
  });
}

AdminAnswer Admin::show_snapshot(const Call& call, std::string_view name, std::string_view id) {
  if (auto refused = call.refusal(bits(Scope::operate), {}, "operate")) return *refused;
  SnapshotStore* const store = control_.snapshots();
  if (store == nullptr) return no_redis();
  return later([store, name = std::string(name), id = std::string(id)](const Later& answer) {
    store->load(name, id, [answer](const base::Result<std::pair<SnapshotStore::Name, sites::Snapshot>>& loaded) {
      answer(loaded ? snapshot_answer(loaded->first, loaded->second) : problem(loaded.error()));
    });
  });
}

// A site that is not here is added with the settings of its snapshot, under an id of its own.
AdminAnswer Admin::restore(const Call& call, std::string_view name) {
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::restore), site == nullptr ? sites::SiteId{} : site->id(), "restore"))
    return *refused;
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"snapshot", "reason", "dry_run"});
  if (!body) return problem(body.error());
  const auto id = body->text("snapshot");
  if (!id) return problem(id.error());
  if (!id->has_value()) return problem(Problem::malformed, "snapshot: give its id, or latest");
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());
  const auto dry_run = body->flag("dry_run");
  if (!dry_run) return problem(dry_run.error());
  if (const sites::Change* const known = registry.find_change(call.id)) {
    const auto* const restored = std::get_if<sites::Restored>(&known->action);
    const bool same = restored != nullptr && site != nullptr && restored->site == site->id() &&
                      (**id == "latest" || restored->snapshot == **id);
    if (same) return describe(*known, true, 200);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  SnapshotStore* const store = control_.snapshots();
  if (store == nullptr) return no_redis();
  return later([this, store, call, name = std::string(name), id = **id, reason = *std::move(reason),
                dry = dry_run->value_or(false)](const Later& answer) {
    store->load(
        name, id,
        [this, call, reason, dry, answer](const base::Result<std::pair<SnapshotStore::Name, sites::Snapshot>>& loaded) {
          answer(loaded ? restore_loaded(call, loaded->first, loaded->second, reason, dry) : problem(loaded.error()));
        });
  });
}

AdminAnswer Admin::restore_loaded(const Call& call, const SnapshotStore::Name& name, const sites::Snapshot& snapshot,
                                  std::string reason, bool dry_run) {
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name.site);
  if (dry_run) {
    const std::uint64_t before = site == nullptr ? 0 : site->total(control_.now_ms() / 1000);
    std::string text;
    JsonWriter json(text);
    json.begin_object()
        .member("dry_run", true)
        .member("site", std::string_view(name.site))
        .member("snapshot", std::string_view(name.id));
    json.count("before", before).count("after", snapshot.total).count("pages", snapshot.pages.size()).end_object();
    return json_answer(std::move(text));
  }
  if (site == nullptr) {
    base::Result<sites::SiteAdded> plan = registry.plan_add(snapshot.settings, base::random_u64());
    if (!plan) return problem(plan.error());
    const sites::Change added{"site." + call.id.substr(0, 59), call.now_s, call.token.id, reason, *std::move(plan)};
    if (const base::Result<void> done = control_.commit(added); !done) return problem(done.error());
  }
  base::Result<sites::Restored> plan =
      registry.plan_restore(name.site, snapshot, name.id, base::random_u64(), control_.now_ms() / 1000);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), std::move(reason));
}

// --- changes ---

AdminAnswer Admin::commit(const Call& call, sites::Action action, std::string reason, int status) {
  const sites::Change change{call.id, call.now_s, call.token.id, std::move(reason), std::move(action)};
  const base::Result<void> done = control_.commit(change);
  if (!done) return problem(done.error());
  base::log::info("admin: " + std::string(sites::name_of(change.action)) + ", change " + change.id + ", by token " +
                  change.actor);
  return describe(change, false, status);
}

AdminAnswer Admin::describe(const sites::Change& change, bool repeated, int status) {
  const sites::Registry& registry = control_.registry();
  const sites::SiteId id = site_of(registry, change.action);
  const sites::Settings* const settings = registry.last_settings(id);
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("id", std::string_view(change.id)).key("site");
  settings == nullptr ? json.null() : json.value(std::string_view(settings->name));
  json.member("action", sites::name_of(change.action)).member("at", std::string_view(utc_text(change.at_s)));
  if (!change.reason.empty()) json.member("reason", std::string_view(change.reason));
  if (repeated) json.member("repeated", true);
  if (const auto* added = std::get_if<sites::SiteAdded>(&change.action)) {
    json.key("before").null().key("after");
    write_settings(json, added->settings);
  } else if (const auto* changed = std::get_if<sites::SiteChanged>(&change.action)) {
    json.key("before");
    write_settings(json, changed->before);
    json.key("after");
    write_settings(json, changed->after);
  } else if (const auto* removed = std::get_if<sites::SiteRemoved>(&change.action)) {
    json.key("before");
    write_settings(json, removed->before);
    json.key("after").null();
  } else if (const auto* seeded = std::get_if<sites::Seeded>(&change.action)) {
    if (seeded->page) json.member("page", std::string_view(*seeded->page));
    json.signed_count("amount", seeded->amount).count("before", seeded->before).count("after", seeded->after);
  } else if (const auto* reset = std::get_if<sites::Reset>(&change.action)) {
    json.member("epoch", reset->next.number).count("before", reset->before).count("after", 0);
  } else if (const auto* restored = std::get_if<sites::Restored>(&change.action)) {
    json.member("snapshot", std::string_view(restored->snapshot)).member("epoch", restored->next.number);
    json.count("before", restored->before).count("after", restored->after);
  } else if (const auto* undone = std::get_if<sites::Undone>(&change.action)) {
    json.member("undone", std::string_view(undone->undone))
        .count("before", undone->before)
        .count("after", undone->after);
  }
  json.end_object();
  return json_answer(std::move(body), status);
}

}  // namespace footfall::api
