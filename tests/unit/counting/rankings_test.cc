// SPDX-License-Identifier: Apache-2.0
// Rankings and CountTable against a std::map.
#include "counting/rankings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

std::string saved(const Rankings& rankings) {
  std::string bytes;
  base::ByteWriter out(bytes);
  rankings.save(out);
  return bytes;
}

TEST(RankingsTest, CountsEachLabelOfADayAndDimension) {
  Rankings rankings;
  rankings.add(7, Dimension::referrer, 5);
  rankings.add(7, Dimension::referrer, 5, 2);
  rankings.add(7, Dimension::referrer, 9);
  rankings.add(7, Dimension::country, 5);
  rankings.add(8, Dimension::referrer, 5);
  EXPECT_EQ(rankings.all(7, Dimension::referrer), (std::vector<Ranked>{{5, 3}, {9, 1}}));
  EXPECT_EQ(rankings.all(7, Dimension::country), (std::vector<Ranked>{{5, 1}}));
  EXPECT_EQ(rankings.all(7, Dimension::event), (std::vector<Ranked>{}));
  EXPECT_EQ(rankings.all(9, Dimension::referrer), (std::vector<Ranked>{}));
  EXPECT_EQ(rankings.days(), (std::vector<Day>{7, 8}));
}

TEST(RankingsTest, APageviewIsRankedByItsPageAndItsLabelsButNoEvent) {
  Rankings rankings;
  Hit hit;
  hit.counts = true;
  hit.labels[static_cast<std::size_t>(Dimension::referrer)] = LabelId{4};
  hit.labels[static_cast<std::size_t>(Dimension::device)] = LabelId{6};
  hit.labels[static_cast<std::size_t>(Dimension::event)] = LabelId{7};
  rankings.add(1, {&hit, 1});
  EXPECT_EQ(rankings.all(1, Dimension::page), (std::vector<Ranked>{{kUnknownPage.value, 1}}));
  EXPECT_EQ(rankings.all(1, Dimension::referrer), (std::vector<Ranked>{{4, 1}}));
  EXPECT_EQ(rankings.all(1, Dimension::device), (std::vector<Ranked>{{6, 1}}));
  EXPECT_TRUE(rankings.all(1, Dimension::campaign).empty());
  EXPECT_TRUE(rankings.all(1, Dimension::event).empty());
}

TEST(RankingsTest, AnEventIsRankedByItsNameAndABotsOrAHeartbeatNowhere) {
  Rankings rankings;
  std::vector<Hit> hits(4);
  for (Hit& hit : hits) {
    hit.kind = Kind::event;
    hit.labels.fill(LabelId{7});
  }
  hits[1].bot = true;
  hits[2].kind = Kind::heartbeat;
  hits[3].labels.back() = kNoLabel;
  rankings.add(1, hits);
  EXPECT_EQ(rankings.all(1, Dimension::event), (std::vector<Ranked>{{7, 1}}));
  EXPECT_TRUE(rankings.all(1, Dimension::page).empty());
  EXPECT_TRUE(rankings.all(1, Dimension::referrer).empty());
  rankings = Rankings();
  rankings.add(1, std::span(hits).subspan(1));
  EXPECT_TRUE(rankings.days().empty());
}

TEST(RankingsTest, PastTheCapAReservationAnswersOther) {
  Rankings rankings;
  EXPECT_EQ(rankings.reserve(1, Dimension::browser, 10, 2), 10U);
  EXPECT_EQ(rankings.reserve(1, Dimension::browser, kOtherLabel.value, 2), kOtherLabel.value);  // takes no place
  EXPECT_FALSE(rankings.full(1, Dimension::browser, 2));
  EXPECT_EQ(rankings.reserve(1, Dimension::browser, 11, 2), 11U);
  EXPECT_TRUE(rankings.full(1, Dimension::browser, 2));
  EXPECT_EQ(rankings.reserve(1, Dimension::browser, 12, 2), kOtherLabel.value);
  EXPECT_EQ(rankings.reserve(1, Dimension::browser, 10, 2), 10U);  // has its place
  EXPECT_EQ(rankings.reserve(2, Dimension::browser, 12, 2), 12U);  // another day
  EXPECT_EQ(rankings.reserve(1, Dimension::system, 12, 2), 12U);   // another dimension
}

TEST(RankingsTest, AReservationIsSeenByNobody) {
  Rankings rankings;
  const std::string before = saved(rankings);
  rankings.reserve(1, Dimension::browser, 10, 5);
  EXPECT_TRUE(rankings.days().empty());
  EXPECT_TRUE(rankings.all(1, Dimension::browser).empty());
  EXPECT_TRUE(rankings.top(Dimension::browser, 0, 9, 10).empty());
  EXPECT_EQ(saved(rankings), before);
}

TEST(RankingsTest, ADayThatIsErasedIsForgottenAndCanBeginAgain) {
  Rankings rankings;
  rankings.add(1, Dimension::system, 3);
  rankings.add(2, Dimension::system, 3);
  rankings.erase(1);
  EXPECT_EQ(rankings.days(), (std::vector<Day>{2}));
  rankings.add(1, Dimension::system, 4);
  EXPECT_EQ(rankings.all(1, Dimension::system), (std::vector<Ranked>{{4, 1}}));
}

