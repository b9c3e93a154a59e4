// SPDX-License-Identifier: Apache-2.0
// CheckpointSchedule: when the next checkpoint is due.
//
//   each interval                      if all is well
//   at once                            when the journal since the last one reached its bound: a start would replay it,
//                                      and the disk holds it; also when a stream, of hits or of changes, found no room
//                                      for its next segment
//   1, 2, 4 ... 60 s after the last    while runs fail, or have not helped a stream that has none
//
// Units seconds, bytes. No clock of its own. Tested by tests/unit/store/checkpoint_schedule_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

namespace footfall::store {

class CheckpointSchedule {
 public:
  CheckpointSchedule(std::int32_t interval_s, std::uint64_t journal_bytes_max)
      : interval_s_(interval_s), journal_bytes_max_(journal_bytes_max) {}

  void set(std::int32_t interval_s, std::uint64_t journal_bytes_max) {
    interval_s_ = interval_s;
    journal_bytes_max_ = journal_bytes_max;
  }
  // `since_s`: since the end of the last run, or the start.
  bool due(double since_s, std::uint64_t journal_bytes, bool stream_failed) const {
    if (in_vain_ > 0) return since_s >= retry_after_s();
    return since_s >= interval_s_ || journal_bytes >= journal_bytes_max_ || stream_failed;
  }
  // After a run. In vain: it failed, or a stream takes nothing all the same.
  void ran(bool in_vain) { in_vain_ = in_vain ? std::min(in_vain_ + 1, kDoublings) : 0; }

 private:
  static constexpr int kDoublings = 7;
  static constexpr std::int32_t kRetryMax_s = 60;
  std::int32_t retry_after_s() const { return std::min(1 << (in_vain_ - 1), kRetryMax_s); }

  std::int32_t interval_s_;
  std::uint64_t journal_bytes_max_;
  int in_vain_ = 0;  // runs, one after another
};

}  // namespace footfall::store
