// SPDX-License-Identifier: Apache-2.0
// Online, one sentence at a time. Random nodes and faults are in online_random_test.cc.
#include "redis/online.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "online_nodes.h"

namespace footfall::redis {
namespace {

const Address kRedis{"a", 1};

class OnlineTest : public ::testing::Test {
 protected:
  void start(std::size_t nodes, Online::Options options = {}, const std::vector<std::int64_t>& ahead_ms = {}) {
    nodes_ = std::make_unique<OnlineNodes>(1, "redis://a:1", nodes, options, ahead_ms);
    nodes_->model.at(kRedis);
  }
  testing::RedisData& data() { return nodes_->model.at(kRedis).data; }
  std::optional<std::uint32_t> answer(std::size_t node, const std::string& name = "example.vn") {
    const auto value = nodes_->answer(node, name);
    return value ? std::optional(value->online) : std::nullopt;
  }
  std::unique_ptr<OnlineNodes> nodes_;
};

TEST_F(OnlineTest, AVisitorOfTwoNodesIsOne) {
  start(2);
  nodes_->add("example.vn", 300);
  nodes_->hit(0, "example.vn", 1);
  nodes_->hit(1, "example.vn", 1);
  nodes_->hit(1, "example.vn", 2);
  nodes_->run_ms(2000);
  EXPECT_EQ(answer(0), 2U);
  EXPECT_EQ(answer(1), 2U);
  EXPECT_TRUE(data().sets.contains("footfall:{example.vn.0}:online:300-0-1"));
}

TEST_F(OnlineTest, NothingIsKnownWithoutRedis) {
  start(1);
  nodes_->model.at(kRedis).reachable = false;
  nodes_->add("example.vn", 300);
  nodes_->hit(0, "example.vn", 1);
  nodes_->run_ms(5000);
  EXPECT_EQ(answer(0), std::nullopt);
}

TEST_F(OnlineTest, AnAnswerIsForgottenThreeSecondsAfterRedisHasGone) {
  start(1);
  nodes_->add("example.vn", 300);
  nodes_->hit(0, "example.vn", 1);
  nodes_->run_ms(2000);
  EXPECT_EQ(answer(0), 1U);
  nodes_->model.at(kRedis).silent = true;
  nodes_->run_ms(2000);
  EXPECT_EQ(answer(0), 1U);
  nodes_->run_ms(3000);
  EXPECT_EQ(answer(0), std::nullopt);
}

TEST_F(OnlineTest, ASiteThatNobodyReadsIsCountedAllTheSame) {
  start(2);
  nodes_->reads = false;
  nodes_->add("example.vn", 300);
  nodes_->hit(0, "example.vn", 1);
  nodes_->run_ms(4000);
  EXPECT_EQ(answer(0), 1U);
  EXPECT_EQ(answer(1), 1U);
}

TEST_F(OnlineTest, VisitorsWhoStayAreNeverMissedNorStayTooLong) {
  start(2);
  nodes_->add("example.vn", 15);
  for (int second = 0; second < 60; ++second) {
    if (second % 13 == 0 && second < 45) nodes_->hit(0, "example.vn", 7);  // last at 39
    nodes_->run_ms(1000);
    if (second < 2) continue;
    EXPECT_EQ(answer(1), nodes_->expected("example.vn", nodes_->answer(1, "example.vn")->as_of_s)) << second;
  }
  EXPECT_EQ(answer(1), 0U);
}

TEST_F(OnlineTest, AClockThatIsWrongBySecondsDoesNotMatterAndIsCounted) {
  start(2, {}, {0, 60'000});
  nodes_->add("example.vn", 15);
  nodes_->run_ms(500);
  nodes_->hit(1, "example.vn", 1);
  nodes_->run_ms(2500);
  EXPECT_EQ(answer(0), 1U);
  EXPECT_EQ(answer(1), 1U);
  nodes_->run_ms(13'000);
  EXPECT_EQ(answer(0), 0U);
  EXPECT_EQ(nodes_->nodes[0]->online.counters().skewed.get(), 0U);
  EXPECT_GT(nodes_->nodes[1]->online.counters().skewed.get(), 0U);
  EXPECT_EQ(nodes_->nodes[1]->online.skew_ms(), -60'000);
}

TEST_F(OnlineTest, WhoGoesOnUnderAnotherIdOnAnotherNodeIsCountedOnce) {
  start(2);
  nodes_->add("example.vn", 300);
  nodes_->hit(0, "example.vn", 1);
  nodes_->run_ms(2000);
  nodes_->hit(1, "example.vn", 2, 0, 1);
  nodes_->hit(0, "example.vn", 1);  // a hit that was on its way
  nodes_->run_ms(2000);
  EXPECT_EQ(answer(0), 1U);
  EXPECT_EQ(answer(1), 1U);
}

TEST_F(OnlineTest, WhatRedisLostIsWrittenAgain) {
  start(2);
  nodes_->add("example.vn", 300);
  for (std::uint64_t id = 1; id <= 1000; ++id) nodes_->hit(id % 2, "example.vn", id);
  nodes_->run_ms(2000);
  EXPECT_EQ(answer(0), 1000U);
  nodes_->model.at(kRedis).flush();
  nodes_->lost();
  nodes_->run_ms(5000);
  EXPECT_EQ(answer(0), 1000U);
  EXPECT_EQ(answer(1), 1000U);
}

TEST_F(OnlineTest, AsSoonAsRedisIsBackItIsCountedWhoIsOnline) {
  start(2);
  nodes_->add("example.vn", 300);
  for (std::uint64_t id = 1; id <= 1000; ++id) nodes_->hit(id % 2, "example.vn", id);
  nodes_->run_ms(2000);
  nodes_->model.at(kRedis).reachable = false;
  for (auto& node : nodes_->nodes) node->link.cut();
  nodes_->run_ms(60'000);
  EXPECT_EQ(answer(0), std::nullopt);
  nodes_->model.at(kRedis).flush();
  nodes_->model.at(kRedis).reachable = true;
  while (!nodes_->all_up()) nodes_->run_ms(20);
  nodes_->lost();
  nodes_->run_ms(700);  // one asking, and another, when the other node has written too
  EXPECT_EQ(answer(0), 1000U);
  EXPECT_EQ(answer(1), 1000U);
}

TEST_F(OnlineTest, ALargeSiteIsDividedWhileItsNumberStaysExact) {
  Online::Options options;
  options.part_size = 100;
  start(3, options);
  nodes_->add("example.vn", 300);
  nodes_->run_ms(2000);
  for (std::uint64_t id = 1; id <= 350; ++id) nodes_->hit(id % 3, "example.vn", id);
  nodes_->run_ms(2000);
  for (int second = 0; second < 30; ++second) {
    nodes_->run_ms(1000);
    for (std::size_t node = 0; node < 3; ++node) ASSERT_EQ(answer(node), 350U) << second;
  }
  const std::size_t divided = data().sets["footfall:{example.vn.0}:online:300-0-4"].size() +
                              data().sets["footfall:{example.vn.1}:online:300-0-4"].size() +
                              data().sets["footfall:{example.vn.2}:online:300-0-4"].size() +
                              data().sets["footfall:{example.vn.3}:online:300-0-4"].size();
  EXPECT_EQ(divided, 350U);
  EXPECT_EQ(data().hashes["footfall:{example.vn}:online"].size(), 1U);
}

TEST_F(OnlineTest, WhoComesWithManyToAnEmptyRedisWritesThemOnce) {
  Online::Options options;
  options.part_size = 100;
  start(2, options);
  nodes_->add("example.vn", 300);
  for (std::uint64_t id = 1; id <= 3000; ++id) nodes_->hit(0, "example.vn", id);
  nodes_->hit(1, "example.vn", 5000);
  nodes_->run_ms(8000);
  EXPECT_EQ(answer(0), 3001U);
  EXPECT_EQ(answer(1), 3001U);
  EXPECT_EQ(data().hashes["footfall:{example.vn}:online"].size(), 1U);
  EXPECT_EQ(nodes_->nodes[0]->online.counters().written.get(), 3000U);
}

TEST_F(OnlineTest, AsManyAsComeMeanwhileNoSizeBetweenIsWritten) {
  Online::Options options;
  options.part_size = 100;
  start(2, options);
  nodes_->add("example.vn", 3600);
  nodes_->run_ms(2000);
  std::uint64_t id = 0;
  nodes_->run_ms(5000, [&] {
    for (int hits = 0; hits < 12; ++hits, ++id) nodes_->hit(id % 2, "example.vn", id + 1);
  });
  nodes_->run_ms(30'000);
  EXPECT_EQ(answer(0), static_cast<std::uint32_t>(id));
  EXPECT_EQ(answer(1), static_cast<std::uint32_t>(id));
  EXPECT_LE(data().hashes["footfall:{example.vn}:online"].size(), 2U);
}

TEST_F(OnlineTest, OfAnotherWindowThoseWhoHadLeftStayAway) {
  start(2);
  nodes_->add("example.vn", 3600);
  nodes_->hit(0, "example.vn", 1);
  nodes_->run_ms(20'000);
  nodes_->hit(1, "example.vn", 2);
  nodes_->run_ms(2000);
  EXPECT_EQ(answer(0), 2U);
  for (const std::size_t node : {0U, 1U}) nodes_->adopt_window(node, "example.vn", {15, 1});
  nodes_->run_ms(8000);
  EXPECT_EQ(answer(0), 1U);
  for (const std::size_t node : {0U, 1U}) nodes_->adopt_window(node, "example.vn", {3600, 2});
  nodes_->run_ms(8000);
  EXPECT_EQ(answer(0), 1U);
  EXPECT_EQ(answer(1), 1U);
}

TEST_F(OnlineTest, NothingIsLeftInRedisOfASiteThatNobodyVisits) {
  start(2);
  nodes_->add("example.vn", 15);
  for (std::uint64_t id = 1; id <= 10; ++id) nodes_->hit(0, "example.vn", id);
  nodes_->hit(0, "example.vn", 11, 0, 1);
  nodes_->run_ms(2000);
  EXPECT_EQ(data().sets.size(), 1U);
  EXPECT_EQ(data().expiry_ms.size(), 1U);
  nodes_->run_ms(200'000);
  EXPECT_TRUE(data().sets.empty());
}

TEST_F(OnlineTest, WhoHasLeftIsTakenOutWhileOthersStay) {
  start(1);
  nodes_->add("example.vn", 15);
  for (std::uint64_t id = 1; id <= 500; ++id) nodes_->hit(0, "example.vn", id);
  nodes_->run_ms(180'000, [&] {
    if (nodes_->model.now_ms % 5000 == 0) nodes_->hit(0, "example.vn", 1000);
  });
  EXPECT_EQ(data().sets["footfall:{example.vn.0}:online:15-0-1"].size(), 1U);
}

TEST_F(OnlineTest, WhatWaitsWhileRedisIsAwayIsBounded) {
  Online::Options options;
  options.in_flight_bytes_max = 64U << 10U;
  start(1, options);
  nodes_->add("example.vn", 3600);
  nodes_->run_ms(2000);
  nodes_->model.at(kRedis).silent = true;
  std::uint64_t id = 0;
  std::size_t backlog_max = 0;
  nodes_->run_ms(20'000, [&] {
    for (int hits = 0; hits < 300; ++hits) nodes_->hit(0, "example.vn", ++id);
    backlog_max = std::max(backlog_max, nodes_->nodes[0]->online.backlog());
  });
  EXPECT_LE(backlog_max, Online::kBacklogMax);
  EXPECT_GT(nodes_->nodes[0]->online.counters().overflows.get(), 0U);
  nodes_->model.at(kRedis).silent = false;
  nodes_->run_ms(12'000);
  EXPECT_EQ(answer(0), static_cast<std::uint32_t>(id));
}

TEST_F(OnlineTest, ASiteThatIsTakenAwayIsNotWrittenAnyMore) {
  start(1);
  nodes_->add("example.vn", 15);
  nodes_->hit(0, "example.vn", 1);
  nodes_->nodes[0]->online.tick();
  nodes_->nodes[0]->online.remove("example.vn");
  nodes_->run_ms(30'000);
  EXPECT_TRUE(data().sets.empty());
  EXPECT_EQ(nodes_->nodes[0]->online.backlog(), 0U);
}

}  // namespace
}  // namespace footfall::redis
