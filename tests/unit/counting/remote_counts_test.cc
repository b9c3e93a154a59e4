// SPDX-License-Identifier: Apache-2.0
// RemoteCounts against the list of all that was learnt: the latest slot of each incarnation, added up anew each time.
#include "counting/remote_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "base/hash.h"
#include "counting/site_state.h"
#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

using base::Incarnation;

constexpr Epoch kFirst{};
constexpr Epoch kSecond{2, 77};
constexpr Day kToday = 20'000;

Incarnation node(unsigned number) {
  Incarnation out{};
  out.front() = static_cast<std::uint8_t>(number);
  return out;
}

// A slot as a node builds it up.
Slot slot_of(const std::map<Day, SlotDay>& days) {
  SlotCounts counts;
  for (const auto& [key, day] : days) {
    counts.counted += day.hits;
    counts.bots += day.bots;
    counts.days.push_back(day);
  }
  return make_slot(std::move(counts));
}

std::string saved(const RemoteCounts& counts) {
  std::string bytes;
  base::ByteWriter out(bytes);
  counts.save(out);
  return bytes;
}

class Oracle {
 public:
  void learnt(const RemoteSlot& remote) {
    Slot& held = latest_[{remote.epoch, remote.incarnation}];
    if (remote.slot.version() > held.version()) held = remote.slot;
  }
  void expect(const RemoteCounts& counts) const {
    for (const Epoch& epoch : {kFirst, kSecond}) {
      SlotCounts sum;
      std::map<Day, SlotDay> days;
      for (const auto& [key, slot] : latest_) {
        if (key.first != epoch) continue;
        sum.counted += slot.counted;
        sum.bots += slot.bots;
        const SlotCounts of_slot = whole(slot);
        for (const SlotDay& day : of_slot.days) {
          SlotDay& of = days.try_emplace(day.day, SlotDay{.day = day.day}).first->second;
          of.hits += day.hits;
          of.bots += day.bots;
        }
      }
      const RemoteCounts::Sums* const sums = counts.sums(epoch);
      if (sums == nullptr) {
        EXPECT_EQ(sum.counted + sum.bots, 0U);
        continue;
      }
      EXPECT_TRUE(sums->counted == sum.counted && sums->bots == sum.bots);
      ASSERT_EQ(sums->days.size(), days.size());
      for (const auto& [key, day] : days) {
        const auto* const found = sums->find(key);
        ASSERT_NE(found, nullptr) << key;
        EXPECT_TRUE(found->hits == day.hits && found->bots == day.bots) << key;
      }
    }
    std::vector<RemoteSlot> all;
    for (const auto& [key, slot] : latest_) all.push_back({key.first, key.second, slot});
    EXPECT_EQ(counts.all(), all);
  }

 private:
  std::map<std::pair<Epoch, Incarnation>, Slot> latest_;  // whose -> the one of the greatest version
};

class RemoteCountsTest : public ::testing::Test {
 protected:
  // What some nodes said, each in the order in which it said it.
  std::vector<RemoteSlot> said(unsigned slots) {
    std::map<std::pair<Epoch, unsigned>, std::map<Day, SlotDay>> nodes;
    std::vector<RemoteSlot> out;
    for (unsigned i = 0; i < slots; ++i) {
      const Epoch epoch = random_() % 3 == 0 ? kSecond : kFirst;
      const auto number = static_cast<unsigned>(random_() % 5);
      auto& days = nodes[{epoch, number}];
      for (std::uint64_t changes = 1 + random_() % 4; changes > 0; --changes) {
        const Day day = kToday - static_cast<Day>(random_() % (1 + random_() % 12)) + static_cast<Day>(i / 20);
        SlotDay& of = days.try_emplace(day, SlotDay{.day = day}).first->second;
        (random_() % 4 == 0 ? of.bots : of.hits) += 1 + random_() % 100;
      }
      out.push_back({epoch, node(number), slot_of(days)});
    }
    return out;
  }

