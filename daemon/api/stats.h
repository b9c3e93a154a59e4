// SPDX-License-Identifier: Apache-2.0
// The stats object: one site's numbers from one lock hold, as JSON.
//
//   {"site":"example.vn","path":null,"total":41450791,"counted":2017,"seed":41448774,"online":48,"window_s":300,...}
//
// What the caller may not read is left out; beat_s, window_s, lang and grouping are always there.
// Tested by tests/unit/api/stats_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/read_context.h"
#include "base/errors.h"
#include "counting/site_state.h"

namespace footfall::api {

// Heartbeat interval of a site: a third of its window, 5 to 30 s.
std::int32_t beat_s(std::int32_t window_s);

// Members of the stats object, as bits in the order in which they are written.
using StatsFields = std::uint32_t;
inline constexpr StatsFields kAllStatsFields = 0xFFFFFFFFU;
// "total,online" (the `fields` of /live); empty: all. malformed names what is not a member.
base::Result<StatsFields> stats_fields(std::string_view names);

// The stats object (design: "interfaces"); `path` normalised, empty for the site alone. `page` is there only with a
// path.
std::string stats_json(const ReadContext& context, std::string_view path, StatsFields fields = kAllStatsFields);

// The same, with the place of the value of as_of, so that two moments can be compared without it.
struct StatsText {
  std::string text;
  std::size_t as_of_begin = 0, as_of_end = 0;  // equal: it is not there
  bool same_numbers(const StatsText& other) const;
};
StatsText stats_text(const ReadContext& context, std::string_view path, StatsFields fields);

// The site's numbers at context.now_ms, under its lock.
counting::Summary summary_of(const ReadContext& context);

// RFC 3339 with milliseconds in the site's zone: "2026-11-23T10:00:00.123+07:00".
std::string iso_time(std::int64_t utc_ms, const lookup::TimeZone& zone);
// The local day at a UTC second.
counting::Day day_at(std::int64_t utc_s, const lookup::TimeZone& zone);

}  // namespace footfall::api
