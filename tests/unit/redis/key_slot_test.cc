// SPDX-License-Identifier: Apache-2.0
#include "redis/key_slot.h"

#include <gtest/gtest.h>

namespace footfall::redis {
namespace {

TEST(KeySlotTest, TheChecksumIsXmodems) {
  EXPECT_EQ(crc16("123456789"), 0x31c3);
}  // the specification's own example

TEST(KeySlotTest, OnlyWhatIsInTheFirstBracesCounts) {
  EXPECT_EQ(slot_of("{example.vn}:counts"), slot_of("example.vn"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
}

TEST(KeySlotTest, WithoutATagTheWholeKeyCounts) {
  EXPECT_EQ(slot_of("foo{}{bar}"), crc16("foo{}{bar}") % kSlots);
  EXPECT_EQ(slot_of("foo{bar"), crc16("foo{bar") % kSlots);
  EXPECT_EQ(slot_of(""), 0);
}

}  // namespace
}  // namespace footfall::redis
