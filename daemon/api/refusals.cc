// SPDX-License-Identifier: Apache-2.0
#include "api/refusals.h"

#include "api/json.h"
#include "api/stats.h"
#include "api/text.h"

namespace footfall::api {

std::string refusals_json(const ReadContext& context, std::int64_t since_s, std::uint64_t untrusted_forwards,
                          const AskedBy& asked_by) {
  const sites::Refusals::Known known = context.site->refusals().known();
  const auto time = [&](std::int64_t at_ms) { return iso_time(at_ms, *context.zone); };
  std::string out;
  JsonWriter json(out);
  json.begin_object().member("site", std::string_view(context.settings->name));
  json.member("as_of", std::string_view(time(context.now_ms))).member("since", std::string_view(time(since_s * 1000)));
  json.key("refused").begin_object();
  for (const auto& [reason, pings] : known.reasons) json.count(reason, pings);
  json.end_object().key("latest").begin_array();
  for (const sites::Refusals::Latest& latest : known.latest) {
    json.begin_object().member("at", std::string_view(time(latest.at_s * 1000))).member("reason", latest.reason);
    json.member("host", std::string_view(one_line(latest.host))).count("times", latest.times).end_object();
  }
  json.end_array().count("untrusted_forwards", untrusted_forwards).key("asked_by").begin_object();
  json.member("trusted", asked_by.trusted).member("forwarded", asked_by.forwarded).end_object().end_object();
  return out;
}

}  // namespace footfall::api
