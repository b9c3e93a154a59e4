// SPDX-License-Identifier: Apache-2.0
#include "base/log_limit.h"

#include <gtest/gtest.h>

namespace footfall::base::log {
namespace {

TEST(LogLimitTest, AnEventHasSoManyLinesAMinuteAndTheNextSaysHowManyWereHeldBack) {
  LogLimit limit;
  limit.set_lines_max(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.take("a", 100), 0U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.take("a", 159), std::nullopt);
  EXPECT_EQ(limit.suppressed(), 5U);
  EXPECT_EQ(limit.take("a", 160), 5U) << "another minute";
  EXPECT_EQ(limit.take("a", 160), 0U) << "said once";
  EXPECT_EQ(limit.suppressed(), 5U);
}

TEST(LogLimitTest, EventsHaveTheirOwnMinutes) {
  LogLimit limit;
  limit.set_lines_max(1);
  EXPECT_EQ(limit.take("a", 100), 0U);
  EXPECT_EQ(limit.take("b", 130), 0U);
  EXPECT_EQ(limit.take("a", 160), 0U);
  EXPECT_EQ(limit.take("b", 160), std::nullopt);
}

TEST(LogLimitTest, WithoutALimitNothingIsHeldBackAndItCanBeSetMeanwhile) {
  LogLimit limit;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.take("a", 100), 0U);
  limit.set_lines_max(1);
  EXPECT_EQ(limit.take("a", 100), std::nullopt);
  limit.set_lines_max(0);
  EXPECT_EQ(limit.take("a", 100), 1U);
}

}  // namespace
}  // namespace footfall::base::log
