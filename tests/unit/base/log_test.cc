// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace footfall::base {
namespace {

// What `log_lines` writes to standard error between start and stop.
template <class LogLines>
std::string logged(log::Level level, LogLines log_lines) {
  ::testing::internal::CaptureStderr();
  log::start(level);
  log_lines();
  log::stop();
  return ::testing::internal::GetCapturedStderr();
}

TEST(LogTest, ALineHasItsUtcTimeAndLevel) {
  std::string out = logged(log::Level::info, [] { log::warning("an_event", "disk is nearly full"); });
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
  EXPECT_EQ(out, "0000-00-00T00:00:00.000Z warning disk is nearly full\n");
}

TEST(LogTest, LinesBelowTheLevelAreLeftOut) {
  const std::string out = logged(log::Level::warning, [] {
    log::debug("an_event", "d");
    log::info("an_event", "i");
    log::error("an_event", "e");
  });
  EXPECT_EQ(out.find(" d\n"), std::string::npos);
  EXPECT_EQ(out.find(" i\n"), std::string::npos);
  EXPECT_NE(out.find("error e\n"), std::string::npos);
}

TEST(LogTest, TheLevelCanBeChangedAndHasAName) {
  const std::string out = logged(log::Level::info, [] {
    for (const log::Level level : {log::Level::debug, log::Level::info, log::Level::warning, log::Level::error}) {
      log::set_level(level);
      EXPECT_EQ(log::level(), level);
      EXPECT_EQ(log::level_from(log::name_of(level)), level);
      log::info("an_event", "at " + std::string(log::name_of(level)));
    }
  });
  EXPECT_NE(out.find("at info\n"), std::string::npos);
  EXPECT_EQ(out.find("at warning\n"), std::string::npos);
  EXPECT_EQ(log::level_from("loud"), std::nullopt);
  EXPECT_EQ(log::level(), log::Level::info) << "nothing is started";
}

TEST(LogTest, ALineCannotForgeAnother) {
  const std::string out = logged(log::Level::info, [] { log::info("an_event", "path /a\nerror b\r\x1b[2J {} %v"); });
  EXPECT_NE(out.find("path /a?error b??[2J {} %v\n"), std::string::npos) << out;
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
}

TEST(LogTest, TheFormatCanBeChanged) {
  const std::string out = logged(log::Level::info, [] {
    log::set_format(log::Format::json);
    log::error("disk_low", "3 \"bytes\"");
  });
  EXPECT_NE(out.find(R"("level":"error","event":"disk_low","message":"3 \"bytes\""})"), std::string::npos) << out;
}

TEST(LogTest, LinesOfOneEventAreBounded) {
  const std::string out = logged(log::Level::info, [] {
    log::set_event_lines_max(2);
    for (int i = 0; i < 10; ++i) log::info("often", "again");
    log::info("seldom", "once");
  });
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 3);
  EXPECT_EQ(log::suppressed(), 8U);
  EXPECT_EQ(log::dropped(), 0U);
}

TEST(LogTest, NothingIsWrittenWhileStopped) {
  ::testing::internal::CaptureStderr();
  log::error("an_event", "nobody hears this");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(LogTest, EveryLineIsWrittenOrCountedAsDropped) {
  constexpr int kThreads = 4;
  constexpr int kLinesEach = 20'000;
  const std::string out = logged(log::Level::info, [] {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < kLinesEach; ++i) log::info("an_event", "a line of ordinary length about nothing");
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  const auto written = static_cast<std::uint64_t>(std::count(out.begin(), out.end(), '\n'));
  EXPECT_EQ(written + log::dropped(), static_cast<std::uint64_t>(kThreads) * kLinesEach);
}

TEST(LogTest, AnEndDoesNotWaitForAStandardErrorThatNobodyReads) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const int room = ::fcntl(pipe[1], F_SETPIPE_SZ, 4096);
  ASSERT_GT(room, 0);
  const int before = ::dup(STDERR_FILENO);
  ASSERT_GE(::dup2(pipe[1], STDERR_FILENO), 0);
  log::start(log::Level::info);
  const std::string line(1000, 'x');
  const int lines = 2 * room / 1000;
  for (int i = 0; i < lines; ++i) log::info("an_event", line);
  log::stop(std::chrono::milliseconds(50));  // which would never return
  std::string read;
  std::array<char, 4096> buffer{};
  while (std::count(read.begin(), read.end(), '\n') < lines) {  // now somebody does: nothing was lost yet
    const ssize_t got = ::read(pipe[0], buffer.data(), buffer.size());
    ASSERT_GT(got, 0);
    read.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::dup2(before, STDERR_FILENO);
  for (const int descriptor : {before, pipe[0], pipe[1]}) ::close(descriptor);
  EXPECT_EQ(log::dropped(), 0U);
}

TEST(LogTest, LinesThatStandardErrorDoesNotTakeAreCounted) {
  const int before = ::dup(STDERR_FILENO);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  ASSERT_GE(::dup2(full, STDERR_FILENO), 0);
  log::start(log::Level::info);
  log::info("an_event", "nobody hears this");
  log::stop();
  ::dup2(before, STDERR_FILENO);
  for (const int descriptor : {before, full}) ::close(descriptor);
  EXPECT_EQ(log::dropped(), 1U);
}

}  // namespace
}  // namespace footfall::base
