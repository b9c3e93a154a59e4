// SPDX-License-Identifier: Apache-2.0
// Admin: changes of what a counter shows, taking any change back, and the audit log; and how a change is made and
// described.
// Tested by tests/unit/api/admin_test.cc.
#include <charconv>

#include "api/admin_call.h"
#include "api/site_json.h"
#include "api/stats.h"
#include "api/text.h"
#include "base/hash.h"
#include "base/log.h"

namespace footfall::api {

namespace {

using sites::Scope;

constexpr std::size_t kReasonMax = 500;
constexpr std::size_t kAuditDefault = 100;
constexpr std::size_t kAuditMax = 10'000;
constexpr std::uint64_t kAdoptionWaitMax_s = 300;

// The site that an action is about; {0}: none.
sites::SiteId site_of(const sites::Registry& registry, const sites::Action& action) {
  if (const auto* undone = std::get_if<sites::Undone>(&action)) {
    const sites::Change* const change = registry.find_change(undone->undone);
    return change == nullptr || std::holds_alternative<sites::Undone>(change->action)
               ? sites::SiteId{}
               : site_of(registry, change->action);
  }
  const sites::SiteId* const site = sites::site_of(action);
  return site == nullptr ? sites::SiteId{} : *site;
}

// Of a token that was added or removed; nullptr: it is about something else.
const sites::Token* token_of(const sites::Action& action) {
  if (const auto* removed = std::get_if<sites::TokenRemoved>(&action)) return &removed->token;
  return std::get_if<sites::TokenAdded>(&action);
}

// Any of these scopes may take the change back: those that may have made it.
std::uint32_t undo_scopes(const sites::Action& action) {
  if (const auto* seeded = std::get_if<sites::Seeded>(&action)) {
    return is_page_reset(*seeded) ? bits(Scope::seed, Scope::reset) : bits(Scope::seed);
  }
  if (std::holds_alternative<sites::Reset>(action)) return bits(Scope::reset);
  if (std::holds_alternative<sites::Restored>(action)) return bits(Scope::restore);
  if (token_of(action) != nullptr) return bits(Scope::tokens);
  if (std::holds_alternative<sites::ImportBegun>(action) || std::holds_alternative<sites::ImportEnded>(action)) {
    return bits(Scope::ingest);
  }
  return bits(Scope::config);
}

// Each node counts its own pages: what one fixes from its numbers would be added to those of all.
AdminAnswer pages_are_each_nodes(std::string_view what, std::string_view instead) {
  return problem(Problem::conflict, "page: a page cannot be " + std::string(what) +
                                        " on one of several nodes (--node): each counts its own pages, and this one "
                                        "knows nothing of the others' hits on it. " +
                                        std::string(instead));
}
constexpr std::string_view kSeedSite = "Leave out page to seed the site, whose total is that of all nodes";
constexpr std::string_view kResetSite =
    "Leave out page to reset the site, which begins all its pages anew on every node, and can be undone";

}  // namespace

base::Result<std::optional<std::string>> page_from(const JsonBody& body, std::string_view key, ControlPlane& control) {
  base::Result<std::optional<std::string>> page = body.text(key);
  if (!page || !*page) return page;
  base::Result<std::string> path = page_of(key, **page, control);
  if (!path) return path.error();
  return std::optional(*std::move(path));
}

base::Result<std::string> page_of(std::string_view key, std::string_view text, ControlPlane& control) {
  std::optional<std::string> path;
  if (text.starts_with('/')) path = control.page_path(text);
  if (!path) return base::Error{base::Errc::malformed, std::string(key) + ": give a path of the site, such as /about"};
  return *std::move(path);
}

base::Result<std::string> reason_from(const JsonBody& body) {
  base::Result<std::optional<std::string>> reason = body.text("reason");
  if (!reason) return reason.error();
  if (reason->value_or("").size() > kReasonMax) return base::Error{base::Errc::malformed, "reason: at most 500 bytes"};
  return reason->value_or("");
}

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
  const auto page = page_from(*body, "page", control_);
  if (!page) return problem(page.error());
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());

  if (const sites::Change* const known = registry.find_change(call.id)) {
    const auto* const seeded = std::get_if<sites::Seeded>(&known->action);
    const bool same = seeded != nullptr && seeded->site == site->id() && seeded->page == *page &&
                      (total->has_value() ? seeded->after == **total : seeded->amount == **add);
    if (same) return describe(*known, Told::repeated);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  if (page->has_value() && control_.nodes() != nullptr) return pages_are_each_nodes("seeded", kSeedSite);
  base::Result<sites::Seeded> plan = total->has_value() ? registry.plan_seed_total(name, *page, **total, call.now_s)
                                                        : registry.plan_seed_amount(name, *page, **add, call.now_s);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), *std::move(reason), false);
}

