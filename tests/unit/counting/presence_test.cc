// SPDX-License-Identifier: Apache-2.0
// Presence against a std::map that keeps the latest second of every id, through both forms and their transitions.
#include "counting/presence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/hash.h"
#include "counting/presence_table.h"
#include "support/rng_seed.h"
#include "support/sanitizer.h"

namespace footfall::counting {
namespace {

constexpr std::int64_t kStart = 1'790'000'000;

VisitorId named(const std::string& name) {
  return VisitorId{base::murmur64a(name, 1) | 1U};
}

std::string saved(const Presence& presence, std::int64_t now_s, std::int32_t window_s) {
  std::string bytes;
  base::ByteWriter writer(bytes);
  presence.save(writer, now_s, window_s);
  return bytes;
}

// What presence means, written as plainly as possible.
class Oracle {
 public:
  // Answers as Presence::touch() does.
  std::int32_t merge(std::uint64_t id, std::int64_t at_s, bool moved, std::int32_t window_s) {
    advance(at_s, window_s);
    if (at_s <= head_s_ - window_s_) return 0;
    const auto [entry, is_new] = known_.try_emplace(id, Known{at_s, moved});
    if (is_new) return Presence::kNews;
    const Known before = entry->second;
    entry->second.at_s = std::max(entry->second.at_s, at_s);
    entry->second.moved |= moved;
    return before.moved != entry->second.moved ? Presence::kNews
                                               : static_cast<std::int32_t>(entry->second.at_s - before.at_s);
  }
  void advance(std::int64_t now_s, std::int32_t window_s) {
    window_s_ = window_s;
    head_s_ = std::max(head_s_, now_s);
    std::erase_if(known_, [this](const auto& entry) { return entry.second.at_s <= head_s_ - window_s_; });
  }
  std::uint32_t online() const {
    return static_cast<std::uint32_t>(
        std::count_if(known_.begin(), known_.end(), [](const auto& entry) { return !entry.second.moved; }));
  }
  std::size_t known() const { return known_.size(); }
  std::int64_t head_s() const { return head_s_; }
  // As save() has it.
  std::string saved() const {
    std::string bytes;
    base::ByteWriter writer(bytes);
    writer.svarint(head_s_);
    writer.varint(known_.size());
    std::uint64_t before = 0;
    for (const auto& [id, known] : known_) {
      writer.varint(id - before);
      writer.varint(static_cast<std::uint64_t>(head_s_ - known.at_s) * 2 + (known.moved ? 1 : 0));
      before = id;
    }
    return bytes;
  }

 private:
  struct Known {
    std::int64_t at_s;
    bool moved;
  };
  std::int64_t head_s_ = INT64_MIN / 4;
  std::int32_t window_s_ = 300;
  std::map<std::uint64_t, Known> known_;  // id -> what is known
};

class PresenceTest : public ::testing::Test {
 public:
  PresenceTest& at(std::int64_t second) {
    now_s_ = kStart + second;
    return *this;
  }
  PresenceTest& seen(const std::string& name) {
    presence_.touch(named(name), now_s_, window_s_);
    return *this;
  }
  PresenceTest& moved(const std::string& name) {
    presence_.move_away(named(name), now_s_, window_s_);
    return *this;
  }
  void crowd(unsigned from, unsigned to) {
    for (unsigned i = from; i < to; ++i) seen("visitor " + std::to_string(i));
  }
  void expect_online(std::uint32_t expected) { EXPECT_EQ(presence_.online(now_s_, window_s_), expected) << now_s_; }

