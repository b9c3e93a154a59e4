// SPDX-License-Identifier: Apache-2.0
// Clock: UTC that never steps. It reads CLOCK_BOOTTIME, tied once, at construction, to the system's UTC, so that a
// wall clock set by hand or by NTP moves no count, no window and no deadline while the daemon runs.
//
// Cost: one vDSO call; the hot path reads it once per pass. Tested by tests/unit/base/clock_test.cc.
#pragma once

#include <cstdint>

namespace footfall::base {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // Milliseconds since 1970-01-01 UTC; never less than an earlier answer. Any thread.
  virtual std::int64_t utc_ms() const = 0;
  std::int64_t utc_s() const { return utc_ms() / 1000; }
};

class SystemClock final : public Clock {
 public:
  // Never answers less than `not_before_ms`: after a restart under a clock that was set back, time stands still until
  // the clock has caught up.
  explicit SystemClock(std::int64_t not_before_ms = 0);
  std::int64_t utc_ms() const override;

 private:
  std::int64_t offset_ms_;  // UTC minus boot time, as of construction
  std::int64_t not_before_ms_;
};

// For tests: time is a number that the test sets. Not thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t utc_ms) : utc_ms_(utc_ms) {}
  std::int64_t utc_ms() const override { return utc_ms_; }
  void set_ms(std::int64_t utc_ms) { utc_ms_ = utc_ms; }
  void advance_ms(std::int64_t by) { utc_ms_ += by; }

 private:
  std::int64_t utc_ms_;
};

}  // namespace footfall::base
