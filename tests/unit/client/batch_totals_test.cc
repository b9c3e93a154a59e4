// SPDX-License-Identifier: Apache-2.0
#include "cli/batch_totals.h"

#include <gtest/gtest.h>

namespace footfall::cli {
namespace {

TEST(BatchTotalsTest, AnswersAddUpAndTheReasonsThatAreNotNamedAreCounted) {
  BatchTotals totals;
  ASSERT_TRUE(totals.note(R"({"accepted":3,"bots":1,"rejected":[{"index":0,"reason":"time"}],"rejected_total":4})", 7));
  ASSERT_TRUE(totals.note(R"({"accepted":1,"bots":0,"rejected":[{"index":1,"reason":"time"}],"rejected_total":1})", 2));
  EXPECT_EQ(totals.sent, 9U);
  EXPECT_EQ(totals.accepted, 4U);
  EXPECT_EQ(totals.rejected, 5U);
  EXPECT_EQ(totals.reasons, (std::map<std::string, std::uint64_t>{{"other reasons", 3}, {"time", 2}}));
  EXPECT_FALSE(totals.note("<html>", 1));
  JsonText json(JsonText::Layout::one_line);
  json.begin_object();
  totals.lines = 10;
  totals.write(json);
  json.end_object();
  EXPECT_NE(json.take().find(R"("sent": 9, "accepted": 4, "bots": 1, "rejected": 5)"), std::string::npos);
  EXPECT_NE(totals.table("GET").find("2  of them: time"), std::string::npos) << totals.table("GET");
}

TEST(BatchTotalsTest, DistinctReasonsAreBounded) {
  BatchTotals totals;
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(totals.note(R"({"rejected":[{"reason":")" + std::to_string(i) + R"("}],"rejected_total":1})", 1));
  EXPECT_LE(totals.reasons.size(), 21U);
  EXPECT_EQ(totals.rejected, 100U);
  EXPECT_EQ(totals.reasons.at("other reasons"), 80U);
}

}  // namespace
}  // namespace footfall::cli
