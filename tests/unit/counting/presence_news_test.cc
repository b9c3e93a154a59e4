// SPDX-License-Identifier: Apache-2.0
// PresenceNews: a listener that hears only what is told must know everybody who is online, at every second.
#include "counting/presence_news.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <utility>

#include "counting/site_state.h"
#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

constexpr std::int64_t kStart = 1'790'000'000;
constexpr std::int64_t kMark = std::int64_t{1} << 40U;

Hit hit_of(std::uint64_t visitor, std::int64_t at_s, std::uint64_t moved_from = 0) {
  Hit hit;
  hit.at_s = at_s;
  hit.visitor = VisitorId{visitor};
  hit.moved_from = VisitorId{moved_from};
  hit.counts = hit.touches_presence = hit.adds_visitor = true;
  return hit;
}

class PresenceNewsTest : public ::testing::Test {
 protected:
  void at(std::int64_t second) { now_s_ = kStart + second; }
  void seen(std::uint64_t visitor, std::int64_t late_s = 0, std::uint64_t moved_from = 0) {
    const Hit hit = hit_of(visitor, now_s_ - late_s, moved_from);
    state_.apply(Epoch{}, {&hit, 1});
  }
  std::vector<std::uint64_t> told() {
    std::vector<std::uint64_t> out;
    const PresenceTold told = state_.take_presence();
    EXPECT_FALSE(told.everybody);
    for (const Seen& seen : told.list) out.push_back(seen.visitor.value);
    return out;
  }
  std::vector<Seen> walked(bool everybody) {
    PresenceWalk walk = state_.begin_presence_walk(everybody, now_s_);
    std::vector<Seen> out;
    while (!state_.walk_presence(walk, out)) continue;
    return out;
  }
  using Ids = std::vector<std::uint64_t>;

  std::int64_t now_s_ = kStart;
  SiteState state_{Limits{}, 300};
};

TEST_F(PresenceNewsTest, TheFirstCallAsksForEverybody) {
  at(0);
  seen(1);
  EXPECT_TRUE(state_.take_presence().everybody);
  EXPECT_EQ(walked(true).size(), 1U);
  EXPECT_EQ(told(), Ids{});
}

TEST_F(PresenceNewsTest, WhoAppearsIsToldOnceAndWhoReturnsLateAgain) {
  state_.take_presence();
  at(0);
  walked(true);
  seen(1);
  seen(2);
  seen(1);
  EXPECT_EQ(told(), (Ids{1, 2}));
  at(100);
  seen(1);
  EXPECT_EQ(told(), Ids{});
  at(238);  // 300 - 2 * 30 - 2
  seen(2);
  EXPECT_EQ(told(), Ids{2});
}

TEST_F(PresenceNewsTest, AWalkGivesThoseWhoseLatestHitRoseSinceTheOneBefore) {
  state_.take_presence();
  at(0);
  seen(1);
  seen(2);
  walked(true);
  at(10);
  seen(1);
  at(30);
  EXPECT_EQ(walked(false).size(), 2U);  // seconds are whole: 2 may have been seen after the walk
  at(31);
  seen(2);
  at(60);
  EXPECT_EQ(walked(false), (std::vector<Seen>{{VisitorId{2}, kStart + 31, false}}));
  EXPECT_EQ(walked(true).size(), 2U);
}

TEST_F(PresenceNewsTest, ALateHitThatTheNextWalkWouldLeaveOutIsToldAtOnce) {
  state_.take_presence();
  at(0);
  seen(1);
  at(100);
  walked(true);
  told();
  at(110);
  seen(1, 30);
  EXPECT_EQ(told(), Ids{1});
  seen(1, 40);  // older than what is known
  EXPECT_EQ(told(), Ids{});
}

