// SPDX-License-Identifier: Apache-2.0
#include "base/incarnation.h"

#include <gtest/gtest.h>

namespace footfall::base {
namespace {

constexpr Incarnation kOne{0x00, 0x1f, 0xa0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff};

TEST(IncarnationTest, ItsTextGivesItBack) {
  EXPECT_EQ(to_text(kOne), "001fa0030405060708090a0b0c0d0eff");
  EXPECT_EQ(parse_incarnation(to_text(kOne)), kOne);
}

TEST(IncarnationTest, OtherTextsAreNone) {
  EXPECT_FALSE(parse_incarnation(""));
  EXPECT_FALSE(parse_incarnation(to_text(kOne).substr(1)));
  EXPECT_FALSE(parse_incarnation(to_text(kOne) + "0"));
  EXPECT_FALSE(parse_incarnation("001FA0030405060708090A0B0C0D0EFF"));
  EXPECT_FALSE(parse_incarnation("001fa0030405060708090a0b0c0d0ef "));
}

}  // namespace
}  // namespace footfall::base
