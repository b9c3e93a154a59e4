// SPDX-License-Identifier: Apache-2.0
#include "store/ranking_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "node.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using counting::Day;
using counting::Dimension;
using testing::Node;
using testing::Ping;

constexpr Day kDay = 19'700;
constexpr std::int64_t kNoon = std::int64_t{kDay} * 86'400 + 43'200;

class RankingReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(node_.start(1));
    sites::Settings settings;
    settings.name = "a.vn";
    ASSERT_TRUE(node_.change("add", node_.registry().plan_add(settings, 1).value()));
  }
  void hit(const std::string& path, std::int64_t at_s, const std::string& browser = "Firefox") {
    ASSERT_TRUE(node_.hit(0, {Ping{"a.vn", path, 1, at_s, browser, false}}));
  }
  sites::Site& site() { return *node_.registry().find("a.vn"); }
  void checkpoint() {
    ASSERT_TRUE(node_.checkpoint());
    closed_.end(node_.closed_as_of);
  }
  std::string labels(Dimension dimension, Day from, Day to) {
    std::string out;
    const auto found = RankingReader(node_.history(), closed_).labels(site(), dimension, from, to);
    EXPECT_TRUE(found) << to_string(found.error());
    for (const auto& [label, count] : *found) out += label + "=" + std::to_string(count) + " ";
    return out;
  }
  std::string days_of(std::string_view page, Day from, Day to) {
    std::string out;
    const auto found = RankingReader(node_.history(), closed_).days_of(site(), Dimension::page, page, from, to);
    EXPECT_TRUE(found) << to_string(found.error());
    for (const auto& [day, count] : *found) out += std::to_string(day - kDay) + "=" + std::to_string(count) + " ";
    return out;
  }

  testing::TemporaryDirectory temporary_;
  base::ManualClock clock_{kNoon * 1000};
  Node node_{temporary_.file("data"), clock_};
  ClosedDays closed_;
};

TEST_F(RankingReaderTest, OpenAndClosedDaysAreOne) {
  hit("/a", kNoon - 5 * 86'400);
  hit("/b", kNoon - 5 * 86'400);
  hit("/b", kNoon);
  checkpoint();
  ASSERT_FALSE(node_.closed_days.empty()) << "the older day is in the history alone";
  hit("/b", kNoon + 60, "Chrome");
  EXPECT_EQ(labels(Dimension::page, kDay - 10, kDay), "/b=3 /a=1 ");
  EXPECT_EQ(labels(Dimension::page, kDay, kDay), "/b=2 ");
  EXPECT_EQ(labels(Dimension::page, kDay - 10, kDay - 1), "/a=1 /b=1 ");
  EXPECT_EQ(labels(Dimension::browser, kDay - 10, kDay), "Firefox=3 Chrome=1 ");
  EXPECT_EQ(days_of("/b", kDay - 10, kDay), "-5=1 0=2 ");
  EXPECT_EQ(days_of("/nowhere", kDay - 10, kDay), "");
}

TEST_F(RankingReaderTest, MergedPagesAreAddedUpWhereverTheirDaysLie) {
  using sites::PagesMarked;
  hit("/a", kNoon - 5 * 86'400);
  hit("/b", kNoon - 5 * 86'400);
  hit("/b", kNoon - 4 * 86'400);
  checkpoint();
  hit("/a", kNoon);
  hit("/c", kNoon);
  const auto mark = [this](const char* id, PagesMarked::Kind kind, const std::string& from,
                           const std::optional<std::string>& into) {
    ASSERT_TRUE(node_.change(id, node_.registry().plan_pages("a.vn", kind, {from}, into, kNoon).value()));
  };
  mark("m1", PagesMarked::Kind::merged, "/a", "/b");
  mark("m2", PagesMarked::Kind::removed, "/c", std::nullopt);
  EXPECT_EQ(labels(Dimension::page, kDay - 10, kDay), "/b=4 ");
  EXPECT_EQ(days_of("/a", kDay - 10, kDay), "-5=2 -4=1 0=1 ");
  EXPECT_EQ(days_of("/b", kDay - 10, kDay), "-5=2 -4=1 0=1 ");
  EXPECT_EQ(days_of("/c", kDay - 10, kDay), "");
  EXPECT_EQ(labels(Dimension::browser, kDay - 10, kDay), "Firefox=5 ");
  ASSERT_TRUE(node_.change("u1", node_.registry().plan_undo("m1", kNoon).value()));
  EXPECT_EQ(days_of("/a", kDay - 10, kDay), "-5=1 0=1 ");
}

TEST_F(RankingReaderTest, WhatComesLateForAClosedDayIsAdded) {
  hit("/a", kNoon - 5 * 86'400);
  checkpoint();
  hit("/a", kNoon - 5 * 86'400);
  EXPECT_EQ(days_of("/a", kDay - 10, kDay), "-5=2 ");
  checkpoint();
  EXPECT_EQ(days_of("/a", kDay - 10, kDay), "-5=2 ");
}

TEST_F(RankingReaderTest, AResetLeavesNothing) {
  hit("/a", kNoon - 5 * 86'400);
  checkpoint();
  hit("/a", kNoon);
  ASSERT_TRUE(node_.change("reset", node_.registry().plan_reset("a.vn", 7, kNoon).value()));
  EXPECT_EQ(labels(Dimension::page, kDay - 10, kDay), "");
}

TEST_F(RankingReaderTest, LabelsPastTheCapAreOthers) {
  for (int i = 0; i < 8; ++i) hit("/a", kNoon, "B" + std::to_string(i));  // the node ranks five
  EXPECT_TRUE(labels(Dimension::browser, kDay, kDay).starts_with("(other)=3 "));
}

// While a checkpoint's days are on their way from the live state to the history nothing is seen twice, and nothing is
// missed.
TEST_F(RankingReaderTest, NothingIsSeenTwiceWhileDaysAreClosed) {
  hit("/a", kNoon - 5 * 86'400);
  closed_.end(node_.closed_as_of);
  const ClosedDay day{site().id(), {}, kDay - 5};
  HistoryRow row{site().id(), {}, kDay - 5, Dimension::page, "/a", 1};
  ASSERT_TRUE(node_.history().record(0, 1, {row}, {}));
  EXPECT_EQ(days_of("/a", kDay - 10, kDay), "-5=1 ") << "it is in both";
  std::atomic<bool> done{false};
  std::thread closing([&] {
    closed_.begin();
    {
      const base::MutexLock lock(site().mutex());
      site().state().close_day(day.epoch, day.day);
    }
    closed_.end(1);
    done = true;
  });
  do {
    EXPECT_EQ(days_of("/a", kDay - 10, kDay), "-5=1 ");
  } while (!done);
  closing.join();
  EXPECT_EQ(days_of("/a", kDay - 10, kDay), "-5=1 ") << "it is in the history alone";
}

TEST_F(RankingReaderTest, WhoWaitsForDaysThatAreNotClosedIsToldSo) {
  closed_.begin();
  const auto found = RankingReader(node_.history(), closed_).labels(site(), Dimension::page, kDay, kDay);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, base::Errc::unavailable);
}

}  // namespace
}  // namespace footfall::store
