// SPDX-License-Identifier: Apache-2.0
// Rankings: per day and dimension, how often each interned label was hit. Exact up to a cap of labels per day and
// dimension; past it hits count under (other).
//
// The cap is applied when a hit is decided: reserve() enters the label with a count of zero, which no reader sees, and
// answers (other) when the day's table is full. Applying only adds. Closed days leave for the history.
// Tested by tests/unit/counting/rankings_test.cc against a std::map.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "counting/hit.h"

namespace footfall::counting {

struct Ranked {
  std::uint32_t id;  // a label id, or a page id for Dimension::page
  std::uint64_t count;
  friend bool operator==(const Ranked&, const Ranked&) = default;
};

class Rankings {
 public:
  // The id itself, or kOtherLabel when `day` already ranks `labels_max` others in this dimension.
  std::uint32_t reserve(Day day, Dimension dimension, std::uint32_t id, std::uint32_t labels_max);
  void add(Day day, Dimension dimension, std::uint32_t id, std::uint64_t count = 1);

  // The days held, ascending.
  std::vector<Day> days() const;
  // Every label with a count of one day and dimension, ascending by id.
  std::vector<Ranked> all(Day day, Dimension dimension) const;
  // The `limit` largest over days in [from, to], by count descending, then id ascending.
  std::vector<Ranked> top(Dimension dimension, Day from, Day to, std::size_t limit) const;
  void erase(Day day);

  std::size_t memory_bytes() const;
  void save(base::ByteWriter& out) const;  // canonical; without zero counts
  bool load(base::ByteReader& in);

 private:
  struct Table;  // open addressing, label id -> count
  struct DayTables;
  std::vector<std::unique_ptr<DayTables>> days_;  // ascending by day; three at most but for imports
 public:
  Rankings();
  Rankings(Rankings&&) noexcept;
  Rankings& operator=(Rankings&&) noexcept;
  ~Rankings();
};

}  // namespace footfall::counting
