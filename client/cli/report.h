// SPDX-License-Identifier: Apache-2.0
// Report: what an analysis found, as JSON for programs and as a page of text for people.
// Tested by tests/unit/client/report_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cli/analysis.h"

namespace footfall::cli {

struct Report {
  std::string source;       // the files' names, for the heading
  std::string filter;       // what a page hit is
  std::uint64_t lines = 0;  // headers included
  std::uint64_t unparseable = 0;
  std::shared_ptr<const lookup::TimeZone> zone;  // null: UTC
  Findings findings;
};

// One object: lines, unparseable_lines, page_hits, distinct_clients, distinct_visitors, page_hits_per_day_utc,
// unique_visitors_per_day_utc, online, top_paths, top_referrers, busiest_second; with a time zone also timezone,
// page_hits_per_day, unique_visitors_per_day. What has no value without page hits is null.
std::string report_json(const Report& report);
std::string report_text(const Report& report);

}  // namespace footfall::cli
