// SPDX-License-Identifier: Apache-2.0
#include "redis/slot_map.h"

#include <gtest/gtest.h>

#include <set>

namespace footfall::redis {
namespace {

const Address kAsked{"10.0.0.9", 6379};

Reply number(std::int64_t value) {
  return {Reply::Type::integer, value, {}, {}};
}
Reply text(std::string value) {
  return {Reply::Type::text, 0, std::move(value), {}};
}
Reply list(std::vector<Reply> elements) {
  return {Reply::Type::array, 0, {}, std::move(elements)};
}
Reply range(std::int64_t first, std::int64_t last, const std::string& host, std::int64_t port) {
  return list(
      {number(first), number(last), list({text(host), number(port), text("id")}), list({text("replica"), number(1)})});
}

std::string owner(const SlotMap& map, std::uint16_t slot) {
  const Address* master = map.master_of(slot);
  return master != nullptr ? to_string(*master) : "nobody";
}

TEST(SlotMapTest, RangesBelongToTheirMasters) {
  const auto map =
      SlotMap::of_cluster(list({range(0, 99, "a", 1), range(200, 16383, "b", 2), range(100, 100, "a", 1)}), kAsked);
  ASSERT_TRUE(map);
  EXPECT_EQ(owner(*map, 0), "a:1");
  EXPECT_EQ(owner(*map, 100), "a:1");
  EXPECT_EQ(owner(*map, 150), "nobody");
  EXPECT_EQ(owner(*map, 16383), "b:2");
  EXPECT_FALSE(map->complete());
  EXPECT_EQ(map->masters().size(), 2U);
}

TEST(SlotMapTest, AMovedSlotHasANewMaster) {
  auto map = SlotMap::of_one({"a", 1});
  EXPECT_TRUE(map.complete());
  map.assign(7, {"b", 2});
  EXPECT_EQ(owner(map, 7), "b:2");
  EXPECT_EQ(owner(map, 8), "a:1");
  EXPECT_TRUE(map.has({"b", 2}));
  map.assign(7, {"a", 1});
  EXPECT_FALSE(map.has({"b", 2}));  // known, and without a slot
  EXPECT_EQ(map.masters(), std::vector<Address>({{"a", 1}}));
}

TEST(SlotMapTest, ANodeWithoutAHostIsWhereWeAsked) {
  const auto map = SlotMap::of_cluster(list({range(0, 16383, "", 7)}), kAsked);
  ASSERT_TRUE(map);
  EXPECT_EQ(owner(*map, 1), "10.0.0.9:7");
}

TEST(SlotMapTest, WhatIsNoMapIsRefused) {
  EXPECT_FALSE(SlotMap::of_cluster(text("x"), kAsked));
  EXPECT_FALSE(SlotMap::of_cluster(list({text("x")}), kAsked));
  EXPECT_FALSE(SlotMap::of_cluster(list({range(0, 16384, "a", 1)}), kAsked));
  EXPECT_FALSE(SlotMap::of_cluster(list({range(-1, 5, "a", 1)}), kAsked));
  EXPECT_FALSE(SlotMap::of_cluster(list({range(0, 5, "a", 0)}), kAsked));
  EXPECT_FALSE(SlotMap::of_cluster(list({list({number(0), number(1), list({})})}), kAsked));
}

TEST(SlotMapTest, EachMasterHasATagOfItsOwn) {
  EXPECT_EQ(SlotMap::of_one({"a", 1}).numbers_of_tag("index."), std::vector<unsigned>{0});
  constexpr std::int64_t kMasters = 200;
  std::vector<Reply> ranges;
  for (std::int64_t n = 0; n < kMasters; ++n)
    ranges.push_back(range(n * kSlots / kMasters, (n + 1) * kSlots / kMasters - 1, "a", n + 1));
  const auto map = SlotMap::of_cluster(list(ranges), kAsked);
  ASSERT_TRUE(map);
  std::set<std::string> masters;
  for (const unsigned number : map->numbers_of_tag("index."))
    EXPECT_TRUE(masters.insert(owner(*map, slot_of("p:{index." + std::to_string(number) + "}:mark"))).second);
  EXPECT_EQ(masters.size(), static_cast<std::size_t>(kMasters));
}

TEST(SlotMapTest, SlotsThatNobodyHasNeedNoTag) {
  const auto map = SlotMap::of_cluster(list({range(0, 8000, "a", 1)}), kAsked);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->numbers_of_tag("index.").size(), 1U);
}

}  // namespace
}  // namespace footfall::redis
