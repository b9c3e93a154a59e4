// SPDX-License-Identifier: Apache-2.0
// DeadlineWheel: when is each connection to be looked at again. A ring of one-second slots of (index, second).
//
//   insert(7, 103) ->  ... | 102 | 103: 7 | 104 | ...   <- advance(104) gives (7, 103), its caller looks and decides
//
// Deadlines move all the time, mostly later, so nothing is ever moved or taken out: the owner remembers the earliest
// second under which it stands here, ignores what is given under another, and inserts again when it is given too early.
// A busy connection costs one entry per deadline's length. Beyond kSeconds an entry comes early, and is inserted again.
//
// Units: whole seconds. insert() and advance() are O(1) an entry; 4 bytes an entry, and as much again of spare room;
// empty, it keeps 128 KB at most. Tested by tests/unit/http/deadline_wheel_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace footfall::http {

class DeadlineWheel {
 public:
  static constexpr std::int64_t kSeconds = 128;

  explicit DeadlineWheel(std::int64_t now_s) : now_s_(now_s) {}

  // Gives the second under which it stands: `second`, or the nearest that the ring holds.
  std::int64_t insert(std::uint32_t index, std::int64_t second) {
    second = std::clamp(second, now_s_ + 1, now_s_ + kSeconds - 1);
    slot(second).push_back(index);
    return second;
  }

  // Calls on_due(index, second) for all that stand at or before `now_s`; they are out. It may insert.
  template <class OnDue>
  void advance(std::int64_t now_s, OnDue&& on_due) {
    const std::int64_t first = now_s_ + 1;
    const std::int64_t last = std::min(now_s, now_s_ + kSeconds);
    for (std::int64_t second = first; second <= last; ++second) {
      now_s_ = second;
      due_.swap(slot(second));
      for (const std::uint32_t index : due_) on_due(index, second);
      due_.clear();
      // Or each slot would keep what its busiest second took.
      if (due_.capacity() > kKept) std::vector<std::uint32_t>().swap(due_);
    }
    now_s_ = std::max(now_s_, now_s);
  }

  std::size_t memory_bytes() const {
    std::size_t entries = due_.capacity();
    for (const auto& slot : slots_) entries += slot.capacity();
    return entries * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::size_t kKept = 256;  // entries of an empty slot

  std::vector<std::uint32_t>& slot(std::int64_t second) {
    return slots_[static_cast<std::size_t>(second) % static_cast<std::size_t>(kSeconds)];
  }

  std::int64_t now_s_;
  std::array<std::vector<std::uint32_t>, static_cast<std::size_t>(kSeconds)> slots_;
  std::vector<std::uint32_t> due_;
};

}  // namespace footfall::http
