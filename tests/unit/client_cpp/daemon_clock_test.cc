// SPDX-License-Identifier: Apache-2.0
#include "cpp/daemon_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::client {
namespace {

constexpr std::int64_t kNow_ms = 1'700'000'000'000;

// As the daemon writes it at that moment.
std::string date_at(std::int64_t utc_ms) {
  const std::time_t second = utc_ms / 1000;
  std::tm at{};
  gmtime_r(&second, &at);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &at);
  return text;
}

TEST(DaemonClockTest, ClocksThatAgreeAreLeftAlone) {
  DaemonClock clock;
  for (std::int64_t ms = 0; ms < 3'000; ms += 7) {
    clock.learn(kNow_ms + ms, kNow_ms + ms + 5, date_at(kNow_ms + ms + 3));
    ASSERT_EQ(clock.difference_s(), 0);
  }
  clock.learn(kNow_ms, kNow_ms + 30'000, date_at(kNow_ms + 29'000));
  EXPECT_EQ(clock.difference_s(), 0) << "a slow answer";
}

TEST(DaemonClockTest, AClockThatIsAheadOrBehindIsKnownByTheFirstQuickAnswer) {
  for (const std::int64_t ahead_s : {-86'400, -10, -2, 2, 6, 3'600}) {
    DaemonClock clock;
    clock.learn(kNow_ms, kNow_ms + 4, date_at(kNow_ms + 2 - ahead_s * 1000));
    EXPECT_NEAR(static_cast<double>(clock.difference_s()), static_cast<double>(-ahead_s), 1) << ahead_s;
  }
}

TEST(DaemonClockTest, AClockThatIsSetMeanwhileIsFollowed) {
  DaemonClock clock;
  clock.learn(kNow_ms, kNow_ms + 4, date_at(kNow_ms - 3'600'000));
  clock.learn(kNow_ms, kNow_ms + 4, date_at(kNow_ms));
  EXPECT_NEAR(static_cast<double>(clock.difference_s()), 0, 1);
}

TEST(DaemonClockTest, ASlowAnswerSaysLessAndContradictsNothing) {
  DaemonClock clock;
  clock.learn(kNow_ms, kNow_ms + 60'000, date_at(kNow_ms - 10'000));
  EXPECT_EQ(clock.difference_s(), -9) << "it is ahead by so much at least";
  clock.learn(kNow_ms, kNow_ms + 4, date_at(kNow_ms - 40'000));
  EXPECT_EQ(clock.difference_s(), -39);
  clock.learn(kNow_ms, kNow_ms + 60'000, date_at(kNow_ms - 10'000));
  EXPECT_EQ(clock.difference_s(), -39);
}

TEST(DaemonClockTest, AtRandomTheDifferenceIsWithinWhatAnAnswerTells) {
  std::mt19937_64 random(footfall::testing::rng_seed());
  const auto below = [&random](std::int64_t bound) {
    return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random);
  };
  for (int round = 0; round < 2'000; ++round) {
    const std::int64_t true_ms = below(2'000'000) - 1'000'000;
    DaemonClock clock;
    std::int64_t now_ms = kNow_ms + below(1'000'000);
    std::int64_t quickest_ms = INT64_MAX;
    for (std::int64_t left = 1 + below(5); left > 0; --left) {
      const std::int64_t took_ms = below(20'000);
      const std::int64_t written_ms = now_ms + below(took_ms + 1);
      clock.learn(now_ms, now_ms + took_ms, date_at(written_ms + true_ms));
      quickest_ms = std::min(quickest_ms, took_ms);
      now_ms += took_ms + below(5'000);
    }
    ASSERT_LE(std::abs(clock.difference_s() * 1000 - true_ms), quickest_ms + 1'500) << round;
  }
}

TEST(DaemonClockTest, EachDayOfFourYearsIsRead) {
  for (std::int64_t day = 0; day < 1'462; ++day) {
    const std::int64_t at_ms = (1'704'067'200 + day * 86'400 + day * 59 % 86'400) * 1000;
    DaemonClock clock;
    clock.learn(0, 0, date_at(at_ms));
    ASSERT_EQ(clock.difference_s(), at_ms / 1000) << date_at(at_ms);
  }
}

TEST(DaemonClockTest, WhatIsNoDateChangesNothing) {
  for (const char* bad :
       {"", "now", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 2024 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT",
        "Sun, xx Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    DaemonClock clock;
    clock.learn(kNow_ms, kNow_ms, bad);
    EXPECT_EQ(clock.difference_s(), 0) << bad;
  }
}

TEST(LocalClockTest, BeginsWithThisMachinesAndRunsOn) {
  const std::int64_t before_s = std::time(nullptr);
  const LocalClock clock;
  const std::int64_t first_ms = clock.now_ms();
  EXPECT_GE(first_ms / 1000, before_s);
  EXPECT_LE(first_ms / 1000, std::time(nullptr) + 1);
  EXPECT_GE(clock.now_ms(), first_ms);
}

}  // namespace
}  // namespace footfall::client
