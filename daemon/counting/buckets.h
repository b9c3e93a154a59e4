// SPDX-License-Identifier: Apache-2.0
// Buckets: a site's hits by minute (kept 48 h), hour (90 days) and day (for ever), sparse and sorted.
//
// A bucket is named by its start in UTC seconds (minute, hour: the start of the local hour) or by its local day number.
// Ordinary hits land in the last bucket; late ones are found by binary search. What is older than the retention, seen
// from the newest hit, is left out of reads and of save(), so the content is the same in any order of application.
// 40 bytes a bucket: at most 115 KB of minutes, 85 KB of hours and 15 KB of days a year, and up to an eighth more of
// the first two until they are pruned. Tested by tests/unit/counting/buckets_test.cc against a std::map.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "counting/hit.h"

namespace footfall::counting {

struct Cell {
  std::int64_t key = 0;          // UTC second of the start, or local day number
  std::uint64_t hits = 0;        // counted pageviews
  std::uint64_t bots = 0;        // bot pageviews
  std::uint64_t visitors = 0;    // days only: distinct visitors of closed sets; open sets are added by SiteState
  std::uint32_t online_max = 0;  // the highest observed online inside the bucket
  friend bool operator==(const Cell&, const Cell&) = default;
};

// Units      UTC seconds, and seconds east of UTC, given by the caller; counts saturate at 2^64 - 1.
// Ownership  owns its cells.
// Threading  none of its own: guarded by the lock of its site.
// Errors     load() answers false.
class Buckets {
 public:
  // A minute or an hour is kept while its start is later than the newest second minus this.
  static constexpr std::int64_t kMinutesKept_s = std::int64_t{48} * 3600;
  static constexpr std::int64_t kHoursKept_s = std::int64_t{90} * 86400;

  // Nothing happens where both counts are 0.
  void add(std::int64_t at_s, std::int32_t utc_offset_s, std::uint64_t hits, std::uint64_t bots);
  // The highest online of its minute, hour and day rises to at least `online`; 0 is no observation.
  void observe(std::int64_t at_s, std::int32_t utc_offset_s, std::uint32_t online);
  void add_closed_visitors(Day day, std::uint64_t visitors);

  // Cells with key in [from, to), in order; retention applied.
  void each_minute(std::int64_t from_s, std::int64_t to_s, const std::function<void(const Cell&)>& visit) const;
  void each_hour(std::int64_t from_s, std::int64_t to_s, const std::function<void(const Cell&)>& visit) const;
  void each_day(Day from, Day to, const std::function<void(const Cell&)>& visit) const;
  // Of one day; zeros if there is none.
  Cell day(Day day) const;

  // Forgets what is past retention; the same answers before and after. add() and observe() do it now and then.
  void prune();
  std::size_t memory_bytes() const;
  void save(base::ByteWriter& out) const;
  // Replaces the content; false (and unchanged) if the bytes are malformed.
  bool load(base::ByteReader& in);

 private:
  using Cells = std::vector<Cell>;  // ascending by key

  std::int64_t oldest(std::int64_t kept_s) const;
  template <class Change>
  void change(std::int64_t at_s, std::int32_t utc_offset_s, const Change& change);

  std::int64_t newest_s_ = INT64_MIN;
  Cells minutes_, hours_, days_;
};

}  // namespace footfall::counting
