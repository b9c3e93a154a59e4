// SPDX-License-Identifier: Apache-2.0
#include "sites/hit_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "support/rng_seed.h"

namespace footfall::sites {
namespace {

constexpr std::int64_t kNow = 1'795'000'000'000;

int taken(HitLimit& limit, std::uint32_t per_second, std::int64_t now_ms, int of) {
  int count = 0;
  for (int i = 0; i < of; ++i) count += limit.allow(per_second, now_ms) ? 1 : 0;
  return count;
}

TEST(HitLimitTest, ASecondsWorthAtOnceThenTheRate) {
  HitLimit limit;
  EXPECT_EQ(taken(limit, 10, kNow, 50), 10);
  EXPECT_EQ(taken(limit, 10, kNow + 99, 5), 0);
  EXPECT_EQ(taken(limit, 10, kNow + 100, 5), 1);
  EXPECT_EQ(taken(limit, 10, kNow + 600, 50), 5);
  EXPECT_EQ(taken(limit, 10, kNow + 100'000, 50), 10);
}

TEST(HitLimitTest, ZeroIsNoLimit) {
  HitLimit limit;
  EXPECT_EQ(taken(limit, 0, kNow, 1000), 1000);
}

TEST(HitLimitTest, AnotherLimitHoldsAtOnce) {
  HitLimit limit;
  EXPECT_EQ(taken(limit, 1000, kNow, 1), 1);
  EXPECT_EQ(taken(limit, 5, kNow, 50), 5);
  EXPECT_EQ(taken(limit, 1000, kNow + 100, 5000), 100);
}

TEST(HitLimitTest, AnOlderReadingOfTheClockAddsNothing) {
  HitLimit limit;
  EXPECT_EQ(taken(limit, 10, kNow, 50), 10);
  EXPECT_EQ(taken(limit, 10, kNow - 5000, 50), 0);
  EXPECT_EQ(taken(limit, 10, kNow + 100, 50), 1);
}

TEST(HitLimitTest, OverAnySpanNoMoreThanItsSecondsAndOneMore) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 50; ++round) {
    const auto per_second = static_cast<std::uint32_t>(1 + random() % 200);
    HitLimit limit;
    std::vector<std::int64_t> at_ms;
    std::int64_t now_ms = kNow;
    for (int i = 0; i < 2000; ++i) {
      now_ms += static_cast<std::int64_t>(random() % 20);
      if (limit.allow(per_second, now_ms)) at_ms.push_back(now_ms);
    }
    for (std::size_t from = 0; from < at_ms.size(); from += 7) {
      for (std::size_t to = from; to < at_ms.size(); to += 13) {
        const std::int64_t span_ms = at_ms[to] - at_ms[from];
        ASSERT_LE(static_cast<std::int64_t>(to - from + 1), per_second + span_ms * per_second / 1000 + 1);
      }
    }
  }
}

TEST(HitLimitTest, ThreadsShareIt) {
  HitLimit limit;
  std::vector<int> counts(4);
  std::vector<std::thread> threads;
  for (int& count : counts) threads.emplace_back([&] { count = taken(limit, 1000, kNow, 1000); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts[0] + counts[1] + counts[2] + counts[3], 1000);
}

}  // namespace
}  // namespace footfall::sites
