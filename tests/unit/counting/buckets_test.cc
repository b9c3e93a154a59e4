// SPDX-License-Identifier: Apache-2.0
// Buckets against std::maps, in shuffled order, with late hits, retention and time zones; and the dimensions' names.
#include "counting/buckets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

constexpr std::int64_t kNoon_s = 1'790'035'200;  // 2026-09-22 00:00:00 UTC
constexpr std::int32_t kHanoi_s = 7 * 3600;

std::string saved(const Buckets& buckets) {
  std::string bytes;
  base::ByteWriter writer(bytes);
  buckets.save(writer);
  return bytes;
}

std::vector<Cell> minutes(const Buckets& buckets, std::int64_t from_s = INT64_MIN, std::int64_t to_s = INT64_MAX) {
  std::vector<Cell> cells;
  buckets.each_minute(from_s, to_s, [&](const Cell& cell) { cells.push_back(cell); });
  return cells;
}

std::vector<Cell> hours(const Buckets& buckets, std::int64_t from_s = INT64_MIN, std::int64_t to_s = INT64_MAX) {
  std::vector<Cell> cells;
  buckets.each_hour(from_s, to_s, [&](const Cell& cell) { cells.push_back(cell); });
  return cells;
}

std::vector<Cell> days(const Buckets& buckets) {
  std::vector<Cell> cells;
  buckets.each_day(INT32_MIN, INT32_MAX, [&](const Cell& cell) { cells.push_back(cell); });
  return cells;
}

TEST(BucketsTest, EmptyReadsAsNothing) {
  const Buckets buckets;
  EXPECT_TRUE(minutes(buckets).empty());
  EXPECT_TRUE(days(buckets).empty());
  EXPECT_EQ(buckets.day(5), Cell{.key = 5});
  EXPECT_EQ(buckets.memory_bytes(), 0U);
}

TEST(BucketsTest, AHitIsCountedInItsMinuteHourAndDay) {
  Buckets buckets;
  buckets.add(kNoon_s + 125, 0, 1, 0);
  buckets.add(kNoon_s + 179, 0, 2, 1);
  buckets.add(kNoon_s + 180, 0, 1, 0);
  EXPECT_EQ(minutes(buckets),
            (std::vector<Cell>{{.key = kNoon_s + 120, .hits = 3, .bots = 1}, {.key = kNoon_s + 180, .hits = 1}}));
  EXPECT_EQ(hours(buckets), (std::vector<Cell>{{.key = kNoon_s, .hits = 4, .bots = 1}}));
  EXPECT_EQ(buckets.day(static_cast<Day>(kNoon_s / 86400)), (Cell{.key = kNoon_s / 86400, .hits = 4, .bots = 1}));
}

TEST(BucketsTest, HoursAndDaysAreTheSitesOwn) {
  Buckets buckets;
  buckets.add(kNoon_s - 1, kHanoi_s, 1, 0);               // 06:59:59 in Ha Noi
  buckets.add(kNoon_s + 17 * 3600, kHanoi_s, 1, 0);       // midnight there
  buckets.add(kNoon_s + 10 * 60, 5 * 3600 + 1800, 1, 0);  // 05:40 in Delhi: the hour began at 05:00
  const Day day = static_cast<Day>(kNoon_s / 86400);
  EXPECT_EQ(buckets.day(day).hits, 2U);
  EXPECT_EQ(buckets.day(day + 1).hits, 1U);
  EXPECT_EQ(hours(buckets)[1].key, kNoon_s - 1800);
}

TEST(BucketsTest, TimesBefore1970HaveTheirBucketsToo) {
  Buckets buckets;
  buckets.add(-1, 0, 1, 0);
  EXPECT_EQ(minutes(buckets)[0].key, -60);
  EXPECT_EQ(hours(buckets)[0].key, -3600);
  EXPECT_EQ(days(buckets)[0].key, -1);
}