TEST(RankingsTest, CountsSaturate) {
  Rankings rankings;
  rankings.add(1, Dimension::system, 3, UINT64_MAX - 1);
  rankings.add(1, Dimension::system, 3, 5);
  EXPECT_EQ(rankings.all(1, Dimension::system).front().count, UINT64_MAX);
  rankings.add(2, Dimension::system, 3, 5);
  EXPECT_EQ(rankings.top(Dimension::system, 1, 2, 1).front().count, UINT64_MAX);
}

TEST(RankingsTest, AgreesWithAMapInAnyOrder) {
  const std::uint64_t seed = footfall::testing::rng_seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  struct Add {
    Day day;
    Dimension dimension;
    std::uint32_t id;
  };
  std::vector<Add> adds;
  for (int i = 0; i < 20'000; ++i) {
    const auto id = static_cast<std::uint32_t>(1 + random() % (1 + random() % 3'000));
    adds.push_back({static_cast<Day>(random() % 5) - 2, static_cast<Dimension>(random() % kDimensions), id});
  }
  Rankings rankings;
  std::map<Day, std::map<Dimension, std::map<std::uint32_t, std::uint64_t>>> oracle;  // day -> dimension -> id -> count
  for (const Add& add : adds) {
    rankings.add(add.day, add.dimension, add.id);
    ++oracle[add.day][add.dimension][add.id];
  }
  for (unsigned d = 0; d < kDimensions; ++d) {
    const auto dimension = static_cast<Dimension>(d);
    for (auto& [day, of_day] : oracle) {
      std::vector<Ranked> expected;
      for (const auto& [id, count] : of_day[dimension]) expected.push_back({id, count});
      EXPECT_EQ(rankings.all(day, dimension), expected);
    }
    std::map<std::uint32_t, std::uint64_t> sums;
    for (Day day = -1; day <= 1; ++day) {
      for (const auto& [id, count] : oracle[day][dimension]) sums[id] += count;
    }
    std::vector<Ranked> expected;
    for (const auto& [id, count] : sums) expected.push_back({id, count});
    std::stable_sort(expected.begin(), expected.end(),
                     [](const Ranked& a, const Ranked& b) { return a.count > b.count; });
    expected.resize(std::min<std::size_t>(expected.size(), 50));
    EXPECT_EQ(rankings.top(dimension, -1, 1, 50), expected);
  }
  std::shuffle(adds.begin(), adds.end(), random);
  Rankings shuffled;
  for (const Add& add : adds) shuffled.add(add.day, add.dimension, add.id);
  EXPECT_EQ(saved(shuffled), saved(rankings));
}

TEST(RankingsTest, WhatIsSavedLoadsToTheSame) {
  Rankings rankings;
  rankings.add(-3, Dimension::page, kUnknownPage.value, 7);
  rankings.add(-3, Dimension::page, 300, UINT64_MAX);
  rankings.add(20'000, Dimension::event, 2);
  const std::string bytes = saved(rankings);
  Rankings loaded;
  loaded.add(5, Dimension::system, 9);  // is replaced
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(saved(loaded), bytes);
  EXPECT_EQ(loaded.all(-3, Dimension::page), rankings.all(-3, Dimension::page));
  loaded.add(20'000, Dimension::event, 2);
  EXPECT_EQ(loaded.all(20'000, Dimension::event), (std::vector<Ranked>{{2, 2}}));
}

// --- malformed bytes ---

TEST(RankingsTest, EveryTruncationIsRefused) {
  Rankings rankings;
  rankings.add(1, Dimension::page, 3, 1'000);
  rankings.add(2, Dimension::device, 300, 7);
  const std::string bytes = saved(rankings);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    base::ByteReader in(std::string_view(bytes).substr(0, size));
    Rankings loaded;
    EXPECT_FALSE(loaded.load(in)) << size;
    EXPECT_TRUE(loaded.days().empty());
  }
}

TEST(RankingsTest, IdsThatDoNotAscendZeroCountsAndEmptyDaysAreRefused) {
  const auto refuses = [](const auto& write) {
    std::string bytes;
    base::ByteWriter out(bytes);
    write(out);
    base::ByteReader in(bytes);
    return !Rankings().load(in);
  };
  const auto dimensions = [](base::ByteWriter& out, unsigned empty) {
    while (empty-- > 0) out.varint(0);
  };
  EXPECT_TRUE(refuses([&](base::ByteWriter& out) { out.varint(1), out.svarint(4), dimensions(out, kDimensions); }));
  EXPECT_TRUE(refuses([&](base::ByteWriter& out) {
    out.varint(1), out.svarint(4), out.varint(1), out.varint(9), out.varint(0), dimensions(out, kDimensions - 1);
  }));
  EXPECT_TRUE(refuses([&](base::ByteWriter& out) {
    out.varint(1), out.svarint(4), out.varint(2), out.varint(9), out.varint(1), out.varint(0), out.varint(1),
        dimensions(out, kDimensions - 1);
  }));
  EXPECT_TRUE(refuses([&](base::ByteWriter& out) {  // kNoLabel is never ranked
    out.varint(1), out.svarint(4), out.varint(0), out.varint(1), out.varint(0), out.varint(1),
        dimensions(out, kDimensions - 2);
  }));
  EXPECT_FALSE(refuses([&](base::ByteWriter& out) {  // but the unknown page is
    out.varint(1), out.svarint(4), out.varint(1), out.varint(0), out.varint(1), dimensions(out, kDimensions - 1);
  }));
}

}  // namespace
}  // namespace footfall::counting
