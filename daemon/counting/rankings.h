// SPDX-License-Identifier: Apache-2.0
// Rankings: per day and dimension, how often each interned label was hit. Exact up to a cap of labels per day and
// dimension; past it hits count under (other).
//
//     day 20779   page      [ id count | id count | .. ]     a CountTable each
//                 referrer  [ .. ]
//                 ...
//     day 20780   ...
//
// The cap is applied when a hit is decided: reserve() enters the label with a count of zero, which no reader sees, and
// answers (other) when the day's table is full. Applying only adds, so it commutes. Pages need no cap of their own: a
// day ranks at most the pages that the site may have, (other) and (unknown), so labels_max would only make exact
// numbers worse. That is 22 to 43 bytes a page hit that day, for the two or three days that are open. Closed days leave
// for the history. Cost: add() is one CountTable::add(), a few ns when warm. Tested by
// tests/unit/counting/rankings_test.cc against a std::map.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "counting/count_table.h"
#include "counting/hit.h"

namespace footfall::counting {

// The `limit` largest of `ranked` (ids distinct), by count descending, then id ascending.
std::vector<Ranked> largest(std::vector<Ranked> ranked, std::size_t limit);
// Adds up the counts of equal ids; ascending by id.
std::vector<Ranked> add_up(std::vector<Ranked> ranked);

// Units      counts of hits, saturating at 2^64 - 1; days are local day numbers.
// Ownership  owns its tables. Threading: none of its own, guarded by the lock of its site.
// Errors     none; load() answers false on malformed bytes.
class Rankings {
 public:
  Rankings() = default;
  Rankings(Rankings&&) noexcept;
  Rankings& operator=(Rankings&&) noexcept;
  ~Rankings() = default;

  // The id itself, or kOtherLabel when `day` already ranks `labels_max` others in this dimension.
  std::uint32_t reserve(Day day, Dimension dimension, std::uint32_t id, std::uint32_t labels_max);
  // Whether reserve() would answer kOtherLabel to an id that is not ranked yet.
  bool full(Day day, Dimension dimension, std::uint32_t labels_max) const;

  void add(Day day, Dimension dimension, std::uint32_t id, std::uint64_t count = 1);
  // Of `hits`, all of that day: a counted pageview's page, and each label that it has in the dimensions after `page`
  // and before `event`; an event's name, unless it is a bot's.
  void add(Day day, std::span<const Hit> hits);

  // The days with a count, ascending.
  std::vector<Day> days() const;
  // Every label with a count of one day and dimension, ascending by id.
  std::vector<Ranked> all(Day day, Dimension dimension) const;
  // The same over days in [from, to], added up.
  std::vector<Ranked> all(Day from, Day to, Dimension dimension) const;
  // The `limit` largest over days in [from, to], by count descending, then id ascending.
  std::vector<Ranked> top(Dimension dimension, Day from, Day to, std::size_t limit) const;
  void erase(Day day);

  std::size_t memory_bytes() const;
  void save(base::ByteWriter& out) const;  // canonical; without zero counts
  // Replaces what is held; false if the bytes are malformed, and then nothing is held.
  bool load(base::ByteReader& in);

 private:
  struct DayTables {
    Day day = 0;
    std::array<CountTable, kDimensions> tables;  // dimension -> its table
    bool counted() const;
  };

  const DayTables* find(Day day) const;
  DayTables& at(Day day);

  std::vector<std::unique_ptr<DayTables>> days_;  // ascending by day; three at most but for imports
  DayTables* recent_ = nullptr;                   // the day of the latest add: mostly the next one's too
};

}  // namespace footfall::counting
