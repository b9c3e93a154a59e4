// SPDX-License-Identifier: Apache-2.0
// SharedSalts: nodes with a model of Redis between them come to one chain, whatever they began with.
#include "ingest/shared_salts.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "counting/site_state.h"
#include "ingest/client_address.h"
#include "ingest/visitor.h"
#include "redis/shared_value.h"
#include "support/fault_fs.h"
#include "support/rng_seed.h"
#include "support/virtual_redis.h"

namespace footfall::ingest {
namespace {

constexpr std::int64_t kDay_s = 86'400;
constexpr std::int64_t kNoon_s = 20'000 * kDay_s + kDay_s / 2;
const redis::Address kRedis{"a", 1};
const std::string kName = "footfall:{meta}:salts";

ClusterKey key_of(std::uint8_t first) {
  ClusterKey::Bytes bytes{};
  bytes.fill(first);
  return ClusterKey(bytes);
}

class Node {
 public:
  Node(testing::RedisModel& model, std::mt19937_64& random, const ClusterKey& key,
       const std::string& prefix = "footfall")
      : link(model, "redis://a:1", random, 0) {
    EXPECT_TRUE(files.make_directory("/d").has_value());
    salts = Salts::open(files, "/d/salts", link.clock.utc_s()).value();
    shared_salts = std::make_unique<SharedSalts>(*salts, key, prefix);
    shared = std::make_unique<redis::SharedValue>(link.calls, shared_salts->name(), 5000,
                                                  [this](std::optional<std::string_view> value) {
                                                    const auto step = shared_salts->found(value, link.clock.utc_s());
                                                    if (!step) {
                                                      problem = step.error();
                                                      return std::optional<std::string>();
                                                    }
                                                    problem.reset();
                                                    if (step->adopted) ++adoptions;
                                                    return step->value;
                                                  });
  }
  void step() {
    link.set_clock();
    EXPECT_TRUE(salts->rotate(link.clock.utc_s()).has_value());
    shared->tick(link.clock.utc_ms());
    link.step([] {});
  }
  std::uint64_t key(counting::Day day) const {
    const base::SipKey* found = salts->keys()->find(day);
    return found == nullptr ? 0 : found->k0;
  }

  testing::VirtualLink link;
  testing::FaultFs files;
  std::unique_ptr<Salts> salts;
  std::unique_ptr<SharedSalts> shared_salts;
  std::unique_ptr<redis::SharedValue> shared;
  std::optional<base::Error> problem;
  unsigned adoptions = 0;
};

class SharedSaltsTest : public ::testing::Test {
 protected:
  SharedSaltsTest() {
    model.now_ms = kNoon_s * 1000;
    model.at(kRedis);
  }
  Node& add(const ClusterKey& key = key_of(1), const std::string& prefix = "footfall") {
    nodes.push_back(std::make_unique<Node>(model, random, key, prefix));
    return *nodes.back();
  }
  void run_ms(std::int64_t ms, std::int64_t step_ms = 20) {
    for (const std::int64_t end = model.now_ms + ms; model.now_ms < end; model.now_ms += step_ms) {
      for (auto& node : nodes) node->step();
    }
  }
  std::string& value() { return model.at(kRedis).data.strings[kName]; }
  counting::Day today() const { return static_cast<counting::Day>(model.now_ms / 1000 / kDay_s); }
  void expect_one_chain() {
    for (const auto& node : nodes) {
      for (counting::Day day = today() - 1; day <= today() + 1; ++day) {
        EXPECT_EQ(node->key(day), nodes[0]->key(day)) << day;
      }
      EXPECT_NE(node->key(today()), 0U);
      EXPECT_FALSE(node->problem) << node->problem->detail;
    }
  }

