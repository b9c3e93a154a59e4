// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/clock_watch.h"

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

TEST(ClockTest, AWatchCountsStepsOfTheWallClockBothWaysAndNothingElse) {
  ClockWatch watch;
  watch.look(10'000, 500'000);
  watch.look(11'000, 501'000);
  watch.look(12'100, 502'000);  // a slew
  EXPECT_EQ(watch.steps(), 0U);
  watch.look(13'100, 502'000 + 3'600'000);
  EXPECT_EQ(watch.steps(), 1U);
  watch.look(14'100, 504'000);
  EXPECT_EQ(watch.steps(), 2U);
  watch.look(15'100, 505'000);
  EXPECT_EQ(watch.steps(), 2U);
  EXPECT_EQ(watch.stall_ms_max(), 100);
}

TEST(ClockTest, AWatchKnowsTheLongestTimeThatTheProcessDidNotRun) {
  ClockWatch watch;
  watch.look(10'000, 500'000);
  EXPECT_EQ(watch.stall_ms_max(), 0);
  watch.look(71'000, 561'000);
  watch.look(72'050, 562'050);
  EXPECT_EQ(watch.stall_ms_max(), 60'000);
  EXPECT_EQ(watch.steps(), 0U);
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
