// SPDX-License-Identifier: Apache-2.0
// EpochCounts: what is counted of a site in one epoch: its pages and their sum, bots, seeds, time buckets, daily
// visitors, rankings and peaks. Everything here merges in any order: counters add, sets unite, peaks take the maximum.
//
// A day is open while its visitor set is held; close() folds the set into the day's bucket. Of days that were folded
// from a sketch the number is an estimate for ever, and remembered as one.
// Cost: add() touches one bucket in each step, one page, one visitor slot and a table per label.
// Tested by tests/unit/counting/site_state_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "counting/buckets.h"
#include "counting/count_table.h"
#include "counting/hit.h"
#include "counting/peak.h"
#include "counting/rankings.h"
#include "counting/saturating.h"
#include "counting/visitors.h"

namespace footfall::counting {

// Units      counts of hits; UTC seconds; local day numbers.
// Ownership  owns all of it. Threading: none of its own, guarded by the lock of its site.
// Errors     none; load() answers false on malformed bytes.
class EpochCounts {
 public:
  explicit EpochCounts(std::uint32_t visitors_exact_max) : visitors_exact_max_(visitors_exact_max) {}

  // `run` is not empty, and of one second and offset; `day` is their local day, of this epoch. `news` (may be null) is
  // told who is new to it.
  void add(std::span<const Hit> run, const EpochDay& day, VisitorNews* news);
  void observe(const Observation& seen);
  void add_seed(std::int64_t amount) { seed_ += amount; }
  void add_page_seed(PageId page, std::int64_t amount) { page_seeds_[page] += amount; }

  std::uint64_t counted() const { return counted_; }  // of all pages
  std::uint64_t bots() const { return bots_; }
  Wide seed() const { return seed_; }
  std::uint64_t page_counted(PageId page) const { return pages_.count(page.value); }
  void prefetch_page(PageId page) const { pages_.prefetch(page.value); }
  Wide page_seed(PageId page) const {
    const auto it = page_seeds_.empty() ? page_seeds_.end() : page_seeds_.find(page);
    return it == page_seeds_.end() ? Wide{0} : it->second;
  }
  const Peak& peak() const { return peak_; }
  Peak peak_of(Day day) const { return day == peak_day_ ? day_peak_ : Peak{}; }
  const Buckets& buckets() const { return buckets_; }
  Rankings& rankings() { return rankings_; }
  const Rankings& rankings() const { return rankings_; }

  // Days with an open visitor set, ascending.
  std::vector<Day> open_days() const;
  const Visitors* open_visitors(Day day) const;  // null if the day has none
  std::uint64_t open_count(Day day) const;       // remembered until the set changes
  // Some of the day's closed visitors came from a sketch.
  bool estimated(Day day) const;
  void close(Day day);

  // Forgets what is past retention.
  void prune() { buckets_.prune(); }
  std::size_t memory_bytes() const;
  // Canonical; the bytes of an epoch of which nothing is counted are those of a new one.
  void save(base::ByteWriter& out) const;
  // REQUIRES: new. Pages at or past `pages_end` are malformed.
  bool load(base::ByteReader& in, std::uint32_t pages_end);

 private:
  struct OpenDay {
    Day day;
    Visitors visitors;
    mutable bool count_known = false;
    mutable std::uint64_t count = 0;
  };
  std::vector<OpenDay>::const_iterator find_open(Day day) const;
  OpenDay& open(Day day);

  std::uint32_t visitors_exact_max_;
  std::uint64_t counted_ = 0;
  std::uint64_t bots_ = 0;
  Wide seed_ = 0;
  CountTable pages_;                   // page id -> counted
  std::map<PageId, Wide> page_seeds_;  // page id -> sum of its seeds
  Buckets buckets_;
  Rankings rankings_;
  std::vector<OpenDay> open_;    // ascending by day; two or three but for imports
  std::size_t recent_open_ = 0;  // of the latest hit: mostly the next one's too
  std::vector<Day> estimated_;   // ascending
  Peak peak_;
  Day peak_day_ = INT32_MIN;  // the latest day that anything was observed in
  Peak day_peak_;             // of that day
};

}  // namespace footfall::counting