AdminAnswer Admin::reset(const Call& call, std::string_view name) {
  sites::Registry& registry = control_.registry();
  sites::Site* const site = registry.find(name);
  if (auto refused = call.refusal(bits(Scope::reset), site == nullptr ? sites::SiteId{} : site->id(), "reset"))
    return *refused;
  if (site == nullptr) return unknown_site(name);
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"page", "reason", "dry_run", "wait_s"});
  if (!body) return problem(body.error());
  const auto page = page_from(*body, "page", control_);
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
  if (dry_run->value_or(false)) {
    if (page->has_value() && control_.nodes() != nullptr) return pages_are_each_nodes("reset", kResetSite);
    return dry_reset(call, *site, name, *page);
  }

  const auto waits = static_cast<std::int32_t>(wait_s->value_or(0));
  if (const sites::Change* const known = registry.find_change(call.id)) {
    const auto* const was_reset = std::get_if<sites::Reset>(&known->action);
    const auto* const seeded = std::get_if<sites::Seeded>(&known->action);
    const bool same = page->has_value() ? seeded != nullptr && seeded->site == site->id() && seeded->page == *page &&
                                              is_page_reset(*seeded)
                                        : was_reset != nullptr && was_reset->site == site->id();
    if (same) return with_adopters(describe(*known, Told::repeated), call.id, name, waits);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  if (page->has_value()) {
    if (control_.nodes() != nullptr) return pages_are_each_nodes("reset", kResetSite);
    base::Result<sites::Seeded> plan = registry.plan_seed_total(name, *page, 0, call.now_s);
    if (!plan) return problem(plan.error());
    return commit(call, *std::move(plan), *std::move(reason), false);
  }
  base::Result<sites::Reset> plan = registry.plan_reset(name, reset_id_of(call.id), call.now_s);
  if (!plan) return problem(plan.error());
  return with_adopters(commit(call, *std::move(plan), *std::move(reason), false), call.id, name, waits);
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
  std::uint64_t counted = 0, total = 0;
  std::int64_t seed = 0;
  std::uint32_t online = 0;
  {
    const std::uint64_t hash = page ? base::table_hash(*page) : 0;
    const base::MutexLock lock(site.mutex());
    if (page) {
      if (const auto row = site.state().page(*page, hash, call.now_s)) {
        counted = row->counted;
        total = row->total();
        seed = row->seed();
        online = row->online;
      }
    } else {
      const counting::Summary summary = site.state().summary(call.now_s, calendar);
      counted = summary.counted;
      total = summary.total;
      seed = summary.seed;
      online = summary.online;
    }
  }
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("dry_run", true).member("site", name);
  if (page) json.member("page", std::string_view(*page));
  json.count("before", total).member("after", 0);
  json.count("counted", counted).signed_count("seed", seed).member("online", online);
  json.member("stays", page ? "the site's total" : "online, and pages' and days' past until it is undone");
  write_undo_until(json, call.now_s);
  json.end_object();
  return json_answer(std::move(body));
}

