// SPDX-License-Identifier: Apache-2.0
// ClockWatch: what a look at two clocks each second tells an operator: how often the wall clock was set, and how long
// the process did not run (stopped, or a machine that was paused).
//
// Units: milliseconds. Threading: none of its own. Tested by tests/unit/base/clock_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace footfall::base {

class ClockWatch {
 public:
  // `steady_ms` never steps, `wall_ms` may. The first look is what the next is compared with.
  void look(std::int64_t steady_ms, std::int64_t wall_ms) {
    const std::int64_t gap_ms = steady_ms - steady_ms_;
    if (looked_) {
      if (std::abs(wall_ms - wall_ms_ - gap_ms) > kStepMs) ++steps_;
      stall_ms_max_ = std::max(stall_ms_max_, gap_ms - kLookMs);
    }
    looked_ = true;
    steady_ms_ = steady_ms;
    wall_ms_ = wall_ms;
  }
  std::uint64_t steps() const { return steps_; }               // of more than a second between two looks
  std::int64_t stall_ms_max() const { return stall_ms_max_; }  // the longest that a look was late

 private:
  static constexpr std::int64_t kLookMs = 1000, kStepMs = 1000;

  bool looked_ = false;
  std::int64_t steady_ms_ = 0, wall_ms_ = 0;
  std::uint64_t steps_ = 0;
  std::int64_t stall_ms_max_ = 0;
};

}  // namespace footfall::base
