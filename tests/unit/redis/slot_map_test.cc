// SPDX-License-Identifier: Apache-2.0
#include "redis/slot_map.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace footfall::redis
