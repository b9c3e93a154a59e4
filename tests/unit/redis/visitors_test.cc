// SPDX-License-Identifier: Apache-2.0
// Visitors: nodes, a model of Redis, virtual time. What Redis counts must be what one node would that had all hits.
#include "redis/visitors.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "counting/site_state.h"
#include "support/rng_seed.h"
#include "support/virtual_redis.h"

namespace footfall::redis {
namespace {

constexpr counting::Day kToday = 20'700;
constexpr std::int64_t kStartMs = std::int64_t{kToday} * 86'400'000 + 43'200'000;
const Address kRedis{"a", 1};
const std::string kSite = "example.vn";

class NodeSite final : public VisitorsSource {
 public:
  counting::VisitorsTold take_visitors() override { return state.take_visitors(); }
  std::vector<counting::EpochDay> days(counting::Day first) override { return state.visitor_days(first); }
  counting::DaySet visitors_of(const counting::EpochDay& of) override { return state.visitors_of(of); }
  std::vector<counting::Epoch> included() override { return {state.included().begin(), state.included().end()}; }
  counting::Day today() override { return day; }
  std::array<std::uint64_t, 2> visitors_here() override {
    const counting::Summary summary = state.summary(std::int64_t{day} * 86'400 + 200, counting::calendar_of(day));
    return {summary.today.visitors, summary.yesterday.visitors};
  }

  counting::SiteState state{counting::Limits{.visitors_exact_max = 500}, 300};
  counting::Day day = kToday;
  std::shared_ptr<const VisitorsAnswer> answer;
};

struct Node {
  Node(testing::RedisModel& model, std::mt19937_64& random, const Visitors::Options& options)
      : link(model, "redis://a:1", random, 0), visitors(link.calls, link.clock, options) {
    site.answer = visitors.add(kSite, site);
  }
  testing::VirtualLink link;
  NodeSite site;
  Visitors visitors;
};

class VisitorsTest : public ::testing::Test {
 protected:
  VisitorsTest() {
    model.now_ms = kStartMs;
    model.at(kRedis);
    for (const char* name : {"aa", "bb", "cc"}) {
      nodes.push_back(std::make_unique<Node>(model, random, Visitors::Options{.node = name, .seed = random()}));
    }
  }
  void hit(std::size_t node, std::uint64_t visitor, counting::Day day = kToday, const counting::Epoch& epoch = {}) {
    counting::Hit hit;
    hit.at_s = std::int64_t{day} * 86'400 + 100;
    hit.visitor = counting::VisitorId{visitor};
    hit.counts = hit.adds_visitor = true;
    nodes[node]->site.state.apply(epoch, {&hit, 1});
    all.apply(epoch, {&hit, 1});
  }
  template <class Each>
  void run_ms(std::int64_t ms, const Each& each) {
    testing::run_links(model, nodes, ms, each, [](Node& node, bool) { node.visitors.tick(); });
  }
  void run_ms(std::int64_t ms) {
    run_ms(ms, [] {});
  }
  std::optional<std::uint64_t> answer(std::size_t node, counting::Day day = kToday) {
    return nodes[node]->site.answer->read(day, model.now_ms / 1000);
  }
  // As a sketch estimates what one node counts that had all hits.
  std::uint64_t expected(counting::Day day = kToday) {
    counting::HyperLogLog sketch;
    for (const counting::Epoch& epoch : all.included()) {
      for (const counting::VisitorId visitor : all.visitors_of({epoch, day}).ids) {
        const void* const bytes = &visitor.value;
        sketch.add({static_cast<const char*>(bytes), sizeof visitor.value});
      }
    }
    return sketch.estimate();
  }
  void expect_right() {
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      ASSERT_EQ(answer(node), expected()) << "node " << node;
      ASSERT_EQ(answer(node, kToday - 1), expected(kToday - 1)) << "node " << node;
    }
  }

