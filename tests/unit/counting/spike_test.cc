// SPDX-License-Identifier: Apache-2.0
#include "counting/spike.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

constexpr std::int64_t kMinute = 1'790'035'200;

std::vector<Cell> minutes_of(std::uint64_t hits, std::int64_t count = Spike::kMinutesBefore) {
  std::vector<Cell> cells;
  for (std::int64_t i = count; i > 0; --i) cells.push_back({.key = kMinute - i * 60, .hits = hits});
  return cells;
}

std::optional<Spike> with(std::vector<Cell> before, std::uint64_t hits) {
  before.push_back({.key = kMinute, .hits = hits});
  return spike_of(before, kMinute);
}

TEST(SpikeTest, AMinuteFarAboveTheUsualIsOne) {
  EXPECT_EQ(with(minutes_of(50), 1'000), (Spike{kMinute, 1'000, 50}));
  EXPECT_EQ(with(minutes_of(50), 501), (Spike{kMinute, 501, 50}));
  EXPECT_EQ(with(minutes_of(50), 500), std::nullopt) << "no more than ten times as many";
}

TEST(SpikeTest, AFewHitsAreNone) {
  EXPECT_EQ(with({}, Spike::kHitsMin - 1), std::nullopt);
  EXPECT_EQ(with({}, Spike::kHitsMin), (Spike{kMinute, Spike::kHitsMin, 0}));
  EXPECT_EQ(spike_of({}, kMinute), std::nullopt);
}

TEST(SpikeTest, OneSpikeHidesNotTheNextAndWhatLastsIsTheUsual) {
  std::vector<Cell> cells = minutes_of(50);
  for (std::size_t i = 100; i < 180; ++i) cells[i].hits = 5'000;
  EXPECT_EQ(with(cells, 5'000)->usual, 50U);
  for (std::size_t i = 80; i < 100; ++i) cells[i].hits = 5'000;
  EXPECT_EQ(with(cells, 5'000), std::nullopt);
}

TEST(SpikeTest, MinutesWithoutAHitCountAndOthersDoNot) {
  EXPECT_EQ(with(minutes_of(500, 89), 1'000)->usual, 0U);
  EXPECT_EQ(with(minutes_of(500, 90), 1'000), std::nullopt);
  std::vector<Cell> cells = minutes_of(0);
  cells.insert(cells.begin(), {.key = kMinute - 60 * 181, .hits = 9'999});
  cells.push_back({.key = kMinute, .hits = 400});
  cells.push_back({.key = kMinute + 60, .hits = 9'999});
  EXPECT_EQ(spike_of(cells, kMinute), (Spike{kMinute, 400, 0}));
}

TEST(SpikeTest, AgreesWithASortedList) {
  std::mt19937_64 random(testing::rng_seed());
  int spikes = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::vector<Cell> cells;
    std::vector<std::uint64_t> sorted;
    const std::uint64_t most = 1 + random() % 200;
    for (std::int64_t i = 180; i > 0; --i) {
      const std::uint64_t hits = random() % 3 == 0 ? 0 : random() % most;
      if (hits > 0) cells.push_back({.key = kMinute - i * 60, .hits = hits});
      sorted.push_back(hits);
    }
    std::sort(sorted.begin(), sorted.end());
    const std::uint64_t hits = random() % 2'000;
    const auto found = with(cells, hits);
    ASSERT_EQ(found.has_value(), hits >= 300 && hits > 10 * sorted[90]) << hits << " " << sorted[90];
    if (found) {
      ASSERT_EQ(found->usual, sorted[90]);
    }
    spikes += found ? 1 : 0;
  }
  EXPECT_GT(spikes, 100);
}

}  // namespace
}  // namespace footfall::counting
