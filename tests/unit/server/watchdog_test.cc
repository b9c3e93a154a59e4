// SPDX-License-Identifier: Apache-2.0
#include "watchdog.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace footfall {
namespace {

using namespace std::chrono_literals;

// Two threads that come to their tasks when the test says so, and a control thread that is the test's.
class WatchdogTest : public ::testing::Test {
 protected:
  Watchdog::Thread thread(std::size_t number) {
    return {"thread-" + std::to_string(number),
            [this, number](std::function<void()> task) { tasks_.at(number).push_back(std::move(task)); }};
  }
  void begin() {
    watchdog_.emplace(control_, std::vector{thread(0), thread(1)}, 2ms, [this] { ++told_; });
  }
  // Runs until both were given a task.
  void until_asked() {
    while (tasks_[0].empty() || tasks_[1].empty()) control_.run_one();
  }
  void comes_to_it(std::size_t number) {
    for (const auto& task : std::exchange(tasks_.at(number), {})) task();
    control_.poll();
  }

  boost::asio::io_context control_;
  std::array<std::vector<std::function<void()>>, 2> tasks_;
  int told_ = 0;
  std::optional<Watchdog> watchdog_;
};

TEST_F(WatchdogTest, TellsAtTheBeginningAndWhenAllHaveComeToTheirTasks) {
  begin();
  EXPECT_EQ(told_, 1);
  for (int round = 2; round < 5; ++round) {
    until_asked();
    EXPECT_EQ(told_, round - 1);
    comes_to_it(1);
    EXPECT_EQ(told_, round - 1);
    comes_to_it(0);
    EXPECT_EQ(told_, round);
  }
}

TEST_F(WatchdogTest, AsksNothingMoreOfAThreadThatIsStuckAndTellsNothing) {
  begin();
  until_asked();
  for (int i = 0; i < 20; ++i) {
    comes_to_it(0);
    control_.run_one();  // its time has passed once more
  }
  EXPECT_EQ(tasks_[1].size(), 1U);
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(watchdog_->stuck(), "thread-1");
  comes_to_it(1);
  EXPECT_EQ(told_, 2);
  EXPECT_EQ(watchdog_->stuck(), "");
}

TEST_F(WatchdogTest, WhoIsLateForLessThanTheTimeIsNotStuck) {
  begin();
  until_asked();
  EXPECT_EQ(watchdog_->stuck(), "");
  control_.run_one();  // half of it
  EXPECT_EQ(watchdog_->stuck(), "");
  control_.run_one();
  EXPECT_EQ(watchdog_->stuck(), "thread-0");
  comes_to_it(0);
  EXPECT_EQ(watchdog_->stuck(), "thread-1");
}

TEST_F(WatchdogTest, TasksThatAreOnTheirWayMayComeToNothing) {
  begin();
  until_asked();
  watchdog_.reset();
  comes_to_it(0);
  comes_to_it(1);
  EXPECT_EQ(told_, 1);
}

}  // namespace
}  // namespace footfall
