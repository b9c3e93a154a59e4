// SPDX-License-Identifier: Apache-2.0
// The reading routes: stats, pages, series, as JSON, from one lock hold each.
// What the caller may not read is left out; beat_s, window_s, lang and grouping are always there.
// Tested by tests/unit/api/stats_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "api/read_context.h"
#include "base/errors.h"

namespace footfall::api {

// Heartbeat interval of a site: a third of its window, 5 to 30 s.
std::int32_t beat_s(std::int32_t window_s);

// The stats object (design: "interfaces"); `path` normalised, empty for the site alone.
std::string stats_json(const ReadContext& context, std::string_view path);
// `query` as sent: sort=total|online|path, limit=1..10000. malformed names the key.
base::Result<std::string> pages_json(const ReadContext& context, std::string_view query);
// metric, from, to, step. malformed names the key; from and to are UTC seconds, RFC 3339, or local dates.
base::Result<std::string> series_json(const ReadContext& context, std::string_view query);

// RFC 3339 with milliseconds in the site's zone: "2026-11-23T10:00:00.123+07:00".
std::string iso_time(std::int64_t utc_ms, const lookup::TimeZone& zone);

}  // namespace footfall::api
