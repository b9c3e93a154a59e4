// SPDX-License-Identifier: Apache-2.0
// Admin: the answers that its parts have in common.
#include "api/admin_call.h"

#include "api/auth.h"
#include "api/stats.h"
#include "api/text.h"
#include "base/hash.h"

namespace footfall::api {

AdminAnswer problem(Problem which, std::string detail) {
  AdminAnswer answer;
  answer.status = info_of(which).status;
  answer.problem = which;
  answer.body = std::move(detail);
  return answer;
}

AdminAnswer problem(const base::Error& error) {
  return problem(error.code == base::Errc::too_large ? Problem::conflict : problem_of(error.code), error.detail);
}

AdminAnswer unknown_site(std::string_view name) {
  return problem(Problem::unknown_site,
                 "no site is named `" + std::string(name.substr(0, 64)) + "`; `footfall site add` adds one");
}

AdminAnswer json_answer(std::string body, int status) {
  AdminAnswer answer;
  answer.status = status;
  answer.content_type = kJsonType;
  answer.body = std::move(body);
  return answer;
}

AdminAnswer method_not_allowed(std::string_view allowed) {
  AdminAnswer answer = problem(Problem::method_not_allowed, "allowed here: " + std::string(allowed));
  answer.extra_fields = "Allow: " + std::string(allowed) + "\r\n";
  return answer;
}

const lookup::TimeZone& utc_zone() {
  static const lookup::TimeZone utc("UTC", {lookup::TimeZone::Span{}});
  return utc;
}

std::string utc_text(std::int64_t at_s) {
  return iso_time(at_s * 1000, utc_zone());
}

std::uint64_t reset_id_of(std::string_view change_id) {
  return base::siphash24({}, change_id);
}

base::Result<bool> dry_run_from(std::string_view query) {
  const std::optional<std::string> value = query_value(query, "dry_run");
  if (!value || *value == "false") return false;
  if (*value == "true") return true;
  return base::Error{base::Errc::malformed, "dry_run: give true or false"};
}

AdminAnswer later(std::function<void(Later)> begin) {
  AdminAnswer answer;
  answer.later = std::move(begin);
  return answer;
}

std::optional<AdminAnswer> Admin::Call::refusal(std::uint32_t scopes, sites::SiteId site,
                                                std::string_view scope_names) const {
  if (allows(token, scopes, site)) return std::nullopt;
  const bool bound = (token.scopes & scopes) != 0;
  return problem(Problem::forbidden, bound ? "this token is bound to another site"
                                           : "this needs a token of scope " + std::string(scope_names));
}

}  // namespace footfall::api