  Presence presence_;
  std::int64_t now_s_ = kStart;
  std::int32_t window_s_ = 300;
};

TEST_F(PresenceTest, VisitorLeavesWhenTheWindowPasses) {
  at(0).seen("ann");
  at(299).expect_online(1);
  at(300).expect_online(0);
}

TEST_F(PresenceTest, ReturningVisitorIsCountedOnceAndStaysLonger) {
  at(0).seen("ann").seen("bob");
  at(200).seen("ann").expect_online(2);
  at(300).expect_online(1);
  at(499).expect_online(1);
  at(500).expect_online(0);
}

TEST_F(PresenceTest, IdleHoldsNothing) {
  EXPECT_EQ(presence_.memory_bytes(), 0U);
  at(0).crowd(0, 1000);
  EXPECT_GT(presence_.memory_bytes(), 12'000U);
  at(300).expect_online(0);
  EXPECT_EQ(presence_.memory_bytes(), 0U);
  EXPECT_EQ(presence_.cells(), 0U);
}

TEST_F(PresenceTest, OneVisitorTakesTensOfBytes) {
  at(0).seen("ann");
  EXPECT_LE(presence_.memory_bytes(), 40U);
  presence_.advance(kStart + 300, window_s_);
  EXPECT_EQ(presence_.memory_bytes(), 0U);
}

TEST_F(PresenceTest, LateHitCountsOnlyForWhatIsLeftOfItsWindow) {
  at(1000).seen("ann");
  at(701).seen("bob");    // late by 299 s
  at(700).seen("carol");  // too late
  at(1000).expect_online(2);
  at(1001).expect_online(1);
}

TEST_F(PresenceTest, LateHitOfSomebodySeenSinceChangesNothing) {
  at(1000).seen("ann");
  at(800).seen("ann");
  at(1299).expect_online(1);
}

TEST_F(PresenceTest, ExpiredSlotsAreReused) {
  for (int second = 0; second < 20'000; second += 10) at(second).seen("visitor " + std::to_string(second));
  EXPECT_LE(presence_.cells(), 32U);
  expect_online(30);
}

TEST_F(PresenceTest, WhoMovedAwayIsNotCountedInAnyOrder) {
  at(0).seen("old").expect_online(1);
  at(10).moved("old").seen("new").expect_online(1);
  at(5).seen("old");  // late
  at(10).expect_online(1);
  at(11).moved("unknown");
  at(9).seen("unknown");
  at(12).expect_online(1);
  at(310).expect_online(0);
  at(311).expect_online(0);
  EXPECT_EQ(presence_.memory_bytes(), 0U);
}

TEST_F(PresenceTest, AMarkIsForgottenAfterAWindow) {
  at(0).moved("ann");
  at(300).seen("ann").expect_online(1);
}

TEST_F(PresenceTest, ACrowdTurnsIntoATableAndBack) {
  for (unsigned count = 1; count <= 1000; ++count) {
    at(0).seen("visitor " + std::to_string(count - 1));
    expect_online(count);
  }
  const std::size_t crowded = presence_.memory_bytes();
  at(100).crowd(0, 50);
  at(300).expect_online(50);
  EXPECT_LT(presence_.memory_bytes(), crowded / 4);
  for (int second = 301; second < 400; ++second) at(second).expect_online(50);
  EXPECT_LE(presence_.memory_bytes(), 64U * 12 + 8);
  at(400).expect_online(0);
}

TEST_F(PresenceTest, SmallIdsOfImportsAreSpread) {
  for (std::uint64_t id = 1; id <= 100'000; ++id) presence_.touch(VisitorId{id << 32U}, kStart, 300);
  EXPECT_EQ(presence_.online(kStart, 300), 100'000U);
  EXPECT_LE(presence_.memory_bytes(), 40U * 100'000);
}

TEST_F(PresenceTest, TheClockNeverStepsBack) {
  at(1000).seen("ann");
  presence_.advance(kStart, window_s_);
  EXPECT_EQ(presence_.online(kStart + 500, window_s_), 1U);
  at(700).seen("bob");
  at(1000).expect_online(1);
}

TEST_F(PresenceTest, AShorterWindowDropsAndALongerOneBringsNobodyBack) {
  for (const unsigned others : {0U, 500U}) {
    presence_ = Presence();
    window_s_ = 300;
    at(0).seen("ann");
    at(100).seen("bob").crowd(0, others);
    at(200).expect_online(2 + others);
    window_s_ = 150;
    expect_online(1 + others);
    window_s_ = 3600;
    expect_online(1 + others);
    at(3699).expect_online(1 + others);
    at(3700).expect_online(0);
  }
}

TEST_F(PresenceTest, StampsWrapAroundAfter31Bits) {
  for (const unsigned others : {0U, 500U}) {
    presence_ = Presence();
    const std::int64_t wrap_s = (std::int64_t{1} << 31U) - kStart;
    at(wrap_s - 10).seen("ann").crowd(0, others);
    at(wrap_s + 5).seen("bob").expect_online(2 + others);
    at(wrap_s - 20).seen("bob").seen("carol");
    at(wrap_s + 279).expect_online(3 + others);
    at(wrap_s + 280).expect_online(2 + others);
    at(wrap_s + 290).expect_online(1);
    at(wrap_s + 305).expect_online(0);
  }
}

TEST_F(PresenceTest, ALeapOfTheClockEmptiesIt) {
  at(0).crowd(0, 500);
  at(std::int64_t{1} << 31U).expect_online(0);
  at((std::int64_t{1} << 31U) + 1).seen("ann").expect_online(1);
}

TEST_F(PresenceTest, MovedFromObjectIsEmpty) {
  at(0).crowd(0, 200);
  Presence other = std::move(presence_);
  EXPECT_EQ(other.online(now_s_, window_s_), 200U);
  presence_ = Presence();
  expect_online(0);
}

TEST_F(PresenceTest, LoadAddsToWhatIsThere) {
  at(0).seen("ann").seen("bob").moved("carol");
  const std::string bytes = saved(presence_, now_s_, window_s_);
  Presence other;
  other.touch(named("dan"), kStart + 100, window_s_);
  other.touch(named("carol"), kStart, window_s_);
  base::ByteReader reader(bytes);
  ASSERT_TRUE(other.load(reader, window_s_));
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(other.online(kStart + 299, window_s_), 3U);
  EXPECT_EQ(other.online(kStart + 300, window_s_), 1U);
}

TEST_F(PresenceTest, SaveLeavesOutWhoHasLeftByThen) {
  at(0).seen("ann");
  at(100).seen("bob");
  Presence other;
  const std::string bytes = saved(presence_, kStart + 350, window_s_);
  base::ByteReader reader(bytes);
  ASSERT_TRUE(other.load(reader, window_s_));
  EXPECT_EQ(other.cells(), 1U);
  EXPECT_EQ(saved(other, kStart + 350, window_s_), bytes);
}

// --- malformed bytes ---

TEST_F(PresenceTest, EveryTruncationIsRefusedAndChangesNothing) {
  at(0).crowd(0, 10);
  const std::string bytes = saved(presence_, now_s_, window_s_);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Presence other;
    base::ByteReader reader(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(other.load(reader, window_s_)) << size;
    EXPECT_EQ(other.memory_bytes(), 0U);
  }
}

TEST_F(PresenceTest, RepeatedIdsOverflowingIdsAndAbsurdTimesAreRefused) {
  const auto refused = [&](std::int64_t now_s, std::vector<std::uint64_t> rest) {
    std::string bytes;
    base::ByteWriter writer(bytes);
    writer.svarint(now_s);
    for (const std::uint64_t value : rest) writer.varint(value);
    base::ByteReader reader(bytes);
    return !Presence().load(reader, window_s_);
  };
  EXPECT_FALSE(refused(kStart, {2, 5, 0, 1, 0}));
  EXPECT_TRUE(refused(kStart, {2, 5, 0, 0, 0}));           // the same id again
  EXPECT_TRUE(refused(kStart, {1, 0, 0}));                 // nobody's id
  EXPECT_TRUE(refused(kStart, {2, 5, 0, UINT64_MAX, 0}));  // past 64 bits
  EXPECT_TRUE(refused(kStart, {1, 5, 1U << 20U}));         // older than any window
  EXPECT_TRUE(refused(INT64_MAX, {1, 5, 0}));
  EXPECT_TRUE(refused(INT64_MIN, {1, 5, 0}));
  EXPECT_TRUE(refused(kStart, {UINT64_MAX, 5, 0}));
}

// --- against the oracle ---

struct Event {
  std::uint64_t id;
  std::int64_t at_s;
  bool moved;
};

class PresenceFuzz : public ::testing::TestWithParam<int> {
 protected:
  PresenceFuzz() : random_(testing::rng_seed() + static_cast<std::uint64_t>(GetParam())) {}

  std::int64_t draw(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
  }
  // Half of the runs use plain small numbers, as an import might.
  std::uint64_t id(std::int64_t visitor) const {
    const auto number = static_cast<std::uint64_t>(visitor) + 1;
    return GetParam() % 2 == 0 ? number : base::mix64(number);
  }

  std::mt19937_64 random_;
};

TEST_P(PresenceFuzz, AgreesWithTheOracle) {
  Presence presence;
  Oracle oracle;
  auto window_s = static_cast<std::int32_t>(draw(15, 600));
  std::int64_t now_s = kStart;
  std::int64_t visitors = 200;
  for (int step = 0; step < 20'000; ++step) {
    if (step % 500 == 0)
      visitors = std::vector<std::int64_t>{5, 60, 130, 300, 3000}[static_cast<std::size_t>(draw(0, 4))];
    const std::int64_t what = draw(0, 999);
    if (what < 800) {
      const Event event{id(draw(0, visitors)), now_s - (draw(0, 3) == 0 ? draw(0, window_s + 20) : 0),
                        draw(0, 19) == 0};
      const std::int32_t later_s = event.moved ? presence.move_away(VisitorId{event.id}, event.at_s, window_s)
                                               : presence.touch(VisitorId{event.id}, event.at_s, window_s);
      ASSERT_EQ(later_s, oracle.merge(event.id, event.at_s, event.moved, window_s)) << "step " << step;
    } else if (what < 997) {
      now_s += draw(0, 9) == 0 ? draw(0, window_s / 3) : draw(0, 2);
      if (draw(0, 1) == 0) presence.advance(now_s, window_s);
    } else if (what < 998) {
      now_s += draw(0, 2 * window_s);
    } else {
      presence.online(now_s, window_s);  // so that both see the change at the same second
      oracle.advance(now_s, window_s);
      window_s = static_cast<std::int32_t>(draw(15, 600));
    }
    oracle.advance(now_s, window_s);
    if (draw(0, 3) == 0) {
      ASSERT_EQ(presence.online(now_s, window_s), oracle.online()) << "step " << step;
    }
    presence.advance(now_s, window_s);
    ASSERT_GE(presence.cells(), oracle.known());
    if (step % 500 == 0) {
      const std::string bytes = saved(presence, now_s, window_s);
      ASSERT_EQ(bytes, oracle.saved()) << "step " << step;
      Presence loaded;
      base::ByteReader reader(bytes);
      ASSERT_TRUE(loaded.load(reader, window_s));
      ASSERT_EQ(saved(loaded, now_s, window_s), bytes);
      ASSERT_EQ(loaded.online(now_s, window_s), oracle.online());
      if (draw(0, 1) == 0) presence = std::move(loaded);
    }
  }
}

// The crowd comes and goes between the slices of a walk, so that buckets are divided and go back.
TEST_P(PresenceFuzz, AWalkGivesEverybodyWhoStays) {
  constexpr std::int32_t kWindow_s = 100;
  Presence presence;
  std::int64_t now_s = kStart;
  for (int round = 0; round < 40; ++round) {
    const std::int64_t staying = draw(0, 3) == 0 ? draw(1, 60) : draw(100, 5000);
    for (std::int64_t i = 0; i < staying; ++i) presence.touch(VisitorId{id(i)}, now_s, kWindow_s);
    const std::int64_t crowd = draw(0, 1) == 0 ? 0 : draw(1, 40'000);  // about to leave
    presence.advance(now_s, kWindow_s);
    for (std::int64_t i = 0; i < crowd; ++i) {
      presence.touch(VisitorId{id(1'000'000 + i)}, now_s - kWindow_s + 1 + draw(0, 5), kWindow_s);
    }
    std::map<std::uint64_t, Seen> given;
    std::uint64_t place = 0;
    std::int64_t newcomer = 2'000'000;
    do {
      std::vector<Seen> slice;
      place = presence.walk(place, INT64_MIN, slice);
      ASSERT_LE(slice.size(), 3000U);
      for (const Seen& seen : slice) given[seen.visitor.value] = seen;
      for (std::int64_t more = draw(0, 2) == 0 ? draw(0, 2000) : 0; more > 0; --more) {
        presence.touch(VisitorId{id(newcomer++)}, now_s, kWindow_s);
      }
      if (draw(0, 3) == 0) presence.advance(++now_s, kWindow_s);
      for (std::int64_t i = 0; i < staying; ++i) {
        if (draw(0, 50) == 0) presence.touch(VisitorId{id(i)}, now_s, kWindow_s);
      }
    } while (place != 0 && now_s < kStart + round * 1000 + kWindow_s - 1);
    ASSERT_EQ(place, 0U);
    for (std::int64_t i = 0; i < staying; ++i) ASSERT_TRUE(given.contains(id(i))) << "round " << round << ", " << i;
    now_s = kStart + (round + 1) * 1000;
    presence.advance(now_s, kWindow_s);
  }
}

TEST_F(PresenceTest, AWalkLeavesOutWhoWasNotSeenSince) {
  for (const unsigned others : {0U, 500U}) {
    presence_ = Presence();
    at(0).seen("ann").crowd(0, others);
    at(10).seen("bob").moved("carol");
    at(20).seen("dan");
    std::vector<Seen> given;
    std::uint64_t place = 0;
    do {
      place = presence_.walk(place, kStart + 10, given);
    } while (place != 0);
    std::sort(given.begin(), given.end(), [](const Seen& a, const Seen& b) { return a.visitor < b.visitor; });
    std::vector<Seen> expected{
        {named("bob"), kStart + 10, false}, {named("carol"), kStart + 10, true}, {named("dan"), kStart + 20, false}};
    std::sort(expected.begin(), expected.end(), [](const Seen& a, const Seen& b) { return a.visitor < b.visitor; });
    EXPECT_EQ(given, expected);
  }
}

// Hits over several windows, some visitors moving away: no hit of an id is later than its mark.
TEST_P(PresenceFuzz, TheOrderOfApplicationDoesNotMatter) {
  const auto window_s = static_cast<std::int32_t>(draw(15, 300));
  const std::int64_t visitors = std::vector<std::int64_t>{20, 200, 4000}[static_cast<std::size_t>(GetParam() % 3)];
  std::vector<Event> events;
  for (std::int64_t visitor = 0; visitor < visitors; ++visitor) {
    std::int64_t last_s = kStart;
    for (std::int64_t hits = draw(1, 5); hits > 0; --hits) {
      const std::int64_t at_s = kStart + draw(0, 3 * window_s);
      last_s = std::max(last_s, at_s);
      events.push_back({id(visitor), at_s, false});
    }
    if (draw(0, 4) == 0) events.push_back({id(visitor), last_s + draw(0, window_s), true});
  }
  const auto apply_shuffled = [&] {
    std::shuffle(events.begin(), events.end(), random_);
    auto presence = std::make_unique<Presence>();
    for (const Event& event : events) {
      if (event.moved) {
        presence->move_away(VisitorId{event.id}, event.at_s, window_s);
      } else {
        presence->touch(VisitorId{event.id}, event.at_s, window_s);
      }
    }
    return presence;
  };
  const auto one = apply_shuffled();
  const auto other = apply_shuffled();
  const std::int64_t end_s = std::max_element(events.begin(), events.end(), [](const Event& a, const Event& b) {
                               return a.at_s < b.at_s;
                             })->at_s;
  ASSERT_GT(saved(*one, end_s, window_s).size(), 6U);  // of nobody
  for (std::int64_t now_s = end_s; now_s <= end_s + window_s; ++now_s) {
    std::uint32_t expected = 0;
    {
      std::map<std::uint64_t, std::pair<std::int64_t, bool>> known;  // id -> latest second, moved
      for (const Event& event : events) {
        auto& [at_s, moved] = known[event.id];
        at_s = std::max(at_s, event.at_s);
        moved |= event.moved;
      }
      for (const auto& [visitor, latest] : known) expected += !latest.second && latest.first > now_s - window_s;
    }
    ASSERT_EQ(one->online(now_s, window_s), expected);
    ASSERT_EQ(other->online(now_s, window_s), expected);
    if (now_s % 10 == 0) {
      ASSERT_EQ(saved(*one, now_s, window_s), saved(*other, now_s, window_s));
    }
  }
  EXPECT_EQ(one->memory_bytes(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PresenceFuzz, ::testing::Range(0, 12));

// --- large ---

// Half of it under a sanitizer: with fewer, what a table takes empty weighs too much in the bytes of a visitor.
constexpr std::uint64_t kMillion = testing::kSanitized ? 500'000 : 1'000'000;

// A million visitors come within a window, are seen again, move away or leave, with memory in proportion throughout.
TEST(PresenceLarge, GrowsToAMillionAndDecaysToNothing) {
  constexpr std::int32_t kWindow = 60;
  constexpr std::uint64_t kVisitors = kMillion / 5 * 6;
  constexpr std::uint64_t kPerSecond = kVisitors / 40;
  Presence presence;
  std::int64_t now_s = kStart;
  for (std::uint64_t i = 1; i <= kVisitors; ++i) {
    presence.touch(VisitorId{base::mix64(i)}, now_s, kWindow);
    if (i % kPerSecond == 0) ++now_s;
  }
  --now_s;  // second s of 0..39 saw kPerSecond visitors
  EXPECT_EQ(presence.online(now_s, kWindow), kVisitors);
  for (std::uint64_t i = 1; i <= kPerSecond; ++i) presence.touch(VisitorId{base::mix64(i)}, now_s, kWindow);
  for (std::uint64_t i = 1; i <= kPerSecond; i += 3) presence.move_away(VisitorId{base::mix64(i)}, now_s, kWindow);
  const std::uint64_t away = (kPerSecond + 2) / 3;
  EXPECT_EQ(presence.online(now_s, kWindow), kVisitors - away);
  const std::size_t full = presence.memory_bytes();
  EXPECT_LE(full, 20 * kVisitors);
  for (std::uint64_t left = 1; left <= 38; ++left) {
    now_s = kStart + 60 + static_cast<std::int64_t>(left);
    const std::uint64_t stay = kVisitors - away - left * kPerSecond;
    ASSERT_EQ(presence.online(now_s, kWindow), stay);
  }
  EXPECT_LT(presence.memory_bytes(), full / 2);
  EXPECT_EQ(presence.online(kStart + 39 + kWindow, kWindow), 0U);
  EXPECT_EQ(presence.memory_bytes(), 0U);
}

// Through a whole round of splits, and then in a steady state: as many leave as come, over several windows.
TEST(PresenceLarge, TakesAtMostTwentyBytesAVisitor) {
  constexpr std::int32_t kWindow = 30;
  Presence presence;
  std::uint64_t next = 1;
  std::int64_t now_s = kStart;
  double worst = 0;
  const auto come = [&](std::uint64_t visitors) {
    for (; visitors > 0; --visitors) presence.touch(VisitorId{base::mix64(next++)}, now_s, kWindow);
  };
  const auto look = [&] {
    const double bytes = static_cast<double>(presence.memory_bytes()) / presence.online(now_s, kWindow);
    worst = std::max(worst, bytes);
    return bytes;
  };
  while (next < kMillion) come(kMillion / 1000);
  while (next < 2 * kMillion) {
    look();
    come(kMillion / 50);
  }
  std::cout << "growing from " << kMillion << " visitors to twice as many: at most " << worst << " bytes each\n";
  EXPECT_LE(worst, 20.0);

  // Each visitor is new, and leaves a window later.
  presence = Presence();
  worst = 0;
  for (int second = 0; second < 3 * kWindow; ++second) {
    ++now_s;
    come(kMillion / 1000 * 34);
    if (second >= kWindow) look();
  }
  std::cout << "a steady " << kMillion << ": at most " << worst << " bytes each\n";
  EXPECT_LE(worst, 20.0);
}

}  // namespace
}  // namespace footfall::counting
