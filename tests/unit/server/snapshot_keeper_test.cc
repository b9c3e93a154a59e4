// SPDX-License-Identifier: Apache-2.0
// SnapshotKeeper: nodes that count together, a model of Redis, virtual time. What Redis itself says to it is in
// tests/integration/snapshot_test.py.
#include "snapshot_keeper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "support/rng_seed.h"
#include "support/virtual_redis.h"

namespace footfall {
namespace {

const redis::Address kRedis{"a", 1};
constexpr std::int64_t kInterval_s = 80;  // a turn lasts 70, and nodes look each 20
constexpr std::int64_t kDay_ms = 86'400'000;

struct Node {
  Node(testing::RedisModel& model, std::mt19937_64& random, const RedisOptions& redis_options, const std::string& id,
       std::int64_t ahead_ms)
      : options(redis_options),
        link(model, "redis://a:1", random, ahead_ms),
        keeper(
            link.calls, link.clock, options, registry, id,
            [this](const std::function<void(base::Result<void>)>& then) {
              if (!disk_stuck) then({});
            },
            [] {}) {
    link.delay_ms_max = 40;
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      EXPECT_TRUE(registry.apply({name, link.clock.utc_s(), "tester", "", registry.plan_add(settings, 1).value()}));
    }
  }
  // Counted here, or heard of another: the total is the same.
  void count(const std::string& name, std::uint64_t hits) {
    sites::Site& site = *registry.find(name);
    counting::Hit hit;
    hit.at_s = link.clock.utc_s();
    hit.counts = true;
    const base::MutexLock lock(site.mutex());
    site.state().apply(site.state().epoch(), std::vector<counting::Hit>(hits, hit));
  }
  void tick() {
    if (const std::int64_t now_s = link.clock.utc_s(); std::exchange(ticked_s, now_s) != now_s) keeper.tick(now_s);
  }

  const RedisOptions options;
  sites::Registry registry{counting::Limits{}};
  bool disk_stuck = false;
  testing::VirtualLink link;
  SnapshotKeeper keeper;
  std::int64_t ticked_s = 0;
};

class SnapshotKeeperTest : public ::testing::Test {
 protected:
  SnapshotKeeperTest() {
    model.now_ms = 1'790'000'000'000;
    model.at(kRedis);
    options.prefix = "ff";
    options.snapshot_interval_s = kInterval_s;
    options.node = "named";
  }
  Node& add(std::int64_t ahead_ms = 0) {
    const std::string id = std::to_string(10'000'000 + ++added_) + "0123456789abcdef01234567";
    nodes.push_back(std::make_unique<Node>(model, random, options, id, ahead_ms));
    if (hits_ > 0) nodes.back()->count("a.vn", hits_);
    return *nodes.back();
  }
  // Its process is gone, and so is what was on its way.
  void kill(std::size_t node) {
    nodes[node]->link.cut();
    nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(node));
  }
  void kill(const Node& node) {
    kill(static_cast<std::size_t>(
        std::find_if(nodes.begin(), nodes.end(), [&](const auto& one) { return one.get() == &node; }) - nodes.begin()));
  }
  // Of a.vn, on all nodes at once.
  void hit() {
    ++hits_;
    for (auto& node : nodes) node->count("a.vn", 1);
  }
  // With a hit each two seconds, or none.
  void run_s(std::int64_t seconds, bool hits = true) {
    testing::run_links(
        model, nodes, seconds * 1000,
        [&] {
          if (hits && model.now_ms % 2000 == 0) hit();
          if (const auto now = kept("a.vn"); now.size() > seen_) {
            seen_ = now.size();
            kept_ms.push_back(model.now_ms);
          }
        },
        [](Node& node, bool) { node.tick(); });
  }
  // Ids, the oldest first by what Redis has been told.
  std::vector<std::string> kept(const std::string& site) {
    std::vector<std::string> out;
    const auto reply = model.at(kRedis).data.execute({"ZRANGE", "ff:{" + site + "}:snapshots", "0", "-1"});
    for (const redis::Reply& id : reply.elements) out.push_back(id.text);
    return out;
  }
  sites::Snapshot load(const std::string& site, const std::string& id) {
    return sites::decode_snapshot(model.at(kRedis).data.strings["ff:{" + site + "}:snapshot:" + id]).value();
  }
  // Each was kept an interval behind the one before, an eighth more or less, and a second for what it takes.
  void expect_one_in_each_interval(std::size_t least) {
    EXPECT_GE(kept_ms.size(), least);
    for (std::size_t i = 1; i < kept_ms.size(); ++i) {
      const std::int64_t gap_ms = kept_ms[i] - kept_ms[i - 1];
      EXPECT_GE(gap_ms, kInterval_s * 875) << i;
      EXPECT_LE(gap_ms, kInterval_s * 1125 + 2000) << i;
    }
  }
  // By their ids, which people read, and by their order: as Redis's clock has them.
  void expect_redis_time() {
    const auto ids = kept("a.vn");
    ASSERT_EQ(ids.size(), kept_ms.size());
    for (std::size_t i = 0; i < ids.size(); ++i)
      EXPECT_LE(std::abs(load("a.vn", ids[i]).taken_ms - kept_ms[i]), 1500) << ids[i];
  }

