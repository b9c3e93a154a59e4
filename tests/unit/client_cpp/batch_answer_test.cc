// SPDX-License-Identifier: Apache-2.0
// What the daemon says of a batch.
#include "cpp/batch_answer.h"

#include <gtest/gtest.h>

namespace footfall::client {
namespace {

TEST(BatchAnswerTest, ReasonsAddUpToWhatWasRejected) {
  BatchAnswer answer;
  ASSERT_TRUE(read_batch_answer(
      R"({"accepted":7,"rejected":[{"index":1,"reason":"time"},{"index":3,"reason":"denied"},{"index":4,"reason":"time"}],)"
      R"("rejected_total":5,"bots":2})",
      answer));
  EXPECT_EQ(answer.accepted, 7U);
  EXPECT_EQ(answer.bots, 2U);
  EXPECT_EQ(answer.rejected, 5U);
  EXPECT_EQ(answer.reasons, (std::map<std::string, std::uint64_t>{{"time", 2}, {"denied", 1}, {"unlisted", 2}}));
}

TEST(BatchAnswerTest, WhatIsNoAnswerChangesNothing) {
  BatchAnswer answer;
  answer.accepted = 3;
  for (const char* text :
       {"", "hello", "{}", "[]", R"({"accepted":1})", R"({"accepted":-1,"rejected":[],"rejected_total":0})",
        R"({"accepted":1,"rejected":[{"index":0,"reason":"x"}],"rejected_total":0})"}) {
    EXPECT_FALSE(read_batch_answer(text, answer)) << text;
    EXPECT_EQ(answer.accepted, 3U);
  }
}

TEST(BatchAnswerTest, AProblemHasATypeAndWords) {
  const Problem problem = read_problem(R"({"type":"/problems/wrong-node","title":"x","detail":"another node"})");
  EXPECT_EQ(problem.type, "wrong-node");
  EXPECT_EQ(problem.detail, "another node");
  EXPECT_EQ(read_problem("<html>502</html>").type, "");
}

}  // namespace
}  // namespace footfall::client