TEST(BucketsTest, TheHighestOnlineStays) {
  Buckets buckets;
  buckets.observe(kNoon_s, 0, 5);
  buckets.observe(kNoon_s + 1, 0, 9);
  buckets.observe(kNoon_s + 2, 0, 7);
  buckets.observe(kNoon_s + 60, 0, 3);
  buckets.observe(kNoon_s + 120, 0, 0);
  ASSERT_EQ(minutes(buckets).size(), 2U);
  EXPECT_EQ(minutes(buckets)[0].online_max, 9U);
  EXPECT_EQ(minutes(buckets)[1].online_max, 3U);
  EXPECT_EQ(hours(buckets)[0].online_max, 9U);
  EXPECT_EQ(days(buckets)[0].online_max, 9U);
}

TEST(BucketsTest, VisitorsOfClosedDaysAdd) {
  Buckets buckets;
  buckets.add_closed_visitors(100, 7);
  buckets.add_closed_visitors(99, 5);
  buckets.add_closed_visitors(100, 1);
  buckets.add_closed_visitors(98, 0);
  EXPECT_EQ(days(buckets), (std::vector<Cell>{{.key = 99, .visitors = 5}, {.key = 100, .visitors = 8}}));
}

TEST(BucketsTest, CountsSaturate) {
  Buckets buckets;
  buckets.add(kNoon_s, 0, UINT64_MAX - 1, 1);
  buckets.add(kNoon_s, 0, 5, UINT64_MAX);
  EXPECT_EQ(minutes(buckets)[0].hits, UINT64_MAX);
  EXPECT_EQ(minutes(buckets)[0].bots, UINT64_MAX);
}

TEST(BucketsTest, ReadsAreHalfOpenRanges) {
  Buckets buckets;
  for (int minute = 0; minute < 10; ++minute) buckets.add(kNoon_s + minute * 60, 0, 1, 0);
  EXPECT_EQ(minutes(buckets, kNoon_s + 60, kNoon_s + 180).size(), 2U);
  EXPECT_EQ(minutes(buckets, kNoon_s + 61, kNoon_s + 181).size(), 2U);
  EXPECT_TRUE(minutes(buckets, kNoon_s + 600, kNoon_s).empty());
}

TEST(BucketsTest, WhatIsPastRetentionIsGoneFromReadsAtOnce) {
  Buckets buckets;
  buckets.add(kNoon_s, 0, 1, 0);
  buckets.add(kNoon_s + Buckets::kMinutesKept_s - 1, 0, 1, 0);
  EXPECT_EQ(minutes(buckets).size(), 2U);
  buckets.add(kNoon_s + Buckets::kMinutesKept_s, 0, 1, 0);
  EXPECT_EQ(minutes(buckets).size(), 2U);
  EXPECT_EQ(minutes(buckets)[0].key, kNoon_s + Buckets::kMinutesKept_s - 60);
  EXPECT_EQ(hours(buckets).size(), 3U);
  buckets.add(kNoon_s + Buckets::kHoursKept_s, 0, 1, 0);
  EXPECT_EQ(hours(buckets).size(), 3U);
  EXPECT_EQ(days(buckets).size(), 4U);
  const std::string before = saved(buckets);
  buckets.prune();
  EXPECT_EQ(saved(buckets), before);
}

TEST(BucketsTest, MemoryIsBoundedByRetentionWithoutAnybodyPruning) {
  Buckets buckets;
  for (std::int64_t minute = 0; minute < 200 * 1440; ++minute) buckets.add(kNoon_s + minute * 60, 0, 1, 0);
  EXPECT_EQ(minutes(buckets).size(), 2880U);
  EXPECT_EQ(hours(buckets).size(), 2160U);
  EXPECT_EQ(days(buckets).size(), 200U);
  EXPECT_LE(buckets.memory_bytes(), 2 * sizeof(Cell) * (3240 + 2430 + 200));
}

