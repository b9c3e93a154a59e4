// SPDX-License-Identifier: Apache-2.0
#include "store/checkpointer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "node.h"
#include "support/fault_fs.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using counting::Dimension;
using counting::Epoch;
using testing::Node;
using testing::Ping;

constexpr counting::Day kDay = 19'700;
constexpr std::int64_t kNoon = std::int64_t{kDay} * 86'400 + 43'200;

class CheckpointerTest : public ::testing::Test {
 protected:
  void SetUp() override { start(2); }
  void start(unsigned streams) {
    const auto started = node_.start(streams);
    ASSERT_TRUE(started) << to_string(started.error());
  }
  void add(const std::string& name, const std::string& timezone = "UTC") {
    sites::Settings settings;
    settings.name = name;
    settings.timezone = timezone;
    ASSERT_TRUE(node_.change("add-" + name, node_.registry().plan_add(settings, 1).value()));
  }
  void hit(const std::string& site, const std::string& path, std::int64_t at_s, unsigned stream = 0) {
    const auto done = node_.hit(stream, {Ping{site, path, 1, at_s, "Firefox", false}});
    ASSERT_TRUE(done) << to_string(done.error());
  }
  void checkpoint() {
    const auto done = node_.checkpoint();
    ASSERT_TRUE(done) << to_string(done.error());
  }
  void at(std::int64_t now_s) { clock_.set_ms(now_s * 1000); }
  std::string top(Dimension dimension, counting::Day day) {
    std::string out;
    for (const HistoryRow& row : node_.history().top(sites::SiteId{1}, {Epoch{}}, dimension, day, day, 10).value()) {
      out += row.label + "=" + std::to_string(row.count) + " ";
    }
    return out;
  }
  std::vector<std::uint64_t> on_disk() const { return list_checkpoints(node_.directory()).value(); }
  std::size_t segments(const std::string& stream) const {
    const auto names = node_.directory().files().list(node_.directory().journal_directory() + "/" + stream).value();
    return static_cast<std::size_t>(std::count_if(
        names.begin(), names.end(), [](const std::string& name) { return journal::parse_segment_name(name); }));
  }

  testing::TemporaryDirectory temporary_;
  base::ManualClock clock_{kNoon * 1000};
  Node node_{temporary_.file("data"), clock_};
};

