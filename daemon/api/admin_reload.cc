// SPDX-License-Identifier: Apache-2.0
// Admin: a reload.
// Tested by tests/unit/api/admin_test.cc.
#include "api/admin_call.h"
#include "base/log.h"

namespace footfall::api {

AdminAnswer Admin::reload(const Call& call) {
  if (auto refused = call.refusal(bits(sites::Scope::operate), {}, "operate, for all sites")) return *refused;
  base::log::info("admin_reload", "admin: reload, by token " + call.token.id);
  const base::Result<ReloadOutcome> done = control_.reload();
  if (!done) return problem(Problem::conflict, done.error().detail + "; all stays as it was");
  std::string body;
  JsonWriter json(body);
  const auto names = [&json](std::string_view key, const std::vector<std::string>& options) {
    json.key(key).begin_array();
    for (const std::string& name : options) json.value(std::string_view(name));
    json.end_array();
  };
  json.begin_object();
  names("applied", done->applied);
  names("needs_start", done->needs_start);
  json.member("certificate", done->certificate).end_object();
  return json_answer(std::move(body));
}

}  // namespace footfall::api
