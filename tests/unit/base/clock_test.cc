// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace footfall::base {
namespace {

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TEST(ClockTest, ANewSystemClockAgreesWithTheWallClock) {
  const std::int64_t before = wall_ms();
  const SystemClock clock;
  const std::int64_t now = clock.utc_ms();
  const std::int64_t after = wall_ms();
  EXPECT_GE(now, before - 2);  // both are rounded to the millisecond
  EXPECT_LE(now, after + 2);
}

TEST(ClockTest, TheSystemClockNeverGoesBack) {
  const SystemClock clock;
  std::int64_t last = clock.utc_ms();
  for (int i = 0; i < 100'000; ++i) {
    const std::int64_t now = clock.utc_ms();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(ClockTest, AManualClockSaysWhatItWasTold) {
  ManualClock clock(1'500);
  EXPECT_EQ(clock.utc_s(), 1);
  clock.advance_ms(500);
  EXPECT_EQ(clock.utc_s(), 2);
  clock.set_ms(10'000);
  EXPECT_EQ(clock.utc_ms(), 10'000);
}

}  // namespace
}  // namespace footfall::base
