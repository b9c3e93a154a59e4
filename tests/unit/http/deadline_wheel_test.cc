// SPDX-License-Identifier: Apache-2.0
#include "http/deadline_wheel.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace footfall::http {
namespace {

class DeadlineWheelTest : public ::testing::Test {
 protected:
  using Due = std::multiset<std::pair<std::int64_t, std::uint32_t>>;  // (second, index)
  Due advance(std::int64_t now_s) {
    Due due;
    wheel_.advance(now_s, [&due](std::uint32_t index, std::int64_t second) { due.insert({second, index}); });
    return due;
  }
  DeadlineWheel wheel_{1000};
};

TEST_F(DeadlineWheelTest, GivesWhatIsDueOnce) {
  EXPECT_EQ(wheel_.insert(7, 1010), 1010);
  EXPECT_EQ(wheel_.insert(8, 1011), 1011);
  EXPECT_EQ(advance(1009), Due{});
  EXPECT_EQ(advance(1010), (Due{{1010, 7}}));
  EXPECT_EQ(advance(1200), (Due{{1011, 8}}));
  EXPECT_EQ(advance(2000), Due{});
}

TEST_F(DeadlineWheelTest, WhatIsPastIsDueInTheNextSecond) {
  EXPECT_EQ(wheel_.insert(7, 5), 1001);
  EXPECT_EQ(advance(1001), (Due{{1001, 7}}));
}

TEST_F(DeadlineWheelTest, WhatIsBeyondTheRingComesEarly) {
  const std::int64_t second = wheel_.insert(7, 1000 + 10 * DeadlineWheel::kSeconds);
  EXPECT_EQ(second, 1000 + DeadlineWheel::kSeconds - 1);
  EXPECT_EQ(advance(second), (Due{{second, 7}}));
}

TEST_F(DeadlineWheelTest, ALeapOfTheClockLosesNothing) {
  for (std::uint32_t i = 0; i < 127; ++i) wheel_.insert(i, 1001 + i);
  EXPECT_EQ(advance(1'000'000).size(), 127U);
  EXPECT_EQ(wheel_.insert(1, 1'000'003), 1'000'003);
  EXPECT_EQ(advance(1'000'003).size(), 1U);
}

TEST_F(DeadlineWheelTest, KeepsLittleOfItsBusiestSeconds) {
  for (std::int64_t second = 1001; second <= 1000 + 2 * DeadlineWheel::kSeconds; ++second) {
    for (std::uint32_t index = 0; index < 10'000; ++index) wheel_.insert(index, second);
    EXPECT_EQ(advance(second).size(), 10'000U);
  }
  EXPECT_LE(wheel_.memory_bytes(), 128U << 10U);
  for (int round = 0; round < 2; ++round) {  // as many as a slot may keep
    for (std::uint32_t index = 0; index < 256; ++index) wheel_.insert(index, 1300 + round);
    EXPECT_EQ(advance(1300 + round).size(), 256U);
  }
  EXPECT_GE(wheel_.memory_bytes(), 256U * sizeof(std::uint32_t));
}

TEST_F(DeadlineWheelTest, WhatIsDueMayBeInsertedAgain) {
  wheel_.insert(7, 1001);
  int times = 0;
  wheel_.advance(1005, [&](std::uint32_t index, std::int64_t second) {
    ++times;
    if (second < 1003) wheel_.insert(index, second + 1);
  });
  EXPECT_EQ(times, 3);
}

}  // namespace
}  // namespace footfall::http
