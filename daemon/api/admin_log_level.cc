// SPDX-License-Identifier: Apache-2.0
// Admin: how much is logged, from now on and until the next start or reload.
// Tested by tests/unit/api/admin_test.cc.
#include "api/admin_call.h"
#include "base/log.h"

namespace footfall::api {

namespace {

AdminAnswer level_answer() {
  std::string body;
  JsonWriter(body).begin_object().member("level", base::log::name_of(base::log::level())).end_object();
  return json_answer(std::move(body));
}

}  // namespace

AdminAnswer Admin::show_log_level(const Call& call) {
  if (auto refused = call.refusal(bits(sites::Scope::operate), {}, "operate, for all sites")) return *refused;
  return level_answer();
}

AdminAnswer Admin::set_log_level(const Call& call) {
  if (auto refused = call.refusal(bits(sites::Scope::operate), {}, "operate, for all sites")) return *refused;
  const base::Result<JsonBody> body = JsonBody::parse(call.request.body, {"level"});
  if (!body) return problem(body.error());
  const auto name = body->text("level");
  if (!name) return problem(name.error());
  const std::optional<base::log::Level> level = base::log::level_from(name->value_or(""));
  if (!level) return problem(Problem::malformed, "level: give debug, info, warning or error");
  // At info, whichever of the two levels lets it through.
  const std::string line =
      "admin: the log's level is " + std::string(base::log::name_of(*level)) + ", by token " + call.token.id;
  if (*level > base::log::level()) base::log::info("admin_log_level", line);
  const bool lower = *level <= base::log::level();
  base::log::set_level(*level);
  if (lower) base::log::info("admin_log_level", line);
  return level_answer();
}

}  // namespace footfall::api