  std::mt19937_64 random{testing::rng_seed()};
  testing::RedisModel model;
  RedisOptions options;
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<std::int64_t> kept_ms;  // when each of a.vn was

 private:
  unsigned added_ = 0;
  std::uint64_t hits_ = 0;
  std::size_t seen_ = 0;
};

TEST_F(SnapshotKeeperTest, WhoCountsAloneTakesOneInEachInterval) {
  options.node.clear();
  add();
  run_s(20 * kInterval_s);
  expect_one_in_each_interval(19);
  EXPECT_FALSE(model.at(kRedis).data.strings.contains("ff:{a.vn}:snapshots:turn"));
}

TEST_F(SnapshotKeeperTest, SoDoesOneOfSeveralWithoutTheOthers) {
  add();
  run_s(20 * kInterval_s);
  expect_one_in_each_interval(19);
  for (std::size_t i = 1; i < kept_ms.size(); ++i) EXPECT_LE(kept_ms[i] - kept_ms[i - 1], kInterval_s * 1000 + 2000);
}

TEST_F(SnapshotKeeperTest, ManyNodesTakeOneInEachInterval) {
  for (int n = 0; n < 10; ++n) {
    add();
    run_s(static_cast<std::int64_t>(random() % 15));
  }
  run_s(30 * kInterval_s);
  expect_one_in_each_interval(27);
  expect_redis_time();
}

TEST_F(SnapshotKeeperTest, ThoseThatStartAtOnceDoToo) {
  for (int n = 0; n < 10; ++n) add();
  run_s(10 * kInterval_s);
  expect_one_in_each_interval(9);
}

