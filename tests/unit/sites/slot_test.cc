// SPDX-License-Identifier: Apache-2.0
#include "sites/slot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>

#include "base/hash.h"
#include "base/mutex.h"
#include "support/rng_seed.h"

namespace footfall::sites {
namespace {

using counting::Day;
using counting::Epoch;
using counting::Learnt;
using counting::Slot;

constexpr Day kToday = 20'000;

void hit(Site& site, Day day, bool bot = false) {
  base::MutexLock lock(site.mutex());
  counting::Hit hit;
  hit.at_s = std::int64_t{day} * 86400 + 5;
  hit.bot = bot;
  hit.counts = !bot;
  hit.page = site.state().reserve_page("/a", base::table_hash("/a"));
  site.state().apply(site.state().epoch(), {&hit, 1});
}

class SlotBytesTest : public ::testing::Test {
 protected:
  Slot taken() {
    for (Day day = kToday - 5; day <= kToday; ++day) {
      hit(site_, day);
      hit(site_, day, day % 2 == 0);
    }
    return take_slots(site_).at(0).second;
  }
  Site site_{SiteId{1}, counting::Limits{}, 300};
};

TEST_F(SlotBytesTest, EachEpochIsTaken) {
  hit(site_, kToday);
  {
    base::MutexLock lock(site_.mutex());
    site_.state().begin_epoch(Epoch{2, 7});
    site_.state().begin_epoch(Epoch{3, 7});
  }
  hit(site_, kToday);
  hit(site_, kToday, true);
  const auto slots = take_slots(site_);
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[0].first, Epoch{});
  EXPECT_EQ(slots[0].second.counted, 1U);
  EXPECT_EQ(slots[1].first, (Epoch{3, 7}));
  EXPECT_EQ(slots[1].second.recent, (std::vector<counting::SlotDay>{{kToday, 1, 1}}));
  EXPECT_EQ(slots[1].second.version(), 2U);
}

TEST_F(SlotBytesTest, ItsBytesGiveItBack) {
  const Slot slot = taken();
  ASSERT_NE(slot.past, nullptr);
  EXPECT_EQ(decode_slot(encode_slot(slot), encode_past(slot)).value(), slot);
  Slot without_past = slot;
  without_past.past = nullptr;
  EXPECT_EQ(decode_slot(encode_slot(slot)).value(), without_past);
  EXPECT_EQ(encode_past(Slot{}), "");
  EXPECT_EQ(decode_slot(encode_slot(Slot{}), "").value(), Slot{});
}

TEST_F(SlotBytesTest, AHitTodayLeavesThePastAsItWas) {
  const Slot before = taken();
  hit(site_, kToday);
  const Slot after = take_slots(site_).at(0).second;
  EXPECT_GT(after.version(), before.version());
  EXPECT_EQ(encode_past(after), encode_past(before));
  hit(site_, kToday + 1);
  EXPECT_GT(take_slots(site_).at(0).second.past_version, before.past_version);
}

// Nodes count, and tell each other through something that loses, repeats and delays; when all was told once more, each
// shows the hits of all.
TEST(SlotExchangeTest, WhatAllNodesCountedIsWhatEachShows) {
  std::mt19937_64 random(footfall::testing::rng_seed());
  constexpr std::size_t kNodes = 4;
  struct Message {
    std::size_t to;
    base::Incarnation from;
    Epoch epoch;
    std::string slot, past;
  };
  std::deque<Site> nodes;
  std::map<Day, std::uint64_t> hits, bots;  // day -> of all nodes
  std::vector<Message> under_way;
  std::vector<std::map<Epoch, std::uint64_t>> past_told(kNodes);  // node -> epoch -> version of the past that was sent
  for (std::size_t i = 0; i < kNodes; ++i) nodes.emplace_back(SiteId{1}, counting::Limits{}, 300);
  const auto name = [](std::size_t node) {
    base::Incarnation out{};
    out.front() = static_cast<std::uint8_t>(node + 1);
    return out;
  };
  const auto tell = [&](std::size_t from, bool whole) {
    for (const auto& [epoch, slot] : take_slots(nodes[from])) {
      const bool with_past = whole || past_told[from][epoch] != slot.past_version;
      past_told[from][epoch] = slot.past_version;
      for (std::size_t to = 0; to < kNodes; ++to) {
        if (to != from)
          under_way.push_back({to, name(from), epoch, encode_slot(slot), with_past ? encode_past(slot) : ""});
      }
    }
  };
  const auto deliver = [&](const Message& message) {
    auto slot = message.past.empty() ? decode_slot(message.slot) : decode_slot(message.slot, message.past);
    ASSERT_TRUE(slot);
    Site& to = nodes[message.to];
    base::MutexLock lock(to.mutex());
    to.state().learn(message.epoch, message.from, *slot);  // past_missing where what brought it was lost
  };
  for (int i = 0; i < 2000; ++i) {
    const std::size_t node = random() % kNodes;
    const Day day = kToday + i / 200 - static_cast<Day>(random() % 6);
    const bool bot = random() % 5 == 0;
    hit(nodes[node], day, bot);
    ++(bot ? bots : hits)[day];
    if (random() % 10 == 0) tell(random() % kNodes, false);
    if (under_way.empty() || random() % 3 != 0) continue;
    const std::size_t which = random() % under_way.size();
    if (random() % 3 != 0) deliver(under_way[which]);
    if (random() % 4 != 0) under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(which));
  }
  for (std::size_t from = 0; from < kNodes; ++from) tell(from, true);
  std::shuffle(under_way.begin(), under_way.end(), random);
  for (const Message& message : under_way) deliver(message);

