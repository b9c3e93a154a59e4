// SPDX-License-Identifier: Apache-2.0
#include "history_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

namespace footfall {
namespace {

class HistoryThreadTest : public ::testing::Test {
 protected:
  static HistoryThread::Work says(std::string text) {
    return [text = std::move(text)](store::RankingReader&) { return base::Result<std::string>(text); };
  }

  store::ClosedDays closed_;
  HistoryThread thread_{store::History::open(":memory:").value(), closed_};
};

TEST_F(HistoryThreadTest, AnswersWhatItIsAsked) {
  std::promise<std::string> answer;
  ASSERT_TRUE(
      thread_.ask(says("read"), [&](const base::Result<std::string>& text) { answer.set_value(text.value()); }));
  EXPECT_EQ(answer.get_future().get(), "read");
}

TEST_F(HistoryThreadTest, TakesNoMoreThanItsBoundAndAnswersAllThatItTook) {
  std::promise<void> begun;
  std::promise<void> go;
  std::atomic<unsigned> read{0};
  std::atomic<unsigned> unavailable{0};
  const auto count = [&](const base::Result<std::string>& text) { ++(text ? read : unavailable); };
  ASSERT_TRUE(thread_.ask(
      [&](store::RankingReader&) {
        begun.set_value();
        go.get_future().wait();
        return base::Result<std::string>("");
      },
      count));
  begun.get_future().wait();
  for (std::size_t i = 0; i < HistoryThread::kWaitingMax; ++i) ASSERT_TRUE(thread_.ask(says(""), count));
  const auto refused = thread_.ask(says(""), count);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Errc::unavailable);
  std::thread stopping([&] { thread_.stop(); });
  while (thread_.ask(says(""), count)) {
  }  // until the stop has begun: whatever was taken meanwhile is answered
  go.set_value();
  stopping.join();
  EXPECT_GE(read, 1U);
  EXPECT_GE(read + unavailable, 1 + HistoryThread::kWaitingMax);
  EXPECT_FALSE(thread_.ask(says(""), count)) << "after a stop";
}

}  // namespace
}  // namespace footfall