TEST_F(SnapshotKeeperTest, ItGoesOnWhoeverIsGone) {
  for (int n = 0; n < 5; ++n) {
    add();
    run_s(static_cast<std::int64_t>(random() % 15));
  }
  run_s(2 * kInterval_s);
  for (int round = 0; round < 30; ++round) {
    kill(random() % nodes.size());
    run_s(static_cast<std::int64_t>(random() % 60));
    add();
    run_s(static_cast<std::int64_t>(random() % 60));
  }
  for (std::size_t i = 1; i < kept_ms.size(); ++i) {
    const std::int64_t gap_ms = kept_ms[i] - kept_ms[i - 1];
    EXPECT_GE(gap_ms, kInterval_s * 875);
    EXPECT_LE(gap_ms, kInterval_s * 1125 + 52'000) << "also behind one that died in its turn";
  }
}

TEST_F(SnapshotKeeperTest, WhoDiesInItsTurnDelaysTheSnapshotByHalfAMinute) {
  Node& dies = add();
  run_s(22);
  ASSERT_EQ(kept_ms.size(), 1U);
  add();
  run_s(65);
  dies.disk_stuck = true;  // it has the turn, and nothing becomes durable any more
  run_s(kInterval_s - 65);
  const std::string& turn = model.at(kRedis).data.strings["ff:{a.vn}:snapshots:turn"];
  ASSERT_EQ(turn.find(' '), std::string::npos) << "somebody's turn: " << turn;
  kill(dies);
  run_s(52);
  ASSERT_EQ(kept_ms.size(), 2U);
  EXPECT_EQ(kept("a.vn").back().substr(21), "10000002");
}

TEST_F(SnapshotKeeperTest, ClocksThatAreWrongChangeNothing) {
  for (const std::int64_t ahead_ms : {std::int64_t{0}, 3 * kDay_ms + 400, -3 * kDay_ms - 400, std::int64_t{90'000}}) {
    add(ahead_ms);
    run_s(static_cast<std::int64_t>(random() % 15));
  }
  run_s(3 * kInterval_s);
  while (nodes.size() > 1) {
    kill(random() % nodes.size());
    run_s(4 * kInterval_s);
  }
  expect_redis_time();
  for (std::size_t i = 1; i < kept_ms.size(); ++i) EXPECT_GE(kept_ms[i] - kept_ms[i - 1], kInterval_s * 875);
  EXPECT_GE(kept_ms.size(), 13U);
}

TEST_F(SnapshotKeeperTest, ASiteThatDidNotChangeIsTakenOnceByAllTogether) {
  for (int n = 0; n < 5; ++n) {
    add();
    run_s(static_cast<std::int64_t>(random() % 15));
  }
  run_s(5 * kInterval_s);
  EXPECT_EQ(kept("b.vn").size(), 1U);
  run_s(2 * kInterval_s, false);
  const std::size_t before = kept_ms.size();
  run_s(10 * kInterval_s, false);
  EXPECT_EQ(kept_ms.size(), before);
  hit();
  run_s(25, false);
  EXPECT_EQ(kept_ms.size(), before + 1) << "the turn before was long over";
  std::uint64_t total = 0;
  for (const std::string& id : kept("a.vn")) total = std::max(total, load("a.vn", id).total);
  EXPECT_EQ(load("a.vn", kept("a.vn").back()).total, total);
}

TEST_F(SnapshotKeeperTest, OnDemandIsNobodysTurn) {
  Node& one = add();
  add();
  run_s(25);
  ASSERT_EQ(kept_ms.size(), 1U);
  std::optional<api::SnapshotStore::Taken> taken;
  one.keeper.take({"b.vn", "a.vn"}, [&](base::Result<api::SnapshotStore::Taken> done) { taken = *std::move(done); });
  EXPECT_FALSE(taken) << "answered from within the call";
  run_s(2, false);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->names.size(), 2U);
  EXPECT_TRUE(taken->failed.empty());
  EXPECT_EQ(kept("a.vn").size(), 2U);
}

// --- errors ---

TEST_F(SnapshotKeeperTest, WhatCouldNotBeKeptIsTriedAgain) {
  for (int n = 0; n < 3; ++n) add();
  run_s(25);
  ASSERT_EQ(kept_ms.size(), 1U);
  model.at(kRedis).refuses = "OOM command not allowed when used memory > 'maxmemory'.";
  run_s(2 * kInterval_s);
  ASSERT_EQ(kept_ms.size(), 1U);
  EXPECT_GT(nodes[0]->keeper.stats().failed, 0U);
  model.at(kRedis).refuses.clear();
  run_s(22);
  EXPECT_EQ(kept_ms.size(), 2U);
}

TEST_F(SnapshotKeeperTest, ARedisThatForgotIsGivenOneByOneNode) {
  for (int n = 0; n < 5; ++n) add();
  run_s(3 * kInterval_s);
  model.at(kRedis).flush();
  run_s(25);
  EXPECT_EQ(kept("a.vn").size(), 1U);
}

}  // namespace
}  // namespace footfall