  std::mt19937_64 random_{footfall::testing::rng_seed()};
  RemoteCounts counts_;
};

TEST_F(RemoteCountsTest, TheSumsAreThoseOfTheLatestSlots) {
  Oracle oracle;
  for (const RemoteSlot& remote : said(300)) {
    EXPECT_EQ(counts_.learn(remote.epoch, remote.incarnation, remote.slot), Learnt::news);
    EXPECT_EQ(counts_.learn(remote.epoch, remote.incarnation, remote.slot), Learnt::known);
    oracle.learnt(remote);
    oracle.expect(counts_);
    if (HasFailure()) break;
  }
}

TEST_F(RemoteCountsTest, AnyOrderGivesTheSame) {
  std::vector<RemoteSlot> slots = said(200);
  Oracle oracle;
  for (const RemoteSlot& remote : slots) {
    counts_.learn(remote.epoch, remote.incarnation, remote.slot);
    oracle.learnt(remote);
  }
  for (int i = 0; i < 5; ++i) {
    std::shuffle(slots.begin(), slots.end(), random_);
    RemoteCounts shuffled;
    for (const RemoteSlot& remote : slots) shuffled.learn(remote.epoch, remote.incarnation, remote.slot);
    oracle.expect(shuffled);
    EXPECT_EQ(saved(shuffled), saved(counts_));
  }
}

TEST_F(RemoteCountsTest, ASlotWithoutItsPastGoesWithThePastThatItNames) {
  Oracle oracle;
  unsigned without_past = 0;
  for (RemoteSlot remote : said(300)) {
    oracle.learnt(remote);
    RemoteSlot short_one = remote;
    short_one.slot.past = nullptr;
    const Slot* const held = counts_.find(remote.epoch, remote.incarnation);
    const bool has_it = remote.slot.past_version == (held == nullptr ? 0 : held->past_version);
    EXPECT_EQ(counts_.learn(remote.epoch, remote.incarnation, short_one.slot),
              has_it ? Learnt::news : Learnt::past_missing);
    if (has_it && remote.slot.past_version > 0) ++without_past;
    if (!has_it) {
      EXPECT_EQ(counts_.learn(remote.epoch, remote.incarnation, remote.slot), Learnt::news);
    }
    oracle.expect(counts_);
    if (HasFailure()) break;
  }
  EXPECT_GT(without_past, 10U);
}

TEST_F(RemoteCountsTest, ItsBytesGiveItBack) {
  Oracle oracle;
  for (const RemoteSlot& remote : said(100)) {
    counts_.learn(remote.epoch, remote.incarnation, remote.slot);
    oracle.learnt(remote);
  }
  counts_.inherit(kFirst, node(9), make_slot({.counted = 7, .bots = 1, .days = {{kToday - 9, 3, 1}, {kToday, 4, 0}}}));
  const std::string bytes = saved(counts_);
  RemoteCounts loaded;
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(saved(loaded), bytes);
  EXPECT_EQ(loaded.all(), counts_.all());
  EXPECT_TRUE(loaded.sums(kFirst)->counted == counts_.sums(kFirst)->counted);
  EXPECT_EQ(loaded.base(kFirst).counted, 7U);
}

TEST_F(RemoteCountsTest, NothingMoreThanTheBoundIsTaken) {
  for (std::size_t i = 0; i < kRemoteSlotsMax; ++i) {
    Incarnation incarnation{};
    incarnation[0] = static_cast<std::uint8_t>(i);
    incarnation[1] = static_cast<std::uint8_t>(i >> 8U);
    ASSERT_EQ(counts_.learn(kFirst, incarnation, make_slot({.counted = 1, .bots = 0, .days = {{kToday, 1, 0}}})),
              Learnt::news);
  }
  Incarnation more{};
  more[2] = 1;
  EXPECT_EQ(counts_.learn(kFirst, more, make_slot({.counted = 1, .bots = 0, .days = {{kToday, 1, 0}}})), Learnt::full);
  EXPECT_EQ(counts_.learn(kFirst, node(3), make_slot({.counted = 2, .bots = 0, .days = {{kToday, 2, 0}}})),
            Learnt::news);
  EXPECT_TRUE(counts_.sums(kFirst)->counted == kRemoteSlotsMax + 1);
}

