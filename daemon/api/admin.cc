// SPDX-License-Identifier: Apache-2.0
#include "api/admin.h"

#include <algorithm>
#include <array>
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
  answer.content_type = "text/plain; charset=utf-8";
  answer.body = std::move(state.body);
  return answer;
}

AdminAnswer Admin::wrong_token() {
  if (!control_.failed_attempt()) return problem(Problem::too_many_attempts, "too many wrong tokens; wait a minute");
  const std::int64_t minute = control_.now_ms() / 60'000;
  if (minute != std::exchange(told_minute_, minute)) base::log::warning("admin: a wrong or expired token was sent");
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

AdminAnswer Admin::route(const http::Request& request, const sites::Token& token) {
  constexpr std::string_view kSite = "/v1/admin/sites/";
  constexpr std::string_view kChange = "/v1/admin/changes/";
  constexpr std::string_view kToken = "/v1/admin/tokens/";
  constexpr std::string_view kSnapshot = "/v1/admin/snapshots/";
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

  const std::string_view path = request.path;
  const Method method = request.method;
  if (path == "/v1/admin/sites") {
    if (is_get(method)) return list_sites(call);
    return method == Method::post ? add_site(call) : method_not_allowed("GET, HEAD, POST");
  }
  if (path == "/v1/admin/audit") return is_get(method) ? audit(call) : method_not_allowed("GET, HEAD");
  if (path == "/v1/admin/imports") {
    if (is_get(method)) return show_import(call);
    if (method == Method::post) return begin_import(call);
    return method == Method::delete_ ? end_import(call) : method_not_allowed("GET, HEAD, POST, DELETE");
  }
  if (path == "/v1/admin/backup") {
    if (is_get(method)) return show_backup(call);
    return method == Method::post ? begin_backup(call) : method_not_allowed("GET, HEAD, POST");
  }
  if (path == "/v1/admin/reload") return method == Method::post ? reload(call) : method_not_allowed("POST");
  if (path == "/v1/admin/verify") return is_get(method) ? verify(call) : method_not_allowed("GET, HEAD");
  if (path == "/v1/admin/log-level") {
    if (is_get(method)) return show_log_level(call);
    return method == Method::put ? set_log_level(call) : method_not_allowed("GET, HEAD, PUT");
  }
  if (path == "/v1/admin/tokens") {
    if (is_get(method)) return list_tokens(call);
    return method == Method::post ? add_token(call) : method_not_allowed("GET, HEAD, POST");
  }
  if (path.starts_with(kToken)) {
    return method == Method::delete_ ? remove_token(call, path.substr(kToken.size())) : method_not_allowed("DELETE");
  }
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
    constexpr std::array<std::pair<std::string_view, sites::PagesMarked::Kind>, 3> kPageChanges{
        {{"pages/merge", sites::PagesMarked::Kind::merged},
         {"pages/rename", sites::PagesMarked::Kind::renamed},
         {"pages/remove", sites::PagesMarked::Kind::removed}}};
    for (const auto& [route, kind] : kPageChanges) {
      if (what == route) return method == Method::post ? mark_pages(call, name, kind) : method_not_allowed("POST");
    }
    if (what == "restore") return method == Method::post ? restore(call, name) : method_not_allowed("POST");
  }
  if (path.starts_with(kChange) && path.ends_with("/undo") && path.size() > kChange.size() + 5) {
    const std::string_view id = path.substr(kChange.size(), path.size() - kChange.size() - 5);
    return method == Method::post ? undo(call, id) : method_not_allowed("POST");
  }
  return problem(Problem::not_found, "no such admin route; proto/openapi.yaml lists them");
}

}  // namespace footfall::api