  std::uint64_t counted = 0;
  for (const auto& [day, count] : hits) counted += count;
  for (Site& site : nodes) {
    base::MutexLock lock(site.mutex());
    const Day today = kToday + 9;
    const auto summary = site.state().summary(std::int64_t{today} * 86400 + 9, counting::calendar_of(today));
    EXPECT_EQ(summary.counted, counted);
    EXPECT_EQ(summary.today.hits, hits[today]);
    EXPECT_EQ(summary.yesterday.bots, bots[today - 1]);
    for (const counting::Cell& cell : site.state().days(INT32_MIN, INT32_MAX)) {
      EXPECT_EQ(cell.hits, hits[static_cast<Day>(cell.key)]);
      EXPECT_EQ(cell.bots, bots[static_cast<Day>(cell.key)]);
    }
  }
}

// ---- errors

TEST_F(SlotBytesTest, EveryFlippedBitAndEveryCutIsNoticed) {
  const Slot slot = taken();
  const std::string whole = encode_slot(slot);
  const std::string past = encode_past(slot);
  const auto each_damage = [](const std::string& bytes, const auto& good) {
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(good(damaged)) << bit;
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(good(bytes.substr(0, size))) << size;
    EXPECT_FALSE(good(bytes + "x"));
  };
  each_damage(whole, [](const std::string& damaged) { return decode_slot(damaged).has_value(); });
  each_damage(past, [&](const std::string& damaged) { return decode_slot(whole, damaged).has_value(); });
}

TEST_F(SlotBytesTest, APastOfAnotherMomentIsAConflict) {
  const Slot before = taken();
  hit(site_, kToday + 1);
  const Slot after = take_slots(site_).at(0).second;
  EXPECT_EQ(decode_slot(encode_slot(after), encode_past(before)).error().code, base::Errc::conflict);
  EXPECT_EQ(decode_slot(encode_slot(after), "").error().code, base::Errc::conflict);
  EXPECT_EQ(decode_slot(encode_slot(Slot{}), encode_past(after)).error().code, base::Errc::conflict);
}

TEST_F(SlotBytesTest, ALaterFormatIsToldAsOne) {
  const Slot slot = taken();
  std::string bytes = encode_slot(slot);
  bytes[8] = 2;
  EXPECT_EQ(decode_slot(bytes).error().code, base::Errc::newer_format);
  std::string past = encode_past(slot);
  past[8] = 2;
  EXPECT_EQ(decode_slot(encode_slot(slot), past).error().code, base::Errc::newer_format);
}

TEST_F(SlotBytesTest, OneIsNotTheOther) {
  const Slot slot = taken();
  EXPECT_EQ(decode_slot(encode_past(slot)).error().code, base::Errc::corrupt);
  EXPECT_EQ(decode_slot(encode_slot(slot), encode_slot(slot)).error().code, base::Errc::corrupt);
}

}  // namespace
}  // namespace footfall::sites