// ---- a slot

TEST(SlotTest, TheLastThreeDaysAreRecentAndTheOthersPast) {
  const Slot slot =
      make_slot({.counted = 15, .bots = 2, .days = {{3, 1, 0}, {9, 2, 1}, {12, 3, 0}, {13, 4, 1}, {20, 5, 0}}});
  EXPECT_EQ(slot.version(), 17U);
  EXPECT_EQ(slot.recent, (std::vector<SlotDay>{{12, 3, 0}, {13, 4, 1}, {20, 5, 0}}));
  ASSERT_NE(slot.past, nullptr);
  EXPECT_EQ(slot.past->days, (std::vector<SlotDay>{{3, 1, 0}, {9, 2, 1}}));
  EXPECT_EQ(slot.past_version, 4U);
  EXPECT_EQ(slot.past->version, 4U);

  const Slot few = make_slot({.counted = 3, .bots = 0, .days = {{3, 1, 0}, {9, 2, 0}}});
  EXPECT_EQ(few.recent.size(), 2U);
  EXPECT_EQ(few.past, nullptr);
  EXPECT_EQ(few.past_version, 0U);
}

TEST(SlotTest, DaysBeyondTheBoundAreAddedToTheOldestThatIsKept) {
  SlotCounts counts;
  for (Day day = 0; day < static_cast<Day>(kSlotDaysMax) + 10; ++day) counts.days.push_back({day, 1, 2});
  counts.counted = counts.days.size();
  counts.bots = 2 * counts.days.size();
  const Slot slot = make_slot(counts);
  const std::vector<SlotDay> days = whole(slot).days;
  EXPECT_EQ(days.size(), kSlotDaysMax);
  EXPECT_EQ(days.front(), (SlotDay{10, 11, 22}));
  EXPECT_EQ(version_of(days), slot.version());
}

TEST(SlotTest, WithoutAnEarlierPartIsWhatCameSince) {
  const SlotCounts part{.counted = 6, .bots = 1, .days = {{3, 1, 0}, {9, 5, 1}}};
  const SlotCounts now{.counted = 10, .bots = 3, .days = {{2, 1, 0}, {3, 1, 0}, {9, 7, 2}, {10, 1, 1}}};
  const SlotCounts since = without(now, part);
  EXPECT_EQ(since.counted, 4U);
  EXPECT_EQ(since.bots, 2U);
  EXPECT_EQ(since.days, (std::vector<SlotDay>{{2, 1, 0}, {9, 2, 1}, {10, 1, 1}}));
  const SlotCounts again = together(since, part);
  EXPECT_EQ(again.counted, now.counted);
  EXPECT_EQ(again.bots, now.bots);
  EXPECT_EQ(again.days, now.days);
}

// ---- in a site's state

class RemoteSiteTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kNow = std::int64_t{kToday} * 86400 + 1000;

  static void hit(SiteState& state, Day day, std::string_view path, bool bot = false) {
    Hit hit;
    hit.at_s = std::int64_t{day} * 86400;
    hit.visitor = VisitorId{5};
    hit.bot = bot;
    hit.counts = !bot;
    hit.adds_visitor = !bot;
    hit.page = state.reserve_page(path, base::table_hash(path));
    state.apply(state.epoch(), {&hit, 1});
  }
  static Summary summary(SiteState& state) { return state.summary(kNow, calendar_of(kToday)); }
  // `to` learns what `from` counted.
  static void tell(const SiteState& from, unsigned number, SiteState& to) {
    for (const auto& [epoch, slot] : from.own_slots()) to.learn(epoch, node(number), slot);
  }

  // The node counts under another incarnation from now on.
  static void begin_incarnation(SiteState& state, unsigned before) {
    for (const auto& [epoch, slot] : state.own_slots()) state.inherit(epoch, node(before), slot);
  }

  SiteState here_{Limits{}, 300}, there_{Limits{}, 300};
};

