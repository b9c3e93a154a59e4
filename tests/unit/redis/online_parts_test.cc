// SPDX-License-Identifier: Apache-2.0
#include "redis/online_parts.h"

#include <gtest/gtest.h>

#include <string>

namespace footfall::redis {
namespace {

using Entry = OnlineParts::Entry;

Reply hash(const std::vector<std::string>& words) {
  Reply out;
  out.type = Reply::Type::array;
  for (const std::string& word : words) {
    Reply text;
    text.type = Reply::Type::text;
    text.text = word;
    out.elements.push_back(text);
  }
  return out;
}

TEST(OnlinePartsTest, ThereIsOnePartToBeginWith) {
  OnlineParts parts;
  EXPECT_EQ(parts.read_at(1), 1U);
  EXPECT_EQ(parts.written_at(1), std::vector<std::uint32_t>{1});
  EXPECT_FALSE(parts.growth(100, 100, 1));
}

TEST(OnlinePartsTest, WhatComesIsWrittenBeforeItIsReadAndWhatWentForAWhileAfter) {
  OnlineParts parts;
  EXPECT_TRUE(parts.merge(hash({"2", "70000"})).empty());
  using Written = std::vector<std::uint32_t>;
  EXPECT_EQ(parts.read_at(69'999), 1U);
  EXPECT_EQ(parts.written_at(69'999), (Written{1, 2}));
  EXPECT_EQ(parts.read_at(70'000), 2U);
  EXPECT_EQ(parts.written_at(72'999), (Written{1, 2}));
  EXPECT_EQ(parts.written_at(73'000), Written{2});
}

TEST(OnlinePartsTest, TheNumberGrowsToWhatIsEnough) {
  OnlineParts parts;
  EXPECT_EQ(parts.growth(101, 100, 0), (Entry{2, OnlineParts::kLeadMs + 1}));
  EXPECT_EQ(parts.growth(401, 100, 0)->parts, 8U);
  EXPECT_EQ(parts.growth(1'000'000, 50'000, 0), (Entry{32, OnlineParts::kLeadMs + 10'000}));
  EXPECT_EQ(parts.growth(UINT32_MAX, 1, 0)->parts, OnlineParts::kPartsMax);
  parts.merge(hash({"4", "5"}));
  EXPECT_FALSE(parts.growth(400, 100, 5));
  EXPECT_EQ(parts.growth(401, 100, 5)->parts, 8U);
}

TEST(OnlinePartsTest, OneNumberIsOnItsWayAtATime) {
  OnlineParts parts;
  parts.merge(hash({"2", "5", "4", "1000"}));
  EXPECT_FALSE(parts.growth(100'000, 100, 999));
  EXPECT_EQ(parts.growth(100'000, 100, 1000)->parts, 1024U);
}

TEST(OnlinePartsTest, WhoComesWithManyDividesBeforeAnybodyIsWritten) {
  OnlineParts parts;
  EXPECT_FALSE(parts.first(100, 100, 10'000));
  const auto first = parts.first(1'000'000, 50'000, 10'000);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->parts, 32U);
  parts.merge(hash({"32", std::to_string(first->since_ms)}));
  EXPECT_EQ(parts.written_at(10'000), std::vector<std::uint32_t>{32}) << "once";
  EXPECT_FALSE(parts.first(2'000'000, 50'000, 10'000)) << "others may have written";
}

TEST(OnlinePartsTest, WhatRedisForgotIsToldAndWhatItSaysIsRight) {
  OnlineParts parts;
  parts.merge(hash({"2", "1000", "4", "2000"}));
  EXPECT_EQ(parts.merge(hash({"4", "9000"})), (std::vector<Entry>{{2, 1000}}));
  EXPECT_EQ(parts.read_at(8999), 2U);
  EXPECT_EQ(parts.read_at(9000), 4U);
}

TEST(OnlinePartsTest, WhatIsMalformedIsPassedOver) {
  OnlineParts parts;
  parts.merge(hash({"3", "1", "1", "1", "2048", "1", "x", "1", "8", "y", "16", "1x", "-2", "1", "2", "5", "4"}));
  EXPECT_EQ(parts.read_at(100), 2U);
  EXPECT_EQ(parts.written_at(3), (std::vector<std::uint32_t>{1, 2}));
}

}  // namespace
}  // namespace footfall::redis
