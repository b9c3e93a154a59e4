// SPDX-License-Identifier: Apache-2.0
// VisitorNews: who hears only what is told has the same sets.
#include "counting/visitor_news.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "counting/site_state.h"
#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

constexpr std::int64_t kDay_s = 86'400;
constexpr Day kToday = 20'000;

Hit hit_of(std::uint64_t visitor, Day day) {
  Hit hit;
  hit.at_s = day * kDay_s + 100;
  hit.visitor = VisitorId{visitor};
  hit.counts = hit.adds_visitor = true;
  return hit;
}

class VisitorNewsTest : public ::testing::Test {
 protected:
  void seen(std::uint64_t visitor, Day day = kToday, const Epoch& epoch = {}) {
    const Hit hit = hit_of(visitor, day);
    state_.apply(epoch, {&hit, 1});
  }
  SiteState state_{Limits{.visitors_exact_max = 100}, 300};
};

TEST_F(VisitorNewsTest, TheFirstCallAsksForEverything) {
  EXPECT_TRUE(state_.take_visitors().everything);
  EXPECT_FALSE(state_.take_visitors().everything);
}

TEST_F(VisitorNewsTest, EachNewVisitorOfADayIsToldOnce) {
  state_.take_visitors();
  seen(1);
  seen(1);
  seen(2);
  seen(1, kToday - 1);
  seen(3);
  seen(2, kToday, Epoch{2, 7});
  const VisitorsTold told = state_.take_visitors();
  using Ids = std::vector<VisitorId>;
  ASSERT_EQ(told.days.size(), 3U);
  EXPECT_EQ(told.days[0], (std::pair{EpochDay{{}, kToday}, Ids{{1}, {2}, {3}}}));
  EXPECT_EQ(told.days[1], (std::pair{EpochDay{{}, kToday - 1}, Ids{{1}}}));
  EXPECT_EQ(told.days[2], (std::pair{EpochDay{{2, 7}, kToday}, Ids{{2}}}));
  seen(3);
  EXPECT_TRUE(state_.take_visitors().days.empty());
}

TEST_F(VisitorNewsTest, WhoHearsOnlyWhatIsToldHasTheSameSketch) {
  std::mt19937_64 random(testing::rng_seed());
  state_.take_visitors();
  Visitors heard(100);
  std::size_t ids = 0;
  for (int flush = 0; flush < 50; ++flush) {
    for (int hits = 0; hits < 1000; ++hits) seen(1 + random() % 30'000);
    for (const auto& [day, visitors] : state_.take_visitors().days) {
      for (const VisitorId visitor : visitors) heard.add(visitor);
      ids += visitors.size();
    }
    const DaySet set = state_.visitors_of({{}, kToday});
    const DaySet other = heard.all();
    ASSERT_EQ(set.sketch, other.sketch);
    ASSERT_EQ(set.ids.size(), other.ids.size());
  }
  EXPECT_LT(ids, 25'000U);  // not everybody raises a register
}

TEST_F(VisitorNewsTest, ADaysSetIsGivenWhole) {
  for (std::uint64_t id = 1; id <= 100; ++id) seen(id);
  seen(7, kToday - 1);
  seen(7, kToday - 2);
  EXPECT_EQ(state_.visitor_days(kToday - 1), (std::vector<EpochDay>{{{}, kToday - 1}, {{}, kToday}}));
  EXPECT_EQ(state_.visitors_of({{}, kToday}).ids.size(), 100U);
  EXPECT_TRUE(state_.visitors_of({{}, kToday}).sketch.empty());
  seen(101);
  EXPECT_TRUE(state_.visitors_of({{}, kToday}).ids.empty());
  HyperLogLog sketch;
  EXPECT_TRUE(sketch.load(state_.visitors_of({{}, kToday}).sketch));
  EXPECT_TRUE(state_.visitors_of({{}, kToday + 1}).ids.empty());
  EXPECT_TRUE(state_.visitors_of({{9, 9}, kToday}).ids.empty());
}

TEST_F(VisitorNewsTest, MoreThanCanBeListedIsEverything) {
  SiteState state(Limits{.visitors_exact_max = 1U << 20U}, 300);
  state.take_visitors();
  for (std::uint64_t id = 1; id <= VisitorNews::kListedMax + 1; ++id) {
    const Hit hit = hit_of(id, kToday);
    state.apply(Epoch{}, {&hit, 1});
  }
  const VisitorsTold told = state.take_visitors();
  EXPECT_TRUE(told.everything);
  EXPECT_TRUE(told.days.empty());
  EXPECT_FALSE(state.take_visitors().everything);
}

}  // namespace
}  // namespace footfall::counting
