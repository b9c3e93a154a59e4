// SPDX-License-Identifier: Apache-2.0
#include "redis/snapshot_turns.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "support/rng_seed.h"
#include "support/virtual_redis.h"

namespace footfall::redis {
namespace {

const Address kRedis{"a", 1};
const std::string kKey = "ff:{a.vn}:snapshots:turn";

struct Node {
  Node(testing::RedisModel& model, std::mt19937_64& random, const std::string& name)
      : link(model, "redis://a:1", random, 0), turns(link.calls, "ff", name) {}
  testing::VirtualLink link;
  SnapshotTurns turns;
};

class SnapshotTurnsTest : public ::testing::Test {
 protected:
  SnapshotTurnsTest() {
    model.now_ms = 1'790'000'000'000;
    model.at(kRedis);
    for (const char* name : {"aa", "bb"}) nodes.push_back(std::make_unique<Node>(model, random, name));
    run_ms(100);
  }
  void run_ms(std::int64_t ms) {
    testing::run_links(
        model, nodes, ms, [] {}, [](Node&, bool) {});
  }
  template <class T, class Call>
  std::shared_ptr<std::optional<base::Result<T>>> later(const Call& call) {
    const auto answer = std::make_shared<std::optional<base::Result<T>>>();
    call([answer](base::Result<T> result) { answer->emplace(std::move(result)); });
    EXPECT_FALSE(*answer) << "answered from within the call";
    return answer;
  }
  auto begins(std::size_t node) {
    return later<SnapshotTurns::Turn>([&](auto then) { nodes[node]->turns.begin("a.vn", then); });
  }
  // "ours", "not ours", "not ours 7", or the error
  static std::string text(const std::optional<base::Result<SnapshotTurns::Turn>>& answer) {
    if (!answer) return "no answer";
    if (!*answer) return answer->error().detail;
    return std::string((*answer)->ours ? "ours" : "not ours") +
           ((*answer)->total ? " " + std::to_string(*(*answer)->total) : "");
  }
  std::string begin(std::size_t node) {
    const auto answer = begins(node);
    run_ms(100);
    return text(*answer);
  }
  void end(std::size_t node, std::uint64_t total, std::int64_t for_ms) {
    const auto answer = later<void>([&](auto then) { nodes[node]->turns.end("a.vn", total, for_ms, then); });
    run_ms(100);
    ASSERT_TRUE(*answer && **answer);
  }
  std::string kept() { return model.at(kRedis).data.strings[kKey]; }

  std::mt19937_64 random{testing::rng_seed()};
  testing::RedisModel model;
  std::vector<std::unique_ptr<Node>> nodes;
};

TEST_F(SnapshotTurnsTest, OneNodeHasTheTurnAndTheOtherLearnsWhatItKept) {
  EXPECT_EQ(begin(0), "ours");
  EXPECT_EQ(kept(), "aa");
  EXPECT_EQ(begin(1), "not ours");
  end(0, 41'450'743, 3'000'000);
  EXPECT_EQ(kept(), "aa 41450743");
  EXPECT_EQ(begin(1), "not ours 41450743");
  EXPECT_EQ(begin(0), "not ours 41450743") << "it has had its turn";
}

TEST_F(SnapshotTurnsTest, OfTwoWhoBeginAtOnceOneHasTheTurn) {
  for (auto& node : nodes) node->link.delay_ms_max = 40;
  for (int round = 0; round < 50; ++round) {
    model.at(kRedis).flush();
    const auto first = begins(0);
    const auto second = begins(1);
    run_ms(1000);
    EXPECT_NE(text(*first) == "ours", text(*second) == "ours") << text(*first) << ", " << text(*second);
  }
}

TEST_F(SnapshotTurnsTest, ATurnIsOverWhenItsTimeHasGone) {
  ASSERT_EQ(begin(0), "ours");
  end(0, 7, 100'000);
  run_ms(99'000);
  EXPECT_EQ(begin(1), "not ours 7");
  run_ms(1000);
  EXPECT_EQ(begin(1), "ours");
}

TEST_F(SnapshotTurnsTest, WhoDiesInItsTurnHoldsUpOthersForHalfAMinute) {
  ASSERT_EQ(begin(0), "ours");
  nodes[0]->link.cut();
  run_ms(SnapshotTurns::kTaking_ms - 1000);
  EXPECT_EQ(begin(1), "not ours");
  run_ms(1000);
  EXPECT_EQ(begin(1), "ours");
}

TEST_F(SnapshotTurnsTest, ATurnWhoseAnswerWasLostIsTakenUpAgain) {
  ASSERT_EQ(begin(0), "ours");
  EXPECT_EQ(begin(0), "ours");
}

TEST_F(SnapshotTurnsTest, WithoutATotalThatCanBeReadThereIsNone) {
  for (const char* value : {"", "bb ", "bb x", "bb 7x", "bb 18446744073709551616", "bb -1"}) {
    model.at(kRedis).data.strings[kKey] = value;
    EXPECT_EQ(begin(0), "not ours") << value;
  }
}

// --- errors ---

TEST_F(SnapshotTurnsTest, RedissOwnWordsAreTheError) {
  model.at(kRedis).refuses = "OOM command not allowed when used memory > 'maxmemory'.";
  EXPECT_NE(begin(0).find("OOM"), std::string::npos);
}

}  // namespace
}  // namespace footfall::redis
