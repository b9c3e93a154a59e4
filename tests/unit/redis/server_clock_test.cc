// SPDX-License-Identifier: Apache-2.0
#include "redis/server_clock.h"

#include <gtest/gtest.h>

namespace footfall::redis {
namespace {

TEST(ServerClockTest, TheQuickestAnswerIsBelieved) {
  ServerClock clock;
  EXPECT_FALSE(clock.known());
  clock.sample(1000, 1400, 6300);
  EXPECT_TRUE(clock.known());
  EXPECT_EQ(clock.ahead_ms(), 5100);
  clock.sample(2000, 2010, 7005);
  clock.sample(3000, 3900, 8890);
  EXPECT_EQ(clock.ahead_ms(), 5000);
  EXPECT_EQ(clock.shift_s(), 5);
  EXPECT_TRUE(clock.skewed());
}

TEST(ServerClockTest, AnAnswerOfAnotherServerIsBelievedAfterEight) {
  ServerClock clock;
  clock.sample(0, 2, 1);
  for (int i = 0; i < 8; ++i) clock.sample(1000, 1010, -2995);
  EXPECT_EQ(clock.ahead_ms(), -4000);
  EXPECT_EQ(clock.shift_s(), -4);
}

TEST(ServerClockTest, LessThanThreeQuartersOfASecondIsNoDifferenceAndAShiftStays) {
  ServerClock clock;
  clock.sample(1000, 1000, 1740);
  EXPECT_EQ(clock.shift_s(), 0);
  EXPECT_FALSE(clock.skewed());
  for (int i = 0; i < 8; ++i) clock.sample(1000, 1000, 1760);
  EXPECT_EQ(clock.shift_s(), 1);
  for (int i = 0; i < 8; ++i) clock.sample(1000, 1000, 1260);
  EXPECT_EQ(clock.shift_s(), 1);
  for (int i = 0; i < 8; ++i) clock.sample(1000, 1000, 1240);
  EXPECT_EQ(clock.shift_s(), 0);
}

TEST(ServerClockTest, AnswersThatTookTooLongOrCameBeforeTheyWereAskedForSayNothing) {
  ServerClock clock;
  clock.sample(1000, 2001, 50'000);
  clock.sample(1000, 999, 50'000);
  EXPECT_FALSE(clock.known());
}

}  // namespace
}  // namespace footfall::redis
