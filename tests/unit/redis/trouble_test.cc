// SPDX-License-Identifier: Apache-2.0
#include "redis/trouble.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace footfall::redis {
namespace {

class TroubleTest : public ::testing::Test {
 public:
  // Looks each 100 ms until then.
  TroubleTest& until(std::int64_t end_ms, const std::optional<Trouble>& trouble) {
    for (; now_ms_ < end_ms; now_ms_ += 100) {
      if (const auto line = log_.look(trouble, now_ms_)) lines_.push_back((line->ended ? "+" : "-") + line->text);
    }
    return *this;
  }
  std::size_t lines() const { return lines_.size(); }
  const std::string& last() const { return lines_.back(); }

 private:
  TroubleLog log_;
  std::int64_t now_ms_ = 0;
  std::vector<std::string> lines_;
};

const Trouble kAway{"not available now", "Redis at r:1: refused: is it running?"};
const Trouble kFull{"oom", "Redis at r:1: it is full: raise its `maxmemory`"};

TEST_F(TroubleTest, ALineWhenItBeginsAndOneWhenItHasEnded) {
  until(5'000, {});
  EXPECT_EQ(lines(), 0U);
  until(5'000 + 3'600'000, kAway);
  EXPECT_EQ(lines(), 1U);
  EXPECT_EQ(last(),
            "-Redis cannot be used: Redis at r:1: refused: is it running? (hits are counted meanwhile, and it is tried "
            "again)");
  until(3'700'000, {});
  EXPECT_EQ(lines(), 2U);
  EXPECT_EQ(last(), "+Redis can be used again, after 3600 s");
}

TEST_F(TroubleTest, WhatIsOverAtOnceIsNone) {
  until(1'000, kAway).until(60'000, {});
  EXPECT_EQ(lines(), 0U);
}

TEST_F(TroubleTest, WhatComesAndGoesIsOne) {
  for (std::int64_t at_ms = 0; at_ms < 600'000; at_ms += 2'000) until(at_ms + 500, kAway).until(at_ms + 2'000, {});
  EXPECT_EQ(lines(), 1U);
  until(700'000, {});
  EXPECT_EQ(lines(), 2U);
}

TEST_F(TroubleTest, AnotherKindIsToldOnceToo) {
  for (std::int64_t at_ms = 0; at_ms < 600'000; at_ms += 20'000)
    until(at_ms + 10'000, kAway).until(at_ms + 20'000, kFull);
  EXPECT_EQ(lines(), 2U);
  EXPECT_NE(last().find("raise its `maxmemory`"), std::string::npos);
  until(700'000, {});
  EXPECT_EQ(lines(), 3U);
}

TEST_F(TroubleTest, TheNextTroubleIsToldAgain) {
  until(10'000, kAway).until(20'000, {}).until(30'000, kAway).until(40'000, {});
  EXPECT_EQ(lines(), 4U);
  EXPECT_EQ(last(), "+Redis can be used again, after 10 s");
}

}  // namespace
}  // namespace footfall::redis
