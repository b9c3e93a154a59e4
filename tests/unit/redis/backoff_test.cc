// SPDX-License-Identifier: Apache-2.0
#include "redis/backoff.h"

#include <gtest/gtest.h>

namespace footfall::redis {
namespace {

TEST(BackoffTest, ItDoublesToABoundAndIsDrawnFromTheUpperHalf) {
  Backoff least;
  Backoff most;
  std::int64_t span = Backoff::kFirstMs;
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(least.next_ms(0), span / 2);
    EXPECT_EQ(most.next_ms(static_cast<std::uint64_t>(span / 2)), span);
    span = std::min(span * 2, Backoff::kLongestMs);
  }
  EXPECT_EQ(span, Backoff::kLongestMs);
}

TEST(BackoffTest, SuccessBeginsAnew) {
  Backoff backoff;
  for (int i = 0; i < 5; ++i) backoff.next_ms(0);
  backoff.succeeded();
  EXPECT_EQ(backoff.next_ms(0), Backoff::kFirstMs / 2);
}

}  // namespace
}  // namespace footfall::redis
