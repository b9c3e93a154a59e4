// SPDX-License-Identifier: Apache-2.0
// A time series of a site: hits, visitors, bots or the highest online, by step, in the site's time zone.
//
//   {"site":"example.vn","metric":"hits","step":"day","timezone":"Asia/Ho_Chi_Minh","from":"2026-11-01","to":"2026-11-04",
//    "points":[["2026-11-01",1204],["2026-11-02",0],["2026-11-03",97]]}
//
//   step                    a point begins at            kept
//   second (online only)    UTC seconds                  the last hour
//   minute                  UTC seconds                  48 hours
//   hour                    UTC seconds, of the local hour  90 days
//   day, week, month, year  a local date; weeks begin on Monday   for ever
//
// Points cover [from, to), gaps are zeros. `from` is moved down to the begin of its step, and up to what is still kept.
// Visitors step from a day up; of longer steps they are the sum of their days. Online is the highest seen in the step.
// Tested by tests/unit/api/series_test.cc against a brute-force sum.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/read_context.h"
#include "base/errors.h"
#include "store/ranking_reader.h"

namespace footfall::api {

inline constexpr std::size_t kSeriesPointsMax = 10'000;

// UTC seconds of "1795402800", RFC 3339, or a date of the zone: its beginning, or its end.
std::optional<std::int64_t> parse_time(std::string_view text, const lookup::TimeZone& zone, bool end_of_date);

// `query` as sent: metric (hits), step (day), from, to. malformed names the key. from and to are UTC seconds, RFC 3339,
// or local dates; a date as `to` is included. Absent: the last so many steps up to now.
base::Result<std::string> series_json(const ReadContext& context, std::string_view query);
// The same of one page (`path` normalised), as the days' rankings have it: hits, from a day up. Not for a shard's
// thread.
base::Result<std::string> page_series_json(const ReadContext& context, const std::string& path, std::string_view query,
                                           store::RankingReader& reader);

}  // namespace footfall::api
