// SPDX-License-Identifier: Apache-2.0
// IdMarks: a set of dense ids, one bit each.
// Tested by tests/unit/counting/site_state_test.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace footfall::counting {

class IdMarks {
 public:
  bool has(std::uint32_t id) const {
    const std::size_t word = id / 64;
    return word < words_.size() && ((words_[word] >> (id % 64)) & 1U) != 0;
  }
  void set(std::uint32_t id) {
    const std::size_t word = id / 64;
    if (word >= words_.size()) words_.resize(word + 1);
    words_[word] |= std::uint64_t{1} << (id % 64);
  }
  // No id at or past it is in the set.
  std::uint32_t end() const { return static_cast<std::uint32_t>(words_.size() * 64); }
  std::size_t memory_bytes() const { return words_.capacity() * sizeof words_[0]; }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace footfall::counting