TEST(BucketsTest, AgreesWithMapsInAnyOrder) {
  std::mt19937_64 random(testing::rng_seed());
  struct Change {
    std::int64_t at_s;
    std::int32_t offset_s;
    std::uint64_t hits, bots;
    std::uint32_t online;
  };
  for (int round = 0; round < 20; ++round) {
    const std::int64_t span_s = std::vector<std::int64_t>{3600, 4 * 86400, 200 * 86400}[random() % 3];
    std::vector<Change> changes(1 + random() % 3000);
    for (Change& change : changes) {
      change = {kNoon_s + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(span_s)),
                random() % 2 == 0 ? 0 : 19'800, random() % 3, random() % 3,
                random() % 4 == 0 ? static_cast<std::uint32_t>(random() % 100) : 0};
    }
    std::map<std::int64_t, Cell> by_minute, by_hour, by_day;  // key -> cell
    std::int64_t newest_s = INT64_MIN;
    for (const Change& change : changes) {
      if (change.hits + change.bots + change.online == 0) continue;
      newest_s = std::max(newest_s, change.at_s);
      const std::int64_t local_s = change.at_s + change.offset_s;
      for (Cell* cell : {&by_minute[change.at_s / 60 * 60], &by_hour[local_s / 3600 * 3600 - change.offset_s],
                         &by_day[local_s / 86400]}) {
        cell->hits += change.hits;
        cell->bots += change.bots;
        cell->online_max = std::max(cell->online_max, change.online);
      }
    }
    const auto kept = [&](std::map<std::int64_t, Cell>& cells, std::int64_t kept_s) {
      std::vector<Cell> list;
      for (auto& [key, cell] : cells) {
        cell.key = key;
        if (key > newest_s - kept_s) list.push_back(cell);
      }
      return list;
    };
    std::string first_bytes;
    for (int order = 0; order < 3; ++order) {
      std::shuffle(changes.begin(), changes.end(), random);
      Buckets buckets;
      for (const Change& change : changes) {
        buckets.add(change.at_s, change.offset_s, change.hits, change.bots);
        buckets.observe(change.at_s, change.offset_s, change.online);
        if (random() % 100 == 0) buckets.prune();
      }
      ASSERT_EQ(minutes(buckets), kept(by_minute, Buckets::kMinutesKept_s));
      ASSERT_EQ(hours(buckets), kept(by_hour, Buckets::kHoursKept_s));
      ASSERT_EQ(days(buckets), kept(by_day, INT64_MAX / 2));
      const std::string bytes = saved(buckets);
      if (order == 0) first_bytes = bytes;
      ASSERT_EQ(bytes, first_bytes);
      Buckets loaded;
      base::ByteReader reader(bytes);
      ASSERT_TRUE(loaded.load(reader));
      ASSERT_TRUE(reader.at_end());
      ASSERT_EQ(saved(loaded), bytes);
      ASSERT_EQ(minutes(loaded), minutes(buckets));
    }
  }
}

// --- malformed bytes ---

TEST(BucketsTest, MalformedBytesAreRefusedAndChangeNothing) {
  Buckets buckets;
  buckets.add(kNoon_s, 0, 300, 1);
  buckets.observe(kNoon_s + 60, 0, 5);
  const std::string bytes = saved(buckets);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    base::ByteReader reader(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(buckets.load(reader)) << size;
  }
  const auto with_minutes = [](std::vector<std::int64_t> key_differences, std::uint64_t online_max) {
    std::string made;
    base::ByteWriter writer(made);
    writer.svarint(kNoon_s);
    writer.varint(key_differences.size());
    for (const std::int64_t difference : key_differences) {
      writer.svarint(difference);
      for (int zero = 0; zero < 3; ++zero) writer.varint(0);
      writer.varint(online_max);
    }
    writer.varint(0);
    writer.varint(0);
    return made;
  };
  const auto loads = [&](const std::string& made) {
    base::ByteReader reader(made);
    return Buckets().load(reader);
  };
  EXPECT_TRUE(loads(with_minutes({kNoon_s, 60}, 1)));
  EXPECT_FALSE(loads(with_minutes({kNoon_s, 0}, 1)));          // the same minute again
  EXPECT_FALSE(loads(with_minutes({kNoon_s, -60}, 1)));        // back
  EXPECT_FALSE(loads(with_minutes({kNoon_s, INT64_MAX}, 1)));  // past 64 bits
  EXPECT_FALSE(loads(with_minutes({kNoon_s}, std::uint64_t{1} << 32U)));
  EXPECT_EQ(saved(buckets), bytes);
}

TEST(HitTest, EveryDimensionHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i < kDimensions; ++i) names.insert(name_of(static_cast<Dimension>(i)));
  EXPECT_EQ(names, (std::set<std::string_view>{"pages", "referrers", "campaigns", "countries", "browsers", "systems",
                                               "devices", "events"}));
}

}  // namespace
}  // namespace footfall::counting
