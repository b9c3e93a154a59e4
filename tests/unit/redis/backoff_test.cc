// SPDX-License-Identifier: Apache-2.0
#include "redis/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "base/hash.h"
#include "support/rng_seed.h"

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

TEST(BackoffTest, ManyThatLostTheSameServerAtOnceDoNotComeBackInStep) {
  constexpr std::uint64_t kNodes = 1000;
  constexpr std::int64_t kUntilMs = 60'000;
  constexpr std::int64_t kSpanMs = 100;
  const std::uint64_t seed = testing::rng_seed();
  std::vector<int> tries(kUntilMs / kSpanMs);
  for (std::uint64_t node = 0; node < kNodes; ++node) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(base::mix64(seed + node)));
    Backoff backoff;
    for (std::int64_t at_ms = backoff.next_ms(random()); at_ms < kUntilMs; at_ms += backoff.next_ms(random())) {
      ++tries[static_cast<std::size_t>(at_ms / kSpanMs)];
    }
  }
  // Of each node one try in three quarters of the longest wait. The first few come close together, since a connection
  // that was lost is mostly there again at once.
  const double fair = static_cast<double>(kNodes * kSpanMs) / (0.75 * static_cast<double>(Backoff::kLongestMs));
  for (std::size_t span = 0; span < tries.size(); ++span) {
    const double at_s = static_cast<double>(span * kSpanMs) / 1000;
    EXPECT_LT(tries[span], (at_s < 2 ? 12 : 1.6) * fair) << at_s << " s after it was lost";
  }
}

}  // namespace
}  // namespace footfall::redis
