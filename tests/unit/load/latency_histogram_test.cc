// SPDX-License-Identifier: Apache-2.0
// The histogram against all values, sorted.
#include "load/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "support/rng_seed.h"

namespace footfall::load {
namespace {

TEST(LatencyHistogramTest, SmallValuesAreExact) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.quantile_ns(0.5), 0U);
  for (std::uint64_t value = 1; value <= 200; ++value) histogram.record(value);
  EXPECT_EQ(histogram.quantile_ns(0), 1U);
  EXPECT_EQ(histogram.quantile_ns(0.5), 100U);
  EXPECT_EQ(histogram.quantile_ns(0.995), 199U);
  EXPECT_EQ(histogram.quantile_ns(1), 200U);
  EXPECT_EQ(histogram.count(), 200U);
  EXPECT_DOUBLE_EQ(histogram.mean_ns(), 100.5);
}

TEST(LatencyHistogramTest, WhatIsBeyondItsRangeCountsAsItsEnd) {
  LatencyHistogram histogram;
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.max_ns(), LatencyHistogram::kValueMax);
  EXPECT_EQ(histogram.quantile_ns(1), LatencyHistogram::kValueMax);
}

TEST(LatencyHistogramTest, EveryQuantileIsWithinOneIn128OfTheSortedValues) {
  std::mt19937_64 random(footfall::testing::rng_seed());
  for (int round = 0; round < 20; ++round) {
    LatencyHistogram parts[3];
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 5'000; ++i) {
      const std::uint64_t value = random() >> (22 + random() % 42);  // of all magnitudes
      values.push_back(value);
      parts[random() % 3].record(value);
    }
    parts[0].merge(parts[1]);
    parts[0].merge(parts[2]);
    std::sort(values.begin(), values.end());
    EXPECT_EQ(parts[0].max_ns(), values.back());
    EXPECT_EQ(parts[0].count(), values.size());
    for (const double part : {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
      const std::uint64_t exact = values[std::max<std::size_t>(rank, 1) - 1];
      const std::uint64_t found = parts[0].quantile_ns(part);
      EXPECT_GE(found, exact) << part;
      EXPECT_LE(found, exact + exact / 128) << part;
    }
  }
}

}  // namespace
}  // namespace footfall::load
