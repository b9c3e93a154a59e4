// SPDX-License-Identifier: Apache-2.0
// SystemClock: boot time plus an offset that is measured once. See clock.h.
#include "base/clock.h"

#include <time.h>

#include <algorithm>

namespace footfall::base {
namespace {

std::int64_t read_ms(clockid_t clock) {
  timespec now{};
  if (clock_gettime(clock, &now) != 0) return 0;
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

SystemClock::SystemClock(std::int64_t not_before_ms)
    : offset_ms_(read_ms(CLOCK_REALTIME) - read_ms(CLOCK_BOOTTIME)), not_before_ms_(not_before_ms) {}

std::int64_t SystemClock::utc_ms() const {
  return std::max(read_ms(CLOCK_BOOTTIME) + offset_ms_, not_before_ms_);
}

}  // namespace footfall::base
