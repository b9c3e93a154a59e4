// SPDX-License-Identifier: Apache-2.0
// Time zones by IANA name, from the system's tz database (lookup/tzif.h reads the files).
// A TimeZone answers from a table of the transitions up to 2100 (beyond: the last offset), so a look-up is a binary
// search, or nothing when the cached span still holds. Immutable after construction; any thread.
// Tested by tests/unit/lookup/time_zones_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "lookup/tzif.h"

namespace footfall::lookup {

class TimeZone {
 public:
  using Span = OffsetSpan;  // [from_s, until_s), local = UTC + offset_s
  // The span that holds utc_s; callers keep it while it lasts.
  const Span& span_at(std::int64_t utc_s) const;
  std::int32_t offset_at(std::int64_t utc_s) const { return span_at(utc_s).offset_s; }
  // The first UTC second of a local day (days since 1970-01-01): the least t whose local day is that day or a later
  // one. So a day that begins in a gap begins at the end of the gap, one that is set back over midnight begins when it
  // is entered first, and one that a zone skipped (Samoa's 30 December 2011) begins with the next and holds no second.
  std::int64_t day_begin(std::int32_t local_day) const;
  const std::string& name() const { return name_; }

  // not_found names the zone and suggests the form "Asia/Ho_Chi_Minh". Loaded once per name and kept; any thread.
  // The files are in TZDIR, else in /usr/share/zoneinfo; "UTC" is known without any file.
  static base::Result<std::shared_ptr<const TimeZone>> find(std::string_view name);

  // `spans`: as parse_tzif() gives them, at least one.
  TimeZone(std::string name, std::vector<Span> spans);

 private:
  std::string name_;
  std::vector<Span> spans_;
};

}  // namespace footfall::lookup