  std::mt19937_64 random{testing::rng_seed()};
  testing::RedisModel model;
  std::vector<std::unique_ptr<Node>> nodes;
};

TEST_F(SharedSaltsTest, AllNodesHaveTheChainOfTheFirst) {
  for (int i = 0; i < 3; ++i) add().link.delay_ms_max = 100;
  EXPECT_NE(nodes[0]->key(today()), nodes[1]->key(today()));
  run_ms(8000);
  expect_one_chain();
  EXPECT_EQ(nodes[0]->adoptions + nodes[1]->adoptions + nodes[2]->adoptions, 2U);
  add();
  run_ms(1000);
  expect_one_chain();
}

TEST_F(SharedSaltsTest, TheKeyOfADayThatHasEndedIsNotInRedisAnyMore) {
  add();
  add();
  run_ms(8000);
  const std::string before = value();
  const std::uint64_t today_key = nodes[0]->key(today());
  model.now_ms += kDay_s * 1000;
  run_ms(12'000);
  expect_one_chain();
  EXPECT_EQ(nodes[0]->key(today() - 1), today_key) << "the chain goes on";
  EXPECT_NE(value(), before);
  Node& late = add();
  run_ms(2000);
  expect_one_chain();
  EXPECT_EQ(late.salts->state().day, sites::oldest_salt_day(model.now_ms / 1000));
}

TEST_F(SharedSaltsTest, WhatRedisForgotIsTheSameChainAgain) {
  add();
  add();
  run_ms(8000);
  const std::uint64_t key = nodes[0]->key(today());
  model.at(kRedis).flush();
  run_ms(12'000);
  expect_one_chain();
  EXPECT_EQ(nodes[0]->key(today()), key);
  EXPECT_FALSE(value().empty());
}

TEST_F(SharedSaltsTest, AnotherClusterKeyIsAnErrorAndNothingIsWrittenOver) {
  add();
  run_ms(2000);
  const std::string before = value();
  Node& stranger = add(key_of(2));
  const std::uint64_t own = stranger.key(today());
  run_ms(12'000);
  ASSERT_TRUE(stranger.problem);
  EXPECT_EQ(stranger.problem->code, base::Errc::denied);
  EXPECT_NE(stranger.problem->detail.find(kName), std::string::npos);
  EXPECT_NE(stranger.problem->detail.find("another cluster key"), std::string::npos);
  EXPECT_EQ(stranger.key(today()), own);
  EXPECT_EQ(value(), before);
}

TEST_F(SharedSaltsTest, TheSaltsOfAnotherPrefixAreNone) {
  Node& node = add();
  run_ms(2000);
  model.at(kRedis).data.strings["other:{meta}:salts"] = value();
  Node& other = add(key_of(1), "other");
  run_ms(2000);
  ASSERT_TRUE(other.problem);
  EXPECT_EQ(other.problem->code, base::Errc::denied);
  EXPECT_FALSE(node.problem);
}

TEST_F(SharedSaltsTest, WhatIsNoSealIsAnError) {
  value() = "hello";
  Node& node = add();
  run_ms(2000);
  ASSERT_TRUE(node.problem);
  EXPECT_EQ(node.problem->code, base::Errc::malformed);
  EXPECT_EQ(value(), "hello");
}

TEST_F(SharedSaltsTest, AnAdoptedChainIsInTheFile) {
  add();
  run_ms(2000);
  Node& node = add();
  run_ms(2000);
  ASSERT_EQ(node.adoptions, 1U);
  const auto again = Salts::open(node.files, "/d/salts", model.now_ms / 1000).value();
  EXPECT_EQ(again->keys()->find(today())->k0, nodes[0]->key(today()));
}

TEST_F(SharedSaltsTest, AChainThatIsTheSameOnAnotherDayIsNotAdopted) {
  Node& node = add();
  const sites::SaltsState before = node.salts->state();
  ASSERT_TRUE(node.salts->rotate(kNoon_s + 3 * kDay_s).has_value());
  EXPECT_FALSE(node.salts->adopt(before, kNoon_s + 3 * kDay_s).value());
  sites::SaltsState of_the_future = before;
  of_the_future.day += 40'000;
  of_the_future.key[0] ^= 1;
  EXPECT_EQ(node.salts->adopt(of_the_future, kNoon_s).error().code, base::Errc::conflict);
}

TEST_F(SharedSaltsTest, AWriteThatFailsIsMadeUpForByTheRotation) {
  add();
  run_ms(2000);
  Node node(model, random, key_of(1));
  const std::string before = node.files.content("/d/salts");
  node.files.fail_renames();
  EXPECT_TRUE(node.salts->adopt(nodes[0]->salts->state(), kNoon_s).value());
  EXPECT_EQ(node.key(today()), nodes[0]->key(today()));
  EXPECT_EQ(node.files.content("/d/salts"), before);
  EXPECT_FALSE(node.salts->rotate(kNoon_s).has_value());
  node.files.heal();
  EXPECT_TRUE(node.salts->rotate(kNoon_s).has_value());
  EXPECT_NE(node.files.content("/d/salts"), before);
}

// One visitor each 10 s; the node adopts another chain meanwhile.
TEST_F(SharedSaltsTest, WhoIsOnlineWhileAChainIsAdoptedIsNotCountedTwice) {
  constexpr std::int32_t kWindow_s = 300;
  add();
  run_ms(2000);
  Node& node = add();  // has not looked yet
  const auto zone = lookup::TimeZone::find("UTC").value();
  counting::SiteState state(counting::Limits{}, kWindow_s);
  Address address;
  ASSERT_TRUE(parse_address("192.0.2.1", address));
  VisitorKeys keys("example.vn", zone, node.salts->keys(), kWindow_s);
  const auto hit = [&](std::int64_t at_s, const std::string& agent) {
    const DayKeys& day = keys.at(at_s);
    counting::Hit one;
    one.at_s = at_s;
    one.visitor = day.visitor(address.bytes.data(), agent);
    one.moved_from = day.moved_from(at_s, address.bytes.data(), agent);
    one.touches_presence = true;
    state.apply(counting::Epoch{}, {&one, 1});
    return one;
  };
  const std::int64_t at_s = model.now_ms / 1000;
  for (int visitor = 0; visitor < 50; ++visitor) hit(at_s, std::to_string(visitor));
  run_ms(2000);
  ASSERT_EQ(node.adoptions, 1U);
  keys = VisitorKeys("example.vn", zone, node.salts->keys(), kWindow_s);
  for (int visitor = 0; visitor < 50; ++visitor) hit(at_s + 10, std::to_string(visitor));
  EXPECT_EQ(state.online(at_s + 10), 50U);
  EXPECT_NE(hit(at_s + kWindow_s - 1, "1").moved_from.value, 0U);
  EXPECT_EQ(hit(at_s + kWindow_s + 2, "1").moved_from.value, 0U);
  EXPECT_EQ(state.online(at_s + kWindow_s + 2), 50U);

  EXPECT_FALSE(node.salts->keys()->replaced_by_day.empty());
  ASSERT_TRUE(node.salts->rotate(at_s + 3700).has_value());
  EXPECT_TRUE(node.salts->keys()->replaced_by_day.empty());
}

}  // namespace
}  // namespace footfall::ingest