std::optional<std::int64_t> Admin::undo_until_s(std::int64_t at_s) {
  const std::int32_t days = control_.retention().undo_days;
  return days == 0 ? std::nullopt : std::optional(at_s + std::int64_t{days} * 86'400);
}

void Admin::write_undo_until(JsonWriter& json, std::int64_t at_s) {
  const std::optional<std::int64_t> until_s = undo_until_s(at_s);
  json.key("undo_until");
  until_s ? json.value(std::string_view(utc_text(*until_s))) : json.null();
  json.member("undo_while", kUndoWhile);
}

// What took something away comes back for a stated time.
std::optional<AdminAnswer> Admin::too_late(const sites::Change& change, std::int64_t now_s) {
  const std::int32_t days = control_.retention().undo_days;
  const std::optional<std::int64_t> until_s = undo_until_s(change.at_s);
  if (!until_s || !takes_away(change.action) || now_s <= *until_s) return std::nullopt;
  return problem(Problem::conflict, "change " + change.id + " was made at " + utc_text(change.at_s) +
                                        "; what was reset or removed comes back for " + std::to_string(days) +
                                        (days == 1 ? " day" : " days") + " (--undo-days), which have passed");
}

AdminAnswer Admin::undo(const Call& call, std::string_view change_id) {
  sites::Registry& registry = control_.registry();
  const sites::Change* const target = registry.find_change(change_id);
  // Who may not undo anything is not told which ids exist.
  const std::uint32_t scopes = target == nullptr ? sites::kAllScopes : undo_scopes(target->action);
  const sites::SiteId site = target == nullptr ? sites::SiteId{} : site_of(registry, target->action);
  if (auto refused = call.refusal(scopes, site, "that made the change")) return *refused;
  if (const sites::Token* const token = target == nullptr ? nullptr : token_of(target->action)) {
    if (auto refused = call.refusal(*token)) return *refused;
  }
  if (target == nullptr) {
    return problem(Problem::not_found, "no change has the id `" + std::string(change_id.substr(0, 64)) +
                                           "`, or it is too old; `footfall audit` lists them");
  }
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"reason", "dry_run"});
  if (!body) return problem(body.error());
  base::Result<std::string> reason = reason_from(*body);
  if (!reason) return problem(reason.error());
  const auto dry_run = body->flag("dry_run");
  if (!dry_run) return problem(dry_run.error());
  if (const sites::Change* const known = registry.find_change(call.id)) {
    const auto* const undone = std::get_if<sites::Undone>(&known->action);
    if (undone != nullptr && undone->undone == change_id) return describe(*known, Told::repeated);
    return problem(Problem::conflict, "the change id " + call.id + " was used for another change");
  }
  if (auto refused = too_late(*target, call.now_s)) return *refused;
  base::Result<sites::Undone> plan = registry.plan_undo(change_id, call.now_s);
  if (!plan) return problem(plan.error());
  return commit(call, *std::move(plan), *std::move(reason), dry_run->value_or(false));
}

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

AdminAnswer Admin::commit(const Call& call, sites::Action action, std::string reason, bool dry_run, int status) {
  const sites::Change change{call.id, call.now_s, call.token.id, std::move(reason), std::move(action)};
  if (dry_run) return describe(change, Told::dry_run);
  const base::Result<void> done = control_.commit(change);
  if (!done) return problem(done.error());
  base::log::info("admin_change", "admin: " + std::string(sites::name_of(change.action)) + ", change " + change.id +
                                      ", by token " + change.actor);
  return describe(change, Told::made, status);
}

AdminAnswer Admin::describe(const sites::Change& change, Told how, int status) {
  const sites::Registry& registry = control_.registry();
  const sites::SiteId id = site_of(registry, change.action);
  const sites::Settings* const settings = registry.last_settings(id);
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  how == Told::dry_run ? json.member("dry_run", true) : json.member("id", std::string_view(change.id));
  json.key("site");
  settings == nullptr ? json.null() : json.value(std::string_view(settings->name));
  json.member("action", sites::name_of(change.action));
  if (how != Told::dry_run) json.member("at", std::string_view(utc_text(change.at_s)));
  if (!change.reason.empty()) json.member("reason", std::string_view(change.reason));
  if (how == Told::repeated) json.member("repeated", true);
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
  } else if (const auto* token = token_of(change.action)) {
    const bool is_new = std::holds_alternative<sites::TokenAdded>(change.action);
    if (is_new) json.key("before").null();
    write_token(json.key(is_new ? "after" : "before"), *token, token->site ? settings : nullptr);
    if (!is_new) json.key("after").null();
  } else if (const auto* marked = std::get_if<sites::PagesMarked>(&change.action)) {
    write_pages(json, *marked);
  } else if (const auto* undone = std::get_if<sites::Undone>(&change.action)) {
    json.member("undone", std::string_view(undone->undone));
    if (const sites::Change* const target = registry.find_change(undone->undone))
      json.member("undone_action", sites::name_of(target->action));
    json.count("before", undone->before).count("after", undone->after);
  }
  if (takes_away(change.action)) write_undo_until(json, change.at_s);
  json.end_object();
  return json_answer(std::move(body), status);
}

}  // namespace footfall::api
