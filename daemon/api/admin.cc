// SPDX-License-Identifier: Apache-2.0
#include "api/admin.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "api/admin_call.h"
#include "api/auth.h"
#include "api/content_encoding.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/log.h"
#include "http/response.h"

namespace footfall::api {

namespace {

using http::Method;

bool is_get(Method method) {
  return method == Method::get || method == Method::head;
}

// What needs no token.
constexpr std::array<std::string_view, 4> kOpen{"/metrics", "/livez", "/startupz", "/readyz"};

// What stands in `path` where `pattern` has a {name}, one step of it each, none empty; nullopt: the path is another.
std::optional<std::array<std::string_view, 2>> steps_of(std::string_view pattern, std::string_view path) {
  std::array<std::string_view, 2> steps;
  for (std::string_view& step : steps) {
    const std::size_t open = pattern.find('{');
    if (open == std::string_view::npos) break;
    if (!path.starts_with(pattern.substr(0, open))) return std::nullopt;
    path.remove_prefix(open);
    step = path.substr(0, path.find('/'));
    if (step.empty()) return std::nullopt;
    path.remove_prefix(step.size());
    pattern.remove_prefix(pattern.find('}') + 1);
  }
  if (path != pattern) return std::nullopt;
  return steps;
}

std::string drawn_id() {
  std::array<std::uint8_t, 16> bytes{};
  base::random_bytes(bytes.data(), bytes.size());
  std::string id;
  base::append_hex(id, bytes);
  return id;
}

}  // namespace

std::string_view encoding_for(const http::Request& request) {
  return is_get(request.method) ? request.field(http::Field::accept_encoding) : std::string_view();
}

void write(std::string& out, const AdminAnswer& answer, std::string_view accept_encoding, std::string_view date,
           bool keep_alive, bool head_only) {
  if (answer.problem) {
    write_problem(out, *answer.problem, answer.body, date, keep_alive, answer.extra_fields, head_only);
    return;
  }
  http::Response response;
  response.status = answer.status;
  response.content_type = answer.content_type;
  response.body = answer.body;
  EncodedBody sent;
  if (answer.content_type == kJsonType) {
    sent = encoded(answer.body, Packing::fast, accept_encoding, {});
    response.body = sent.bytes;
  }
  sent.fields += answer.extra_fields;
  response.extra_fields = sent.fields;
  response.cors = false;
  http::write(out, response, date, keep_alive, head_only);
}

AdminAnswer Admin::answer_open(const http::Request& request) {
  if (std::ranges::find(kOpen, request.path) == kOpen.end()) {
    return problem(Problem::not_found, "here are /metrics, /livez, /startupz and /readyz");
  }
  if (!is_get(request.method)) return method_not_allowed("GET, HEAD");
  AdminAnswer answer;
  if (request.path == "/metrics") {
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = control_.metrics_text();
    return answer;
  }
  HealthAnswer state = request.path == "/livez" ? livez(control_.readiness().stuck)
                       : request.path == "/startupz"
                           ? startupz(nullptr)  // this listener opens after the recovery
                           : readyz(control_.readiness(), request.query, control_.now_ms() / 1000);
  answer.status = state.status;
  answer.content_type = "text/plain; charset=utf-8";
  answer.body = std::move(state.body);
  return answer;
}

AdminAnswer Admin::wrong_token() {
  if (!control_.failed_attempt()) return problem(Problem::too_many_attempts, "too many wrong tokens; wait a minute");
  const std::int64_t minute = control_.now_ms() / 60'000;
  if (minute != std::exchange(told_minute_, minute))
    base::log::warning("admin_wrong_token", "admin: a wrong or expired token was sent");
  return problem(Problem::unauthorized, "this token is not known here, or has expired");
}

AdminAnswer Admin::answer(const http::Request& request) {
  if (!request.path.starts_with("/v1/admin/")) return answer_open(request);
  const std::string_view secret = bearer_of(request);
  if (secret.empty()) {
    return problem(Problem::unauthorized,
                   "send an admin token as `Authorization: Bearer SECRET`; the first start wrote one to "
                   "admin-token in the data directory");
  }
  if (control_.shut_out()) {
    return problem(Problem::too_many_attempts,
                   "so many wrong tokens came from this address that none from it is looked at; wait a minute");
  }
  const sites::Token* const found = find_token(control_.registry().tokens(), secret, control_.now_ms() / 1000);
  if (found == nullptr) return wrong_token();
  const sites::Token token = *found;  // a change may move the registry's
  return route(request, token);
}

template <auto kAnswer>
AdminAnswer Admin::with(Admin& admin, const Call& call, const Steps& steps) {
  using Answer = decltype(kAnswer);
  if constexpr (std::is_invocable_v<Answer, Admin&, const Call&>) {
    return (admin.*kAnswer)(call);
  } else if constexpr (std::is_invocable_v<Answer, Admin&, const Call&, std::string_view>) {
    return (admin.*kAnswer)(call, steps[0]);
  } else {
    return (admin.*kAnswer)(call, steps[0], steps[1]);
  }
}

template <sites::PagesMarked::Kind kKind>
AdminAnswer Admin::with_pages(Admin& admin, const Call& call, const Steps& steps) {
  return admin.mark_pages(call, steps[0], kKind);
}

std::span<const Admin::Entry> Admin::entries() {
  using Kind = sites::PagesMarked::Kind;
  static constexpr std::array kEntries = std::to_array<Entry>({
      {Method::get, "/v1/admin/sites", with<&Admin::list_sites>},
      {Method::post, "/v1/admin/sites", with<&Admin::add_site>},
      {Method::get, "/v1/admin/sites/{site}", with<&Admin::show_site>},
      {Method::put, "/v1/admin/sites/{site}", with<&Admin::change_site>},
      {Method::delete_, "/v1/admin/sites/{site}", with<&Admin::remove_site>},
      {Method::post, "/v1/admin/sites/{site}/seed", with<&Admin::seed>},
      {Method::post, "/v1/admin/sites/{site}/reset", with<&Admin::reset>},
      {Method::post, "/v1/admin/sites/{site}/pages/merge", with_pages<Kind::merged>},
      {Method::post, "/v1/admin/sites/{site}/pages/rename", with_pages<Kind::renamed>},
      {Method::post, "/v1/admin/sites/{site}/pages/remove", with_pages<Kind::removed>},
      {Method::post, "/v1/admin/sites/{site}/restore", with<&Admin::restore>},
      {Method::post, "/v1/admin/changes/{id}/undo", with<&Admin::undo>},
      {Method::get, "/v1/admin/audit", with<&Admin::audit>},
      {Method::get, "/v1/admin/imports", with<&Admin::show_import>},
      {Method::post, "/v1/admin/imports", with<&Admin::begin_import>},
      {Method::delete_, "/v1/admin/imports", with<&Admin::end_import>},
      {Method::get, "/v1/admin/backup", with<&Admin::show_backup>},
      {Method::post, "/v1/admin/backup", with<&Admin::begin_backup>},
      {Method::get, "/v1/admin/verify", with<&Admin::verify>},
      {Method::get, "/v1/admin/snapshots", with<&Admin::list_snapshots>},
      {Method::post, "/v1/admin/snapshots", with<&Admin::take_snapshots>},
      {Method::get, "/v1/admin/snapshots/{site}/{id}", with<&Admin::show_snapshot>},
      {Method::get, "/v1/admin/tokens", with<&Admin::list_tokens>},
      {Method::post, "/v1/admin/tokens", with<&Admin::add_token>},
      {Method::delete_, "/v1/admin/tokens/{id}", with<&Admin::remove_token>},
      {Method::post, "/v1/admin/reload", with<&Admin::reload>},
      {Method::get, "/v1/admin/retention", with<&Admin::show_retention>},
      {Method::get, "/v1/admin/log-level", with<&Admin::show_log_level>},
      {Method::put, "/v1/admin/log-level", with<&Admin::set_log_level>},
  });
  return kEntries;
}

std::vector<AdminRoute> Admin::routes() {
  std::vector<AdminRoute> all;
  all.reserve(kOpen.size() + entries().size());
  for (const std::string_view path : kOpen) all.push_back({Method::get, path});
  for (const Entry& entry : entries()) all.push_back({entry.method, entry.path});
  return all;
}

AdminAnswer Admin::route(const http::Request& request, const sites::Token& token) {
  Call call{request, token, std::string(request.field(http::Field::idempotency_key)), control_.now_ms() / 1000};
  if (request.has(http::Field::idempotency_key) && !sites::valid_change_id(call.id)) {
    return problem(Problem::malformed, "Idempotency-Key: give 1 to 64 of A-Z a-z 0-9 . _ : -");
  }
  if (!is_get(request.method) && control_.registry().is_past(call.id)) {
    return problem(Problem::conflict, "the change id " + call.id +
                                          " was used before, for a change that is too old to be looked up; nothing was "
                                          "done now. For another change give another id");
  }
  if (call.id.empty()) call.id = drawn_id();

  std::string allowed;
  for (const Entry& entry : entries()) {
    const std::optional<Steps> steps = steps_of(entry.path, request.path);
    if (!steps) continue;
    const bool gets = entry.method == Method::get;
    if (gets ? is_get(request.method) : request.method == entry.method) return entry.answer(*this, call, *steps);
    allowed.append(allowed.empty() ? "" : ", ").append(gets ? "GET, HEAD" : to_string(entry.method));
  }
  if (!allowed.empty()) return method_not_allowed(allowed);
  return problem(Problem::not_found, "no such admin route; proto/openapi.yaml lists them");
}

}  // namespace footfall::api
