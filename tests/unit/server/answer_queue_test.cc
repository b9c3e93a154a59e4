// SPDX-License-Identifier: Apache-2.0
// AnswerQueue and Pool.
#include "answer_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "pool.h"
#include "support/rng_seed.h"

namespace footfall {
namespace {

struct Waiting {
  http::ConnectionRef connection;
  std::uint64_t block = 0;
  int id = 0;
};

std::vector<int> released(AnswerQueue<Waiting>& queue, std::uint64_t through) {
  std::vector<int> ids;
  queue.release(through, [&](const Waiting& answer) { ids.push_back(answer.id); });
  return ids;
}

TEST(AnswerQueueTest, AnswersLeaveInOrderWhenTheirBlockIsDurable) {
  AnswerQueue<Waiting> queue;
  queue.hold({{1, 1}, 7, 10});
  queue.hold({{2, 1}, 7, 11});
  queue.hold({{1, 1}, 8, 12});
  EXPECT_TRUE(released(queue, 6).empty());
  EXPECT_EQ(released(queue, 7), (std::vector<int>{10, 11}));
  EXPECT_TRUE(queue.holds({1, 1}));
  EXPECT_FALSE(queue.holds({2, 1}));
  EXPECT_EQ(released(queue, 8), (std::vector<int>{12}));
  EXPECT_FALSE(queue.holds({1, 1}));
}

TEST(AnswerQueueTest, AnAnswerWithoutABlockWaitsForTheOneBeforeIt) {
  AnswerQueue<Waiting> queue;
  queue.hold({{1, 1}, 5, 1});
  queue.hold({{1, 1}, 0, 2});
  EXPECT_TRUE(released(queue, 4).empty());
  EXPECT_EQ(released(queue, 5), (std::vector<int>{1, 2}));
}

TEST(AnswerQueueTest, AConnectionThatTookOverASlotWaitsForNothing) {
  AnswerQueue<Waiting> queue;
  queue.hold({{3, 1}, 5, 1});
  EXPECT_FALSE(queue.holds({3, 2}));
  queue.hold({{3, 2}, 6, 2});
  EXPECT_TRUE(queue.holds({3, 2}));
  EXPECT_EQ(released(queue, 5), (std::vector<int>{1}));
  EXPECT_TRUE(queue.holds({3, 2})) << "what its predecessor waited for is not its own";
  EXPECT_EQ(released(queue, 6), (std::vector<int>{2}));
}

TEST(AnswerQueueTest, EveryConnectionGetsItsAnswersInOrder) {
  std::mt19937_64 random(testing::rng_seed());
  AnswerQueue<Waiting> queue;
  std::map<std::uint32_t, std::vector<int>> asked, answered;  // connection -> ids
  std::uint64_t block = 1;
  int id = 0;
  const auto give = [&](const Waiting& answer) { answered[answer.connection.index].push_back(answer.id); };
  for (int step = 0; step < 20'000; ++step) {
    const http::ConnectionRef connection{static_cast<std::uint32_t>(random() % 20), 1};
    block += random() % 8 == 0 ? 1U : 0U;
    const bool hit = random() % 2 == 0;
    asked[connection.index].push_back(++id);
    if (hit || queue.holds(connection)) {
      queue.hold({connection, hit ? block : 0, id});
    } else {
      give({connection, 0, id});
    }
    if (random() % 10 == 0) queue.release(block - std::min<std::uint64_t>(block, random() % 3), give);
  }
  queue.release(block, give);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(answered, asked);
}

TEST(PoolTest, WhatWasGivenBackIsTakenAgain) {
  Pool<std::string> pool;
  const std::uint32_t a = pool.take();
  const std::uint32_t b = pool.take();
  std::string& text = pool[b];
  pool.give(a);
  EXPECT_EQ(pool.take(), a);
  for (int i = 0; i < 1000; ++i) pool.take();
  EXPECT_EQ(&text, &pool[b]) << "a reference stays good";
  EXPECT_EQ(pool.taken(), 1002U);
}

}  // namespace
}  // namespace footfall
