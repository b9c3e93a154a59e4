// SPDX-License-Identifier: Apache-2.0
// Visitors: the distinct visitors of one day. The exact set while small, then a HyperLogLog.
//
// The set is an open-addressing table of 64-bit ids (0 is free), at most exact_max of them; past that every id goes
// into the sketch, for good. The result is the same in any order of add() and merge().
// 9 to 20 bytes a visitor while exact, 12 KB for any number after.
// Tested by tests/unit/counting/visitors_test.cc against a std::set.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "counting/hit.h"
#include "counting/hyperloglog.h"
#include "counting/visitor_news.h"

namespace footfall::counting {

// Units      visitors of the day that the owner keeps this under.
// Ownership  owns its set or its sketch.
// Threading  none of its own: guarded by the lock of its site.
// Errors     load() answers false.
class Visitors {
 public:
  // The table of 4,096 ids takes 64 KB, five times the sketch: the price of exact numbers for most sites' days.
  static constexpr std::uint32_t kExactMaxDefault = 4096;

  explicit Visitors(std::uint32_t exact_max = kExactMaxDefault) : exact_max_(exact_max) {}

  // 0 is nobody. Answers whether count() may have changed.
  bool add(VisitorId visitor);
  void merge(const Visitors& other);
  std::uint64_t count() const;  // exact, or the sketch's estimate (kept until a register rises)
  bool exact() const { return sketch_ == nullptr; }
  DaySet all() const;  // ids in no order
  std::size_t memory_bytes() const;

  void save(base::ByteWriter& out) const;  // canonical: sorted ids, or Redis's dense bytes
  // Replaces the content; false (and unchanged) if the bytes are malformed. A set of more than exact_max becomes a
  // sketch.
  bool load(base::ByteReader& in);

 private:
  // Of `id`, or of the free slot where it belongs. REQUIRES: a free slot.
  std::size_t slot_of(std::uint64_t id) const;
  void grow();
  void turn_to_sketch();
  bool sketch_add(std::uint64_t id);

  std::uint32_t exact_max_;
  std::uint32_t size_ = 0;
  std::vector<std::uint64_t> slots_;  // power of two, or empty
  std::unique_ptr<HyperLogLog> sketch_;
  mutable std::uint64_t estimate_ = 0;  // of the sketch as of the last count()
  mutable bool estimate_stale_ = true;
};

}  // namespace footfall::counting
