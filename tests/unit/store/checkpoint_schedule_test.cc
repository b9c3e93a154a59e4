// SPDX-License-Identifier: Apache-2.0
#include "store/checkpoint_schedule.h"

#include <gtest/gtest.h>

#include <vector>

namespace footfall::store {
namespace {

constexpr std::uint64_t kBytesMax = 1000;

TEST(CheckpointScheduleTest, ItIsDueEachInterval) {
  const CheckpointSchedule schedule(60, kBytesMax);
  EXPECT_FALSE(schedule.due(59, 0, false));
  EXPECT_TRUE(schedule.due(60, 0, false));
}

TEST(CheckpointScheduleTest, TheBoundOfTheJournalIsDueAtOnce) {
  const CheckpointSchedule schedule(60, kBytesMax);
  EXPECT_FALSE(schedule.due(1, kBytesMax - 1, false));
  EXPECT_TRUE(schedule.due(1, kBytesMax, false));
}

TEST(CheckpointScheduleTest, AStreamWithoutRoomIsDueAtOnce) {
  const CheckpointSchedule schedule(60, kBytesMax);
  EXPECT_TRUE(schedule.due(0, 0, true));
}

TEST(CheckpointScheduleTest, RunsInVainAreFurtherAndFurtherApart) {
  CheckpointSchedule schedule(5, kBytesMax);
  std::vector<int> waits;
  for (int run = 0; run < 10; ++run) {
    schedule.ran(true);
    int wait = 0;
    while (!schedule.due(wait, 10 * kBytesMax, true)) ++wait;
    waits.push_back(wait);
  }
  EXPECT_EQ(waits, (std::vector<int>{1, 2, 4, 8, 16, 32, 60, 60, 60, 60}));
}

TEST(CheckpointScheduleTest, ARunThatHelpedBeginsAnew) {
  CheckpointSchedule schedule(5, kBytesMax);
  for (int run = 0; run < 4; ++run) schedule.ran(true);
  schedule.ran(false);
  EXPECT_FALSE(schedule.due(4, 0, false));
  EXPECT_TRUE(schedule.due(5, 0, false));
  schedule.ran(true);
  EXPECT_TRUE(schedule.due(1, 0, false));
}

}  // namespace
}  // namespace footfall::store
