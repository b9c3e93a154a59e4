// SPDX-License-Identifier: Apache-2.0
// Pool: objects named by small numbers, taken and given back; they keep what they allocated.
// Threading: one thread. Tested by tests/unit/server/answer_queue_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace footfall {

template <class T>
class Pool {
 public:
  // The object is as it was given back: the caller sets every field.
  std::uint32_t take() {
    if (free_.empty()) {
      items_.emplace_back();
      return static_cast<std::uint32_t>(items_.size() - 1);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void give(std::uint32_t index) { free_.push_back(index); }
  // A reference stays good when others are taken.
  T& operator[](std::uint32_t index) { return items_[index]; }
  std::size_t taken() const { return items_.size() - free_.size(); }

 private:
  std::deque<T> items_;
  std::vector<std::uint32_t> free_;
};

}  // namespace footfall