TEST_F(RemoteSiteTest, ReadingAddsWhatOthersCounted) {
  hit(here_, kToday, "/a");
  hit(there_, kToday, "/a");
  hit(there_, kToday - 1, "/b");
  hit(there_, kToday - 1, "/b");
  hit(there_, kToday - 40, "/b", true);
  EXPECT_FALSE(summary(here_).others);
  tell(there_, 1, here_);
  const Summary sum = summary(here_);
  EXPECT_TRUE(sum.others);
  EXPECT_EQ(sum.counted, 4U);
  EXPECT_EQ(sum.counted_here, 1U);
  EXPECT_EQ(sum.total, 4U);
  EXPECT_EQ(sum.bots, 1U);
  EXPECT_EQ(sum.today.hits, 2U);
  EXPECT_EQ(sum.yesterday.hits, 2U);
  EXPECT_EQ(sum.month.hits, 4U);
  EXPECT_EQ(sum.year.bots, 1U);
  EXPECT_EQ(sum.year.visitors, 1U);
  const std::vector<Cell> days = here_.days(INT32_MIN, INT32_MAX);
  ASSERT_EQ(days.size(), 3U);
  EXPECT_EQ(days[0].bots, 1U);
  EXPECT_EQ(days[1].hits, 2U);
  EXPECT_EQ(days[2].hits, 2U);
}

TEST_F(RemoteSiteTest, ThePagesAndTheBooksAreTheNodesOwn) {
  hit(here_, kToday, "/a");
  const Books before = here_.books();
  hit(there_, kToday, "/a");
  tell(there_, 1, here_);
  const PageTable table = here_.pages(kNow, PageSort::total, 10);
  EXPECT_EQ(table.counted, 1U);
  EXPECT_EQ(table.counted, summary(here_).counted_here);
  EXPECT_EQ(here_.books().counted, before.counted);
  EXPECT_EQ(here_.books().hits, before.hits);
}

TEST_F(RemoteSiteTest, WhatIsReadFollowsEachNewSlot) {
  for (int i = 0; i < 50; ++i) {
    hit(there_, kToday - i % 7, "/a", i % 5 == 0);
    tell(there_, 1, here_);
    const Summary sum = summary(here_);
    const Summary other = summary(there_);
    ASSERT_EQ(sum.counted, other.counted);
    ASSERT_EQ(sum.bots, other.bots);
    ASSERT_EQ(sum.today.hits, other.today.hits);
    ASSERT_EQ(sum.yesterday.hits, other.yesterday.hits);
    ASSERT_EQ(sum.month.hits, other.month.hits);
    ASSERT_EQ(sum.year.bots, other.year.bots);
  }
}

TEST_F(RemoteSiteTest, OnlyTheIncludedEpochsAreSummed) {
  hit(there_, kToday, "/a");
  there_.begin_epoch(kSecond);
  hit(there_, kToday, "/a");
  hit(there_, kToday, "/a");
  tell(there_, 1, here_);
  EXPECT_EQ(summary(here_).counted, 1U);
  here_.begin_epoch(kSecond);
  EXPECT_EQ(summary(here_).counted, 2U);
  EXPECT_EQ(summary(here_).today.hits, 2U);
  here_.set_included({kFirst, kSecond});
  EXPECT_EQ(summary(here_).counted, 3U);
}

TEST_F(RemoteSiteTest, WhatIsToldIsTheNodesOwn) {
  hit(there_, kToday, "/a");
  hit(here_, kToday, "/a");
  const auto before = here_.own_slots();
  tell(there_, 1, here_);
  EXPECT_EQ(here_.own_slots(), before);
  ASSERT_EQ(here_.learnt().size(), 1U);
  EXPECT_EQ(here_.learnt().front().incarnation, node(1));
  EXPECT_EQ(*here_.learnt(kFirst, node(1)), there_.own_slots().front().second);
}

