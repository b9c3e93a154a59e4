// SPDX-License-Identifier: Apache-2.0
// Visitors: the distinct visitors of one day. The exact set while small, then a HyperLogLog.
//
// The set is an open-addressing table of 64-bit ids (0 is free), at most exact_max of them; past that every id goes
// into the sketch, for good. The result is the same in any order of add() and merge().
// Tested by tests/unit/counting/visitors_test.cc against a std::set.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "counting/hit.h"
#include "counting/hyperloglog.h"

namespace footfall::counting {

class Visitors {
 public:
  // Above this many bytes' worth of ids the sketch (12 KB) is smaller: 1,536 ids take 12 KB at full load.
  static constexpr std::uint32_t kExactMaxDefault = 4096;

  explicit Visitors(std::uint32_t exact_max = kExactMaxDefault) : exact_max_(exact_max) {}

  void add(VisitorId visitor);
  void merge(const Visitors& other);
  std::uint64_t count() const;  // exact, or the sketch's estimate
  bool exact() const { return sketch_ == nullptr; }
  std::size_t memory_bytes() const;

  void save(base::ByteWriter& out) const;  // canonical: sorted ids, or Redis's dense bytes
  bool load(base::ByteReader& in);

 private:
  std::uint32_t exact_max_;
  std::uint32_t size_ = 0;
  std::vector<std::uint64_t> slots_;  // power of two, or empty
  std::unique_ptr<HyperLogLog> sketch_;
};

}  // namespace footfall::counting