TEST_F(CheckpointerTest, NothingChangedMakesNoCheckpoint) {
  checkpoint();
  EXPECT_TRUE(on_disk().empty());
  add("a.vn");
  checkpoint();
  checkpoint();
  EXPECT_EQ(on_disk(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(node_.checkpointer().stats().checkpoints, 1U);
  node_.crash();
  start(2);
  checkpoint();
  EXPECT_EQ(on_disk(), std::vector<std::uint64_t>{1}) << "a restart is no change";
  EXPECT_EQ(node_.recovered().checkpoint_s, kNoon) << "how old it is is known";
}

TEST_F(CheckpointerTest, TwoGenerationsAreKeptAndSegmentsBehindTheOlderGo) {
  add("a.vn");
  for (int i = 0; i < 6; ++i) {
    hit("a.vn", "/a", kNoon);
    checkpoint();
  }
  EXPECT_EQ(on_disk(), (std::vector<std::uint64_t>{5, 6}));
  EXPECT_LE(segments("hits-000"), 2U);
  EXPECT_EQ(node_.checkpointer().stats().last_utc_s, kNoon);
}

TEST_F(CheckpointerTest, SegmentsOfAStreamThatNobodyWritesGoToo) {
  add("a.vn");
  hit("a.vn", "/a", kNoon, 1);
  node_.crash();
  start(1);
  for (int i = 0; i < 3; ++i) {
    hit("a.vn", "/a", kNoon, 0);
    checkpoint();
  }
  EXPECT_EQ(segments("hits-001"), 0U);
  node_.crash();
  start(2);
  hit("a.vn", "/b", kNoon, 1);
  node_.crash();
  start(2);
  EXPECT_EQ(node_.summary("a.vn").counted, 5U);
}

TEST_F(CheckpointerTest, TheDayBeforeYesterdayGoesToTheHistory) {
  add("a.vn");
  hit("a.vn", "/a", kNoon);
  hit("a.vn", "/a", kNoon);
  hit("a.vn", "", kNoon);
  at(kNoon + 86'400);
  hit("a.vn", "/b", kNoon + 86'400);
  checkpoint();
  EXPECT_TRUE(node_.closed_days.empty()) << "yesterday stays";
  at(kNoon + 2 * 86'400);
  hit("a.vn", "/c", kNoon + 2 * 86'400);
  checkpoint();
  ASSERT_EQ(node_.closed_days.size(), 1U);
  EXPECT_EQ(node_.closed_days[0].day, kDay);
  EXPECT_EQ(top(Dimension::page, kDay), "/a=2 (unknown)=1 ");
  EXPECT_EQ(top(Dimension::browser, kDay), "Firefox=3 ");
  EXPECT_EQ(top(Dimension::page, kDay + 1), "");
  node_.tick();
  const std::string live = node_.hash();
  node_.crash();
  start(2);
  EXPECT_EQ(node_.hash(), live) << "the live side closed the same days";
}

TEST_F(CheckpointerTest, OnceADayTheHistoryForgetsWhatIsOlderThanIsKept) {
  add("a.vn");
  hit("a.vn", "/old", kNoon - 40 * 86'400);
  hit("a.vn", "/young", kNoon - 5 * 86'400);
  checkpoint();
  EXPECT_EQ(top(Dimension::page, kDay - 40), "/old=1 ") << "for ever, unless it is said";
  const auto keep = [this](std::int32_t rankings_days, std::int32_t audit_days) {
    node_.checkpointer().set_limits({1, 1U << 30U, rankings_days, audit_days});
  };
  keep(30, 3);
  hit("a.vn", "/young", kNoon);
  checkpoint();
  EXPECT_EQ(top(Dimension::page, kDay - 40), "");
  EXPECT_EQ(top(Dimension::page, kDay - 5), "/young=1 ");
  EXPECT_EQ(node_.history().audit(10)->size(), 1U);
  at(kNoon + 4 * 86'400);
  hit("a.vn", "/young", kNoon + 4 * 86'400);
  checkpoint();
  EXPECT_EQ(node_.history().audit(10)->size(), 0U);
  EXPECT_EQ(node_.summary("a.vn").counted, 4U) << "no total changes";
}

TEST_F(CheckpointerTest, ADayEndsOnTheSitesOwnClock) {
  add("a.vn", "Asia/Ho_Chi_Minh");
  const std::int64_t midnight = std::int64_t{kDay} * 86'400 - 7 * 3600;
  hit("a.vn", "/a", midnight);
  at(midnight + 2 * 86'400 - 1);
  hit("a.vn", "/b", midnight + 2 * 86'400 - 1);
  checkpoint();
  EXPECT_TRUE(node_.closed_days.empty());
  at(midnight + 2 * 86'400);
  hit("a.vn", "/b", midnight + 2 * 86'400);
  checkpoint();
  EXPECT_EQ(top(Dimension::page, kDay), "/a=1 ");
}

TEST_F(CheckpointerTest, DaysStayOpenWhileAnImportRunsAndUntilTheCheckpointAfter) {
  add("a.vn");
  ASSERT_TRUE(node_.change("i1", sites::ImportBegun{sites::SiteId{1}, "log", 5, 6}));
  hit("a.vn", "/old", kNoon - 30 * 86'400);
  hit("a.vn", "/a", kNoon);
  checkpoint();
  ASSERT_TRUE(node_.change("i2", sites::ImportEnded{sites::SiteId{1}, "log"}));
  checkpoint();
  EXPECT_TRUE(node_.closed_days.empty());
  hit("a.vn", "/a", kNoon);
  checkpoint();
  EXPECT_EQ(node_.closed_days.size(), 1U);
  EXPECT_EQ(top(Dimension::page, kDay - 30), "/old=1 ");
}

TEST_F(CheckpointerTest, ALateHitOfAClosedDayIsAddedToTheHistory) {
  add("a.vn");
  hit("a.vn", "/a", kNoon);
  at(kNoon + 2 * 86'400);
  hit("a.vn", "/b", kNoon + 2 * 86'400);
  checkpoint();
  hit("a.vn", "/a", kNoon);
  checkpoint();
  EXPECT_EQ(top(Dimension::page, kDay), "/a=2 ");
}

TEST_F(CheckpointerTest, ChangesGoToTheAuditLogOnce) {
  add("a.vn");
  ASSERT_TRUE(node_.change("s", node_.registry().plan_seed_amount("a.vn", std::nullopt, 5, kNoon).value()));
  checkpoint();
  ASSERT_TRUE(node_.change("u", node_.registry().plan_undo("s", kNoon).value()));
  checkpoint();
  std::string ids;
  for (const AuditEntry& entry : node_.history().audit(10).value()) ids += entry.id + " ";
  EXPECT_EQ(ids, "u s add-a.vn ");
}

TEST_F(CheckpointerTest, TheThreadMakesCheckpointsByItself) {
  add("a.vn");
  hit("a.vn", "/a", kNoon);
  node_.checkpointer().start();
  // Waits for the event, however long it takes; ctest's own limit ends a hang.
  while (node_.checkpointer().stats().checkpoints == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  node_.checkpointer().stop();
  EXPECT_EQ(on_disk(), std::vector<std::uint64_t>{1});
}

TEST_F(CheckpointerTest, TheThreadMakesOneWhenTheJournalReachesItsBoundWhoeverWroteIt) {
  add("a.vn");
  hit("a.vn", "/a", kNoon);
  node_.crash();
  node_.triggers = {86'400, 1};
  start(2);
  ASSERT_GT(node_.checkpointer().stats().journal_bytes, 0U);  // replayed
  node_.checkpointer().start();
  while (node_.checkpointer().stats().checkpoints == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  node_.checkpointer().stop();
  EXPECT_EQ(node_.checkpointer().stats().journal_bytes, 0U);
  hit("a.vn", "/a", kNoon);
  EXPECT_GT(node_.checkpointer().stats().journal_bytes, 0U);  // appended
}

// --- errors ---

TEST_F(CheckpointerTest, AFailureIsCountedAndTheNextRunCatchesUp) {
  testing::FailingFileSystem failing(base::posix_file_system());
  node_.crash();
  node_.files = &failing;
  start(2);
  add("a.vn");
  hit("a.vn", "/a", kNoon);
  failing.left = 0;
  EXPECT_FALSE(node_.checkpoint());
  EXPECT_EQ(node_.checkpointer().stats().failures, 1U);
  failing.left.reset();
  node_.crash();
  start(2);
  checkpoint();
  EXPECT_EQ(on_disk(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(node_.summary("a.vn").counted, 1U);
}

TEST_F(CheckpointerTest, ARunThatFailedIsTriedAgainWithTheSegmentsThatItClosed) {
  testing::FailingFileSystem failing(base::posix_file_system());
  node_.crash();
  node_.files = &failing;
  start(2);
  add("a.vn");
  node_.after_roll = [&] { failing.left = 0; };
  const std::size_t closed = segments("hits-000");
  for (int i = 0; i < 5; ++i) {
    failing.left.reset();
    hit("a.vn", "/a", kNoon);
    failing.left = i == 0 ? std::optional<std::uint64_t>() : 0;
    EXPECT_FALSE(node_.checkpoint());
  }
  EXPECT_EQ(node_.rolls, 1U);
  EXPECT_EQ(node_.checkpointer().stats().failures_in_a_row, 5U);
  EXPECT_EQ(segments("hits-000"), closed + 1);
  failing.left.reset();
  node_.after_roll = nullptr;
  checkpoint();
  EXPECT_EQ(node_.rolls, 1U);
  checkpoint();
  EXPECT_EQ(node_.rolls, 2U);
  EXPECT_EQ(node_.checkpointer().stats().failures_in_a_row, 0U);
  const std::string live = node_.hash();
  node_.crash();
  start(2);
  EXPECT_EQ(node_.hash(), live);
}

// Also the one behind the checkpoint's name, which is then there: the next run begins with it.
TEST(CheckpointSyncTest, WhicheverFailsTheLiveSideClosesTheDaysThatTheCheckpointDoes) {
  std::uint64_t failures = 0;
  for (std::uint64_t good = 0; good < 12; ++good) {
    SCOPED_TRACE(std::to_string(good) + " syncs succeed");
    testing::FaultFs disk;
    base::ManualClock clock{kNoon * 1000};
    Node node("/data", clock);
    node.files = &disk;
    node.history_path = ":memory:";
    ASSERT_TRUE(node.start(1));
    sites::Settings settings;
    settings.name = "a.vn";
    ASSERT_TRUE(node.change("add", node.registry().plan_add(settings, 1).value()));
    ASSERT_TRUE(node.hit(0, {Ping{"a.vn", "/a", 1, kNoon, "", false}}));
    clock.set_ms((kNoon + 2 * 86'400) * 1000);
    ASSERT_TRUE(node.hit(0, {Ping{"a.vn", "/b", 1, kNoon + 2 * 86'400, "", false}}));
    node.after_roll = [&] { disk.fail_syncs_after(good); };
    failures += node.checkpoint() ? 0U : 1U;
    node.after_roll = nullptr;
    disk.heal();
    ASSERT_TRUE(node.checkpoint());
    ASSERT_EQ(node.closed_days.size(), 1U);
    EXPECT_EQ(node.closed_as_of, list_checkpoints(node.directory()).value().back());
    node.tick();
    const std::string live = node.hash();
    node.crash();
    ASSERT_TRUE(node.start(1));
    EXPECT_EQ(node.hash(), live);
  }
  EXPECT_GE(failures, 3U) << "of the history's directory, the checkpoint and its directory at least";
}

TEST_F(CheckpointerTest, ABackupHoldsWhatCameAfterARunThatFailed) {
  testing::FailingFileSystem failing(base::posix_file_system());
  node_.crash();
  node_.files = &failing;
  start(2);
  add("a.vn");
  node_.after_roll = [&] { failing.left = 0; };
  EXPECT_FALSE(node_.checkpoint());
  node_.after_roll = nullptr;
  failing.left.reset();
  hit("a.vn", "/a", kNoon);
  const auto made = node_.checkpointer().backup(temporary_.file("backup"));
  ASSERT_TRUE(made) << to_string(made.error());
  EXPECT_EQ(node_.rolls, 2U);
}

// --- a full disk ---

// In a FaultFs, which has as much room as the test says; the history is not in it.
class FullDiskTest : public CheckpointerTest {
 protected:
  void SetUp() override {
    const std::string data = temporary_.file("data");
    for (std::size_t slash = 0; (slash = data.find('/', slash + 1)) != std::string::npos;) {
      ASSERT_TRUE(disk_.make_directory(data.substr(0, slash)));
    }
    node_.files = &disk_;
    node_.history_path = ":memory:";
    start(2);
    add("a.vn");
  }
  void TearDown() override { node_.crash(); }  // before its disk goes
  void hits(unsigned stream, int count) {
    for (int i = 0; i < count; ++i) hit("a.vn", "/a", kNoon, stream);
  }
  // As if the stream had filled the disk: the block that needs another segment is refused.
  void fill(unsigned stream) {
    disk_.set_room(0);
    std::uint64_t last = 0;
    while (node_.hit(stream, {Ping{"a.vn", "/a", 1, kNoon, "Firefox", false}})) {
      ASSERT_NE(node_.writer(stream).position().sequence, last);
      last = node_.writer(stream).position().sequence;
    }
    ASSERT_TRUE(node_.writer(stream).failed());
  }
  void expect_the_same_after_a_restart() {
    const std::uint64_t counted = node_.summary("a.vn").counted;
    node_.crash();
    disk_.heal();
    start(2);
    EXPECT_EQ(node_.summary("a.vn").counted, counted);
  }

  testing::FaultFs disk_;
};

TEST_F(FullDiskTest, WhileAStreamHasFailedTheOthersAreCheckpointed) {
  hits(0, 3);
  hits(1, 3);
  disk_.fail_writes_after(0);
  EXPECT_FALSE(node_.hit(0, {Ping{"a.vn", "/a", 1, kNoon, "Firefox", false}}));
  disk_.heal();
  checkpoint();
  EXPECT_EQ(on_disk(), std::vector<std::uint64_t>{1});
  ASSERT_TRUE(node_.reopen(0));
  hits(0, 1);
  checkpoint();
  EXPECT_EQ(on_disk(), (std::vector<std::uint64_t>{1, 2}));
  expect_the_same_after_a_restart();
}

TEST_F(FullDiskTest, WhatAFailedStreamRefusedIsInNoCheckpoint) {
  node_.ack_after_sync = true;
  hits(0, 3);
  ASSERT_TRUE(node_.commit(0));
  fill(0);  // refused, all of it: no sync came
  disk_.heal();
  checkpoint();
  EXPECT_EQ(node_.summary("a.vn").counted, 3U);
  ASSERT_TRUE(node_.reopen(0));
  hits(0, 1);
  ASSERT_TRUE(node_.commit(0));
  checkpoint();
  EXPECT_EQ(node_.summary("a.vn").counted, 4U);
  expect_the_same_after_a_restart();
}

TEST_F(FullDiskTest, AStreamThatCannotRollGoesOn) {
  hits(0, 3);
  disk_.set_room(8U << 10U);  // no segment
  EXPECT_FALSE(node_.checkpoint());
  EXPECT_FALSE(node_.writer(0).failed());
  hits(0, 3);
  EXPECT_EQ(node_.summary("a.vn").counted, 6U);
  expect_the_same_after_a_restart();
}

// One after another, since what a checkpoint covers is kept until the next one does too.
TEST_F(FullDiskTest, ADiskThatTheJournalFilledFreesItself) {
  checkpoint();
  ASSERT_TRUE(node_.reserve().take());
  hits(0, 2000);
  fill(0);
  const std::size_t before = segments("hits-000");
  int runs = 0;
  while (!node_.reopen(0)) {
    ASSERT_LT(++runs, 4);
    checkpoint();
  }
  EXPECT_LT(segments("hits-000"), before);
  hits(0, 3);
  expect_the_same_after_a_restart();
}

// The hits have room in their segments; a change has none.
TEST_F(FullDiskTest, ADiskOnWhichChangesAloneFindNoRoomFreesItself) {
  checkpoint();
  ASSERT_TRUE(node_.reserve().take());
  hits(0, 2000);
  disk_.set_room(0);
  int changes = 0;
  const auto seed = [&] {
    return node_.change("seed-" + std::to_string(++changes),
                        node_.registry().plan_seed_amount("a.vn", std::nullopt, 1, kNoon).value());
  };
  while (seed()) ASSERT_LT(changes, 10'000);
  ASSERT_TRUE(node_.control_writer().failed());
  hits(1, 1);
  int runs = 0;
  while (!node_.control_writer().reopen(node_.control_writer().durable_through())) {
    ASSERT_LT(++runs, 4);
    checkpoint();
  }
  EXPECT_GT(runs, 1);
  EXPECT_TRUE(seed());
  expect_the_same_after_a_restart();
}

TEST_F(FullDiskTest, AStartOnAFullDiskServesAndFreesItself) {
  checkpoint();
  ASSERT_TRUE(node_.reserve().take());
  hits(0, 1000);
  fill(0);
  const std::uint64_t counted = node_.summary("a.vn").counted;
  node_.crash();
  start(2);
  EXPECT_EQ(node_.summary("a.vn").counted, counted);
  EXPECT_TRUE(node_.writer(0).failed());
  int runs = 0;
  while (!node_.reopen(0)) {
    ASSERT_LT(++runs, 4);
    checkpoint();
  }
  hits(0, 3);
  EXPECT_EQ(node_.summary("a.vn").counted, counted + 3);
  expect_the_same_after_a_restart();
}

TEST_F(FullDiskTest, WhereTheReserveIsTooSmallTheOlderCheckpointMakesRoom) {
  for (int i = 0; i < 2; ++i) {
    hits(0, 10);
    checkpoint();
  }
  hits(0, 10);
  node_.after_roll = [&] {
    ASSERT_TRUE(node_.reserve().give(UINT64_MAX));
    disk_.set_room(64);  // the new one may be a little larger than the oldest
  };
  checkpoint();
  EXPECT_EQ(on_disk(), (std::vector<std::uint64_t>{2, 3}));
  expect_the_same_after_a_restart();
}

TEST_F(FullDiskTest, WhatACheckpointThatFoundNoRoomWroteIsGone) {
  hits(0, 3);
  node_.after_roll = [&] { disk_.set_room(0); };
  EXPECT_FALSE(node_.checkpoint());
  for (const std::string& name : disk_.list(node_.directory().file("checkpoint")).value()) {
    EXPECT_FALSE(name.ends_with(".tmp")) << name;
  }
}

TEST_F(CheckpointerTest, ACrashAtAnyStepLosesNothingAndCountsNothingTwice) {
  testing::FailingFileSystem failing(base::posix_file_system());
  node_.crash();
  node_.files = &failing;
  start(2);
  add("a.vn");
  // Two full generations, then a day to close.
  for (int i = 0; i < 3; ++i) {
    hit("a.vn", "/a", kNoon);
    checkpoint();
  }
  at(kNoon + 2 * 86'400);
  bool done = false;
  std::uint64_t hits = 3;
  std::uint64_t failures = 0;
  for (std::uint64_t calls = 0; !done; ++calls) {
    hit("a.vn", "/b", kNoon + 2 * 86'400, 1);
    ++hits;
    failing.left = calls;
    done = static_cast<bool>(node_.checkpoint()) && failing.left > 0U;
    failing.left.reset();
    if (!done) ++failures;
    node_.crash();
    start(2);
    ASSERT_EQ(node_.summary("a.vn").counted, hits) << "after " << calls << " calls";
    ASSERT_EQ(node_.recovered().warnings.size(), 0U);
  }
  EXPECT_GT(failures, 8U);
  EXPECT_EQ(top(Dimension::page, kDay), "/a=3 ");
}

}  // namespace
}  // namespace footfall::store