TEST_F(RemoteSiteTest, ANewIncarnationBeginsWithNothingAndChangesNoNumber) {
  for (Day day = kToday - 9; day <= kToday; ++day) hit(here_, day, "/a");
  const Summary before = summary(here_);
  begin_incarnation(here_, 1);
  EXPECT_TRUE(here_.own_slots().empty());
  EXPECT_EQ(summary(here_).counted, before.counted);
  EXPECT_EQ(summary(here_).yesterday.hits, before.yesterday.hits);
  EXPECT_FALSE(summary(here_).others);

  // The old incarnation went on after the backup; the new one counts too, and begins another in its turn.
  hit(here_, kToday, "/b");
  ASSERT_EQ(here_.own_slots().size(), 1U);
  EXPECT_EQ(here_.own_slots().front().second.version(), 1U);
  here_.learn(kFirst, node(1), make_slot({.counted = 12, .bots = 0, .days = {{kToday - 9, 12, 0}}}));
  EXPECT_EQ(summary(here_).counted, 13U);
  EXPECT_EQ(summary(here_).counted_here, 11U);
  EXPECT_TRUE(summary(here_).others);
  begin_incarnation(here_, 2);
  EXPECT_TRUE(here_.own_slots().empty());
  EXPECT_EQ(summary(here_).counted, 13U);
  hit(here_, kToday, "/b");
  EXPECT_EQ(here_.own_slots().front().second.version(), 1U);
  EXPECT_EQ(summary(here_).counted, 14U);
  EXPECT_EQ(here_.learnt(kFirst, node(2))->version(), 1U);
}

TEST_F(RemoteSiteTest, TheStateIsSavedAndLoadedWithIt) {
  hit(there_, kToday, "/a");
  tell(there_, 1, here_);
  hit(here_, kToday, "/a");
  begin_incarnation(here_, 2);
  std::string bytes;
  base::ByteWriter out(bytes);
  here_.save(out, kNow);
  SiteState loaded(Limits{}, 300);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in) && in.at_end());
  EXPECT_EQ(summary(loaded).counted, 2U);
  EXPECT_EQ(loaded.learnt(), here_.learnt());
  EXPECT_TRUE(loaded.own_slots().empty());
  std::string again;
  base::ByteWriter again_out(again);
  loaded.save(again_out, kNow);
  EXPECT_EQ(again, bytes);
}

// ---- errors

TEST_F(RemoteCountsTest, EveryCutIsRefusedAndDamageLoadsToSomethingThatWorksOrNot) {
  for (const RemoteSlot& remote : said(40)) counts_.learn(remote.epoch, remote.incarnation, remote.slot);
  counts_.inherit(kFirst, node(9), make_slot({.counted = 7, .bots = 1, .days = {{kToday, 7, 1}}}));
  const std::string bytes = saved(counts_);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    RemoteCounts loaded;
    base::ByteReader in(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(loaded.load(in)) << size;
  }
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = bytes;
    damaged[random_() % damaged.size()] ^= static_cast<char>(1U << random_() % 8);
    RemoteCounts loaded;
    base::ByteReader in(damaged);
    if (!loaded.load(in)) continue;
    const std::string once = saved(loaded);
    RemoteCounts twice;
    base::ByteReader again(once);
    ASSERT_TRUE(twice.load(again));
    EXPECT_EQ(saved(twice), once);
  }
}

TEST_F(RemoteSiteTest, ASlotThatTakesBackWhatItSaidShowsNothingBelowZero) {
  here_.learn(kFirst, node(1), make_slot({.counted = 5, .bots = 0, .days = {{kToday, 5, 0}}}));
  here_.learn(kFirst, node(1), make_slot({.counted = 6, .bots = 0, .days = {{kToday - 1, 1, 0}}}));
  EXPECT_EQ(summary(here_).counted, 6U);
  EXPECT_EQ(summary(here_).today.hits, 0U);
  EXPECT_EQ(summary(here_).yesterday.hits, 1U);
}

}  // namespace
}  // namespace footfall::counting