  std::mt19937_64 random{testing::rng_seed()};
  testing::RedisModel model;
  std::vector<std::unique_ptr<Node>> nodes;
  counting::SiteState all{counting::Limits{.visitors_exact_max = 1U << 20U}, 300};
};

TEST_F(VisitorsTest, AVisitorOfTwoNodesIsOne) {
  hit(0, 1);
  hit(1, 1);
  hit(1, 2);
  hit(2, 3, kToday - 1);
  hit(2, 4, kToday - 2);
  run_ms(12'000);
  EXPECT_EQ(answer(0), 2U);
  EXPECT_EQ(answer(2, kToday - 1), 1U);
  EXPECT_EQ(answer(2, kToday - 2), std::nullopt);
  EXPECT_TRUE(model.at(kRedis).data.strings.contains("footfall:{example.vn}:visitors:1.0:20700"));
  EXPECT_FALSE(model.at(kRedis).data.strings.contains("footfall:{example.vn}:visitors:1.0:20698"));
}

TEST_F(VisitorsTest, WhatChangedHereIsCountedAtTheNextFlushAndElsewhereWhenItIsTold) {
  run_ms(5000);
  hit(0, 1);
  run_ms(2500);
  EXPECT_EQ(answer(0), 1U);
  nodes[1]->visitors.changed(kSite);
  run_ms(1200);
  EXPECT_EQ(answer(1), 1U);
}

TEST_F(VisitorsTest, BesideTheAnswerStandsHowManyOfThisNodesVisitorsAreInIt) {
  for (std::uint64_t visitor = 1; visitor <= 20; ++visitor) hit(0, visitor);
  hit(0, 21, kToday - 1);
  hit(1, 3);
  run_ms(12'000);
  ASSERT_NO_FATAL_FAILURE(expect_right());
  const auto here = [this](std::size_t node, counting::Day day) { return nodes[node]->site.answer->here(day); };
  EXPECT_EQ(here(0, kToday), 20U);
  EXPECT_EQ(here(0, kToday - 1), 1U);
  EXPECT_EQ(here(1, kToday), 1U);
  EXPECT_EQ(here(2, kToday), 0U);
  // A visitor whom Redis knows from another node changes no register there, and is told all the same.
  hit(1, 4);
  EXPECT_EQ(here(1, kToday), 1U) << "not told yet";
  run_ms(4000);
  EXPECT_EQ(here(1, kToday), 2U);
  // The next day it is the number of the day before.
  for (auto& node : nodes) node->site.day = kToday + 1;
  run_ms(12'000);
  EXPECT_EQ(here(0, kToday), 20U);
  EXPECT_EQ(here(0, kToday + 1), 0U);
}

TEST_F(VisitorsTest, WhatIsSaidToBeInItIsInIt) {
  std::uint64_t next = 1;
  run_ms(60'000, [&] {
    if (random() % 3 == 0) hit(random() % nodes.size(), random() % 2 == 0 ? next++ : 1 + random() % next);
    if (random() % 2000 == 0) {
      model.at(kRedis).flush();
      for (auto& node : nodes) node->visitors.lost();
    }
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      // Distinct ids hardly share a register at these numbers; three may.
      if (const auto all_of = answer(node)) {
        ASSERT_LE(nodes[node]->site.answer->here(kToday), *all_of + 3) << "node " << node;
      }
    }
  });
  run_ms(12'000);
  for (auto& node : nodes) EXPECT_EQ(node->site.answer->here(kToday), node->site.visitors_here()[0]);
}

TEST_F(VisitorsTest, LargeDaysAreMergedAfterAStartAndALoss) {
  for (std::uint64_t visitor = 1; visitor <= 3000; ++visitor) hit(visitor % 2, visitor);
  for (std::uint64_t visitor = 1; visitor <= 300; ++visitor) hit(2, visitor, kToday - 1);
  run_ms(12'000);
  ASSERT_NO_FATAL_FAILURE(expect_right());
  EXPECT_EQ(nodes[0]->visitors.counters().merged.get(), 1U);
  model.at(kRedis).flush();
  for (auto& node : nodes) node->visitors.lost();
  run_ms(5000);
  for (auto& node : nodes) node->visitors.changed(kSite);
  run_ms(2000);
  ASSERT_NO_FATAL_FAILURE(expect_right());
  EXPECT_EQ(nodes[0]->visitors.counters().merged.get(), 2U);
  EXPECT_EQ(model.at(kRedis).data.strings.size(), 2U) << "a node's own sketch is left";
  EXPECT_EQ(model.at(kRedis).data.expiry_ms.size(), 2U);
}

TEST_F(VisitorsTest, EpochsAreApartAndThoseIncludedAreUnited) {
  hit(0, 1);
  hit(0, 2);
  const counting::Epoch next{2, 9};
  for (auto& node : nodes) node->site.state.begin_epoch(next);
  all.begin_epoch(next);
  hit(1, 2, kToday, next);
  hit(1, 3, kToday, next);
  run_ms(12'000);
  EXPECT_EQ(answer(0), 2U);
  for (auto& node : nodes) {
    node->site.state.set_included({counting::Epoch{}, next});
    node->visitors.changed(kSite);
  }
  run_ms(2000);
  EXPECT_EQ(answer(0), 3U);
}

TEST_F(VisitorsTest, AtMidnightTodayIsYesterday) {
  hit(0, 1);
  run_ms(12'000);
  for (auto& node : nodes) node->site.day = kToday + 1;
  run_ms(12'000);
  EXPECT_EQ(answer(1, kToday + 1), 0U);
  EXPECT_EQ(answer(1, kToday), 1U);
  EXPECT_EQ(answer(1, kToday - 1), std::nullopt);
}

TEST_F(VisitorsTest, AnAnswerIsForgottenWhenRedisHasGone) {
  hit(0, 1);
  run_ms(12'000);
  EXPECT_EQ(answer(0), 1U);
  model.at(kRedis).silent = true;
  run_ms(20'000);
  EXPECT_EQ(answer(0), 1U);
  run_ms(21'000);
  EXPECT_EQ(answer(0), std::nullopt);
}

TEST_F(VisitorsTest, WhateverHappensAllAgreeInTheEnd) {
  std::uniform_int_distribution<std::uint64_t> visitors(1, 4000);
  for (int round = 0; round < 12; ++round) {
    const auto trouble = random() % 5;
    for (auto& node : nodes) node->link.delay_ms_max = static_cast<std::int64_t>(random() % 200);
    if (trouble == 1) model.at(kRedis).silent = true;
    if (trouble == 2) model.at(kRedis).refuses = "OOM command not allowed when used memory > 'maxmemory'.";
    run_ms(8000, [&] {
      for (int hits = 0; hits < 3; ++hits) {
        hit(random() % nodes.size(), visitors(random), random() % 4 == 0 ? kToday - 1 : kToday);
      }
      if (trouble == 3 && random() % 100 == 0) nodes[random() % nodes.size()]->link.cut();
      if (trouble == 4 && random() % 200 == 0) {
        model.at(kRedis).flush();
        for (auto& node : nodes) node->visitors.lost();
      }
    });
    model.at(kRedis).silent = false;
    model.at(kRedis).refuses.clear();
    run_ms(12'000);
    for (auto& node : nodes) node->visitors.changed(kSite);
    run_ms(2500);
    ASSERT_NO_FATAL_FAILURE(expect_right()) << "round " << round << ", trouble " << trouble;
  }
  for (auto& node : nodes) EXPECT_EQ(node->visitors.backlog(), 0U);
}

TEST_F(VisitorsTest, ASiteThatIsTakenAwayIsNotWrittenAnyMore) {
  hit(0, 1);
  for (auto& node : nodes) node->visitors.remove(kSite);
  run_ms(12'000);
  EXPECT_TRUE(model.at(kRedis).data.strings.empty());
}

}  // namespace
}  // namespace footfall::redis
