// SPDX-License-Identifier: Apache-2.0
#include "http/standing_queue.h"

#include <gtest/gtest.h>

namespace footfall::http {
namespace {

// A connection of which a read takes 100 bytes, each `turn_ms` after the one before; the sender has more in reserve
// than fits the socket.
class StandingQueueTest : public ::testing::Test {
 protected:
  // So many reads, each of which leaves as much.
  void reads(int count, std::int64_t turn_ms, std::size_t behind) {
    for (int i = 0; i < count; ++i) {
      now_ms_ += turn_ms;
      queue_.on_read(100, behind, now_ms_);
    }
  }
  void reads_all() { queue_.on_read(70, 0, now_ms_ += 10); }
  // Reads on until it sheds, or does no more; how long that took.
  std::int64_t until_it_sheds(bool sheds, std::int64_t turn_ms, std::size_t behind) {
    const std::int64_t begin_ms = now_ms_;
    for (int i = 0; i < 10'000 && queue_.sheds() != sheds; ++i) reads(1, turn_ms, behind);
    return now_ms_ - begin_ms;
  }

  StandingQueue queue_;
  std::int64_t now_ms_ = 0;
};

TEST_F(StandingQueueTest, WhoWaitsForEachAnswerHasNone) {
  for (int i = 0; i < 1000; ++i) {
    reads(1, 100, 50);  // a body that is longer than a read
    reads_all();
    EXPECT_FALSE(queue_.sheds());
  }
}

TEST_F(StandingQueueTest, AShortWaitMayLastForEver) {
  reads(10'000, 6, 300);  // 18 ms behind three reads
  EXPECT_FALSE(queue_.sheds());
}

TEST_F(StandingQueueTest, ALongOneIsShedWhenItHasStoodForTheInterval) {
  reads(1, 10, 300);
  EXPECT_EQ(until_it_sheds(true, 10, 300), kStandingMs);  // 30 ms behind three reads
}

TEST_F(StandingQueueTest, ALongOneIsSeenBeforeAllOfItIsRead) {
  reads(1, 10, 1'000'000);
  EXPECT_EQ(until_it_sheds(true, 10, 1'000'000), kStandingMs);
}

TEST_F(StandingQueueTest, OneThatWasShortInBetweenBeginsAnew) {
  reads(1, 10, 300);
  reads(9, 10, 300);
  reads(3, 2, 300);  // to the marker in 6 ms
  EXPECT_FALSE(queue_.sheds());
  EXPECT_EQ(until_it_sheds(true, 10, 300), kStandingMs);
}

TEST_F(StandingQueueTest, AnEmptyOneBeginsAnew) {
  reads(10, 10, 300);
  reads_all();
  reads(10, 10, 300);
  EXPECT_FALSE(queue_.sheds());
  reads(1, 10, 300);
  EXPECT_TRUE(queue_.sheds());
  reads_all();
  EXPECT_FALSE(queue_.sheds());
}

// What is refused goes fast, and more comes out of the sender's buffers: short waits are no sign then.
TEST_F(StandingQueueTest, IsShedUntilItIsEmptyHoweverFastItGoes) {
  reads(1, 10, 300);
  until_it_sheds(true, 10, 300);
  reads(50, 1, 300);
  EXPECT_TRUE(queue_.sheds());
  reads_all();
  EXPECT_FALSE(queue_.sheds());
}

TEST_F(StandingQueueTest, OfOneThatNeverEndsSomeIsTaken) {
  reads(1, 10, 300);
  until_it_sheds(true, 10, 300);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(until_it_sheds(false, 10, 300), kStandingMs);
    EXPECT_NEAR(static_cast<double>(until_it_sheds(true, 10, 300)), kStandingMs, 30);
  }
}

}  // namespace
}  // namespace footfall::http
