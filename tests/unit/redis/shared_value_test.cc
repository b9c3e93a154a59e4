// SPDX-License-Identifier: Apache-2.0
#include "redis/shared_value.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "support/rng_seed.h"
#include "support/virtual_redis.h"

namespace footfall::redis {
namespace {

const Address kRedis{"a", 1};

// Takes over what is there.
struct Follower {
  Follower(testing::RedisModel& model, std::mt19937_64& random, std::string own)
      : value(std::move(own)),
        link(model, "redis://a:1", random, 0),
        shared(link.calls, "ff:{meta}:word", 5000, [this](auto there) -> std::optional<std::string> {
          ++looks;
          if (!there) return value;
          if (over == there) return value;
          value = *there;
          return std::nullopt;
        }) {}
  std::string value;
  std::string over;  // what it writes its own over
  unsigned looks = 0;
  testing::VirtualLink link;
  SharedValue shared;
};

class SharedValueTest : public ::testing::Test {
 protected:
  SharedValueTest() {
    model.now_ms = 1'790'000'000'000;
    model.at(kRedis);
    for (const char* own : {"one", "two", "three"}) nodes.push_back(std::make_unique<Follower>(model, random, own));
  }
  void run_ms(std::int64_t ms) {
    for (const std::int64_t end = model.now_ms + ms; model.now_ms < end; model.now_ms += 20) {
      for (auto& node : nodes) {
        node->link.set_clock();
        node->shared.tick(model.now_ms);
        node->link.step([] {});
      }
    }
  }
  void expect_agreed() {
    for (const auto& node : nodes) EXPECT_EQ(node->value, nodes[0]->value);
    EXPECT_EQ(model.at(kRedis).data.strings["ff:{meta}:word"], nodes[0]->value);
  }
  std::mt19937_64 random{testing::rng_seed()};
  testing::RedisModel model;
  std::vector<std::unique_ptr<Follower>> nodes;
};

TEST_F(SharedValueTest, AllHaveWhatTheFirstOneSet) {
  for (auto& node : nodes) node->link.delay_ms_max = 200;
  run_ms(3000);
  expect_agreed();
}

TEST_F(SharedValueTest, ItIsLookedAtNowAndThenAndWhenItIsSaidTo) {
  run_ms(1000);
  const unsigned looks = nodes[0]->looks;
  run_ms(3000);
  EXPECT_EQ(nodes[0]->looks, looks);
  nodes[0]->shared.hurry();
  run_ms(100);
  EXPECT_EQ(nodes[0]->looks, looks + 1);
  run_ms(10'000);
  EXPECT_EQ(nodes[0]->looks, looks + 3);
}

TEST_F(SharedValueTest, WhatRedisForgotIsSetAgain) {
  run_ms(3000);
  const std::string agreed = nodes[0]->value;
  model.at(kRedis).flush();
  run_ms(6000);
  expect_agreed();
  EXPECT_EQ(nodes[0]->value, agreed);
}

TEST_F(SharedValueTest, WhatIsThereIsWrittenOverByWhoDecidesSo) {
  run_ms(3000);
  for (auto& node : nodes) node->over = "old";
  nodes[2]->value = "new";
  model.at(kRedis).data.strings["ff:{meta}:word"] = "old";
  nodes[2]->shared.hurry();
  run_ms(6000);
  expect_agreed();
  EXPECT_EQ(nodes[0]->value, "new");
}

TEST_F(SharedValueTest, WithoutRedisEachKeepsItsOwnAndAllAgreeWhenItIsBack) {
  model.at(kRedis).silent = true;
  run_ms(15'000);
  EXPECT_EQ(nodes[1]->value, "two");
  EXPECT_EQ(nodes[1]->looks, 0U);
  model.at(kRedis).silent = false;
  run_ms(20'000);
  expect_agreed();
}

TEST_F(SharedValueTest, NothingIsCalledBackAfterItsEnd) {
  run_ms(1000);
  nodes[0]->link.delay_ms_max = 500;
  const unsigned answered = model.at(kRedis).commands;
  auto shared = std::make_unique<SharedValue>(nodes[0]->link.calls, "ff:{meta}:other", 1000,
                                              [](auto) -> std::optional<std::string> { std::abort(); });
  shared->tick(model.now_ms);
  shared.reset();
  run_ms(2000);
  EXPECT_EQ(model.at(kRedis).commands, answered + 1);
}

}  // namespace
}  // namespace footfall::redis
