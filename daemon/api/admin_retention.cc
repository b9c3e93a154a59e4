// SPDX-License-Identifier: Apache-2.0
// Admin: how long what is kept. It is configuration, which a reload reads; what no option bounds is in
// deploy/guides/privacy.md.
// Tested by tests/unit/api/admin_test.cc.
#include "api/admin_call.h"

namespace footfall::api {

AdminAnswer Admin::show_retention(const Call& call) {
  if (auto refused = call.refusal(bits(sites::Scope::operate), {}, "operate, for all sites")) return *refused;
  const Retention kept = control_.retention();
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  const auto days = [&json](std::string_view name, std::int32_t count) {
    json.key(name);
    count == 0 ? json.null() : json.value(count);
  };
  days("keep_rankings_days", kept.rankings_days);
  days("keep_audit_days", kept.audit_days);
  days("undo_days", kept.undo_days);
  json.member("undo_while", kUndoWhile).end_object();
  return json_answer(std::move(body));
}

}  // namespace footfall::api
