// SPDX-License-Identifier: Apache-2.0
#include "metrics/durations.h"

#include <gtest/gtest.h>

namespace footfall::metrics {
namespace {

TEST(Durations, ABucketIsThatOfTheLongestThatItCanHaveBeen) {
  Durations durations;
  durations.add(0, 3);  // under 1 ms
  durations.add(1, 2);  // under 2 ms
  durations.add(2, 5);  // it may have been 2.9
  EXPECT_EQ(durations.in_bucket(0), 5U);
  EXPECT_EQ(durations.in_bucket(1), 5U);
  EXPECT_EQ(durations.sum_ms(), 0U + 2 + 10);
}

TEST(Durations, WhatIsLongerThanAllBoundsIsInTheLast) {
  Durations durations;
  durations.add(999, 1);
  durations.add(1000, 1);
  durations.add(3'600'000, 4);
  EXPECT_EQ(durations.in_bucket(Durations::kBuckets - 2), 1U);
  EXPECT_EQ(durations.in_bucket(Durations::kBuckets - 1), 5U);
}

TEST(Durations, EachIsInOneBucket) {
  Durations durations;
  for (std::int64_t ms = 0; ms < 2000; ++ms) durations.add(ms, 1);
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < Durations::kBuckets; ++i) {
    all += durations.in_bucket(i);  // as in a histogram
    if (i == Durations::kBoundsMs.size()) break;
    EXPECT_EQ(all, static_cast<std::uint64_t>(Durations::kBoundsMs.at(i)));
  }
  EXPECT_EQ(all, 2000U);
}

}  // namespace
}  // namespace footfall::metrics