TEST_F(PresenceNewsTest, WhoGoesOnUnderAnotherIdIsToldAsAMark) {
  state_.take_presence();
  at(0);
  walked(true);
  seen(1);
  told();
  at(10);
  seen(2, 0, 1);
  const PresenceTold told = state_.take_presence();
  EXPECT_EQ(told.list, (std::vector<Seen>{{VisitorId{2}, kStart + 10, false}, {VisitorId{1}, kStart + 10, true}}));
  at(11);
  seen(2, 0, 1);
  EXPECT_EQ(this->told(), Ids{});
}

TEST_F(PresenceNewsTest, MoreThanCanBeListedIsEverybody) {
  state_.take_presence();
  at(0);
  walked(true);
  for (std::uint64_t id = 1; id <= PresenceNews::kListedMax + 1; ++id) seen(id);
  const PresenceTold told = state_.take_presence();
  EXPECT_TRUE(told.everybody);
  EXPECT_TRUE(told.list.empty());
  EXPECT_FALSE(state_.take_presence().everybody);
}

TEST_F(PresenceNewsTest, NothingIsGivenOfASiteThatWasNeverHit) {
  EXPECT_TRUE(state_.take_presence().everybody);
  EXPECT_TRUE(walked(true).empty());
}

// Listening each second, walking as late and as slowly as it may be: nobody is missed, at any second.
TEST(PresenceNewsRandomTest, AListenerKnowsEverybodyAtEverySecond) {
  std::mt19937_64 random(testing::rng_seed());
  const auto draw = [&](std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random);
  };
  for (const std::int32_t window_s : {15, 20, 60, 300}) {
    for (const std::int64_t visitors : {30, 1500}) {
      SiteState state(Limits{}, window_s);
      std::map<std::uint64_t, std::int64_t> heard;  // id -> when it ends; of a mark, kMark later
      const auto hear = [&](const std::vector<Seen>& list) {
        for (const Seen& seen : list) {
          std::int64_t& ends_s = heard[seen.visitor.value];
          ends_s = std::max(ends_s, seen.at_s + window_s + (seen.moved ? kMark : 0));
        }
      };
      std::vector<std::uint64_t> ids(static_cast<std::size_t>(visitors));  // visitor -> the id under which they go on
      std::iota(ids.begin(), ids.end(), 1U);
      std::uint64_t last_id = ids.size() + 1;
      std::optional<PresenceWalk> walk;
      bool everybody = false;
      std::int64_t walk_at_s = 0;
      std::int64_t walk_ends_s = 0;
      for (std::int64_t now_s = kStart; now_s < kStart + 5 * window_s + 100; ++now_s) {
        for (std::int64_t hits = draw(0, 1) == 0 ? draw(0, visitors / 20) : 0; hits > 0; --hits) {
          std::uint64_t& id = ids[static_cast<std::size_t>(draw(0, visitors - 1))];
          const std::int64_t late_s = draw(0, 9) == 0 ? draw(0, window_s) : 0;
          const std::uint64_t old_id = draw(0, 30) == 0 ? std::exchange(id, last_id++) : 0;  // for good
          const Hit hit = hit_of(id, now_s - late_s, old_id);
          state.apply(Epoch{}, {&hit, 1});
        }
        const PresenceTold told = state.take_presence();
        everybody = everybody || told.everybody;
        hear(told.list);
        if (!walk && (everybody || now_s >= walk_at_s)) {
          walk = state.begin_presence_walk(everybody, now_s);
          walk_at_s = now_s + PresenceNews::walk_each_s(window_s);
          walk_ends_s = everybody ? now_s : walk_at_s;
          everybody = false;
        }
        std::vector<Seen> slice;
        while (walk && (now_s >= walk_ends_s || draw(0, 5) == 0)) {
          if (state.walk_presence(*walk, slice)) walk.reset();
        }
        hear(slice);
        std::uint32_t known = 0;
        for (const auto& [id, ends_s] : heard) known += ends_s > now_s && ends_s < kMark;
        ASSERT_EQ(known, state.online(now_s)) << "window " << window_s << ", second " << now_s - kStart;
      }
    }
  }
}

}  // namespace
}  // namespace footfall::counting
