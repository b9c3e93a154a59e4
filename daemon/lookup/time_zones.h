// SPDX-License-Identifier: Apache-2.0
// Time zones by IANA name, from the system's tz database (Howard Hinnant's date library).
// A TimeZone answers from a table of the transitions between 1970 and 2100 (beyond: the last offset), so a look-up is a binary
// search, or nothing when the cached span still holds. Immutable after construction; any thread.
// Tested by tests/unit/lookup/time_zones_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"

namespace footfall::lookup {

class TimeZone {
 public:
  struct Span {
    std::int64_t from_s = INT64_MIN, until_s = INT64_MAX;  // [from, until)
    std::int32_t offset_s = 0;                             // local = UTC + offset
  };
  // The span that holds utc_s; callers keep it while it lasts.
  const Span& span_at(std::int64_t utc_s) const;
  std::int32_t offset_at(std::int64_t utc_s) const { return span_at(utc_s).offset_s; }
  // The first UTC second of a local day (days since 1970-01-01).
  std::int64_t day_begin(std::int32_t local_day) const;
  const std::string& name() const { return name_; }

  // not_found names the zone and suggests the form "Asia/Ho_Chi_Minh". Loaded once per name and kept; any thread.
  static base::Result<std::shared_ptr<const TimeZone>> find(std::string_view name);

  TimeZone(std::string name, std::vector<Span> spans);

 private:
  std::string name_;
  std::vector<Span> spans_;
};

}  // namespace footfall::lookup
