// SPDX-License-Identifier: Apache-2.0
#include "store/history.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <random>

#include "support/crash_states.h"
#include "support/fault_fs.h"
#include "support/sqlite_vfs.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using base::Errc;
using counting::Dimension;
using counting::Epoch;

class HistoryTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    history_.reset();
    auto opened = History::open(path_);
    ASSERT_TRUE(opened) << to_string(opened.error());
    history_ = std::move(*opened);
  }
  static HistoryRow row(counting::Day day, std::string label, std::uint64_t count, Epoch epoch = {}) {
    return HistoryRow{sites::SiteId{1}, epoch, day, Dimension::page, std::move(label), count};
  }
  static AuditEntry entry(std::string id) {
    return AuditEntry{std::move(id), 5, "admin", "seeded", "example.vn", "it's \"why\"", "{}", "{}"};
  }
  std::string top(counting::Day from, counting::Day to, std::size_t limit,
                  const std::vector<Epoch>& epochs = {Epoch{}}) {
    std::string out;
    const auto rows = history_->top(sites::SiteId{1}, epochs, Dimension::page, from, to, limit);
    EXPECT_TRUE(rows);
    for (const HistoryRow& r : *rows) out += r.label + "=" + std::to_string(r.count) + " ";
    return out;
  }
  std::string audit(std::size_t limit = 100) {
    std::string out;
    for (const AuditEntry& e : history_->audit(limit).value()) out += e.id + " ";
    return out;
  }

  testing::TemporaryDirectory temporary_;
  std::string path_ = temporary_.file("history.sqlite");
  std::unique_ptr<History> history_;
};

TEST_F(HistoryTest, LabelsAreSummedOverDaysAndRankedWithTiesByName) {
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 3), row(10, "/b", 5), row(11, "/a", 2), row(12, "/c", 100)}, {}));
  EXPECT_EQ(top(10, 11, 10), "/a=5 /b=5 ");
  EXPECT_EQ(top(10, 12, 1), "/c=100 ");
  EXPECT_EQ(top(20, 30, 10), "");
}

TEST_F(HistoryTest, ALateHitAddsToItsClosedDay) {
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 3)}, {}));
  ASSERT_TRUE(history_->record(1, 2, {row(10, "/a", 4)}, {}));
  EXPECT_EQ(top(10, 10, 10), "/a=7 ");
}

TEST_F(HistoryTest, OnlyTheGivenEpochsAreSummed) {
  const Epoch second{2, UINT64_MAX - 5};  // does not fit the signed column, but comes back
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 3), row(10, "/a", 50, second)}, {}));
  EXPECT_EQ(top(10, 10, 10), "/a=3 ");
  EXPECT_EQ(top(10, 10, 10, {second}), "/a=50 ");
  EXPECT_EQ(top(10, 10, 10, {Epoch{}, second}), "/a=53 ");
  EXPECT_EQ(top(10, 10, 10, {}), "");
}

TEST_F(HistoryTest, WhatIsOlderThanIsKeptIsForgotten) {
  AuditEntry late = entry("late");
  late.at_s = 6;
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 3), row(11, "/a", 2), row(12, "/c", 100)}, {entry("c1"), late}));
  ASSERT_TRUE(history_->forget_before(INT32_MIN, INT64_MIN));
  EXPECT_EQ(top(10, 12, 10), "/c=100 /a=5 ");
  ASSERT_TRUE(history_->forget_before(11, INT64_MIN));
  EXPECT_EQ(top(10, 12, 10), "/c=100 /a=2 ");
  EXPECT_EQ(audit(), "late c1 ");
  ASSERT_TRUE(history_->forget_before(INT32_MIN, 6));
  EXPECT_EQ(audit(), "late ");
  EXPECT_EQ(top(10, 12, 10), "/c=100 /a=2 ");
}

TEST_F(HistoryTest, OneLabelIsReadByDay) {
  const Epoch second{2, UINT64_MAX - 5};
  ASSERT_TRUE(
      history_->record(0, 1, {row(10, "/a", 3), row(10, "/b", 9), row(12, "/a", 2), row(12, "/a", 50, second)}, {}));
  ASSERT_TRUE(history_->record(1, 2, {row(12, "/a", 4)}, {}));
  const auto days = [&](const std::vector<Epoch>& epochs, std::uint64_t through) {
    std::string out;
    for (const HistoryRow& r :
         history_->days_of(sites::SiteId{1}, epochs, Dimension::page, "/a", 9, 13, through).value())
      out += std::to_string(r.day) + "=" + std::to_string(r.count) + " ";
    return out;
  };
  EXPECT_EQ(days({Epoch{}}, INT64_MAX), "10=3 12=6 ");
  EXPECT_EQ(days({Epoch{}, second}, INT64_MAX), "10=3 12=56 ");
  EXPECT_EQ(days({Epoch{}}, 1), "10=3 12=2 ");
  EXPECT_EQ(days({}, INT64_MAX), "");
}

TEST_F(HistoryTest, WhatLaterCheckpointsWroteMayBeLeftOut) {
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 3)}, {}));
  ASSERT_TRUE(history_->record(1, 2, {row(10, "/a", 4), row(11, "/b", 1)}, {}));
  const auto rows = history_->top(sites::SiteId{1}, {Epoch{}}, Dimension::page, 10, 11, 10, 1).value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.front().count, 3U);
}

TEST_F(HistoryTest, AnAttemptThatDidNotFinishIsReplacedByTheNext) {
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 3)}, {entry("c1")}));
  ASSERT_TRUE(history_->record(1, 2, {row(11, "/a", 4)}, {entry("c2")}));  // then the checkpoint was not written
  reopen();
  ASSERT_TRUE(history_->record(1, 2, {row(11, "/a", 4), row(11, "/b", 1)}, {entry("c2"), entry("c3")}));
  EXPECT_EQ(top(10, 11, 10), "/a=7 /b=1 ");
  EXPECT_EQ(audit(), "c3 c2 c1 ");
}

TEST_F(HistoryTest, GoingOnFromAnOlderCheckpointForgetsWhatWasBeyondIt) {
  for (std::uint64_t n = 1; n <= 3; ++n)
    ASSERT_TRUE(history_->record(n - 1, n, {row(10, "/a", 1)}, {entry("c" + std::to_string(n))}));
  ASSERT_TRUE(history_->record(1, 2, {row(10, "/b", 1)}, {}));
  EXPECT_EQ(top(10, 10, 10), "/a=1 /b=1 ");
  EXPECT_EQ(audit(), "c1 ");
}

TEST_F(HistoryTest, AStartForgetsWhatItsCheckpointDoesNotInclude) {
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 1)}, {entry("c1")}));
  ASSERT_TRUE(history_->record(1, 2, {row(11, "/a", 1)}, {entry("c2")}));
  ASSERT_TRUE(history_->forget_beyond(2));
  EXPECT_EQ(top(10, 11, 10), "/a=2 ");
  ASSERT_TRUE(history_->forget_beyond(1));
  EXPECT_EQ(top(10, 11, 10), "/a=1 ");
  EXPECT_EQ(audit(), "c1 ");
}

TEST_F(HistoryTest, WhatFailsInTheMiddleLeavesNothing) {
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 1)}, {entry("c1")}));
  // Twice the same key.
  ASSERT_FALSE(history_->record(1, 2, {row(11, "/a", 1), row(11, "/a", 1)}, {entry("c2")}));
  EXPECT_EQ(top(10, 11, 10), "/a=1 ");
  ASSERT_TRUE(history_->record(1, 2, {row(11, "/a", 1)}, {entry("c2")}));
  EXPECT_EQ(audit(), "c2 c1 ");
}

TEST_F(HistoryTest, TextsAreBoundNotPasted) {
  const std::string nasty = "'); DROP TABLE audit; --\n\"%_";
  ASSERT_TRUE(history_->record(0, 1, {row(10, nasty, 1)}, {entry("c1")}));
  EXPECT_EQ(top(10, 10, 10), nasty + "=1 ");
  EXPECT_EQ(history_->audit(1)->front().reason, "it's \"why\"");
}

TEST_F(HistoryTest, TheAuditLogIsReadNewestFirst) {
  ASSERT_TRUE(history_->record(0, 1, {}, {entry("c1"), entry("c2"), entry("c3")}));
  EXPECT_EQ(audit(2), "c3 c2 ");
}

TEST_F(HistoryTest, AReaderMayBeMadeBesideTheWriter) {
  auto reader = History::open(path_);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(history_->record(0, 1, {row(10, "/a", 1)}, {}));
  EXPECT_EQ((*reader)->top(sites::SiteId{1}, {Epoch{}}, Dimension::page, 10, 10, 5)->size(), 1U);
}

TEST_F(HistoryTest, AKillLeavesWhatWasRecordedInTheLog) {
  testing::FaultFs disk;
  testing::SqliteVfs vfs(disk);
  auto history = History::open("/history.sqlite", vfs.name()).value();
  ASSERT_TRUE(history->record(0, 1, {row(10, "/a", 3)}, {}));
  vfs.end_process();
  history.reset();
  EXPECT_TRUE(disk.exists("/history.sqlite-wal").value());
  history = History::open("/history.sqlite", vfs.name()).value();
  EXPECT_EQ(history->top(sites::SiteId{1}, {Epoch{}}, Dimension::page, 10, 10, 10)->size(), 1U);
  history.reset();
  EXPECT_FALSE(disk.exists("/history.sqlite-wal").value()) << "a stop moves the log into the file";
}

TEST_F(HistoryTest, WhatIsRecordedBehindAFailedSyncAndAKillSurvivesAPowerCut) {
  testing::FaultFs disk;
  testing::SqliteVfs vfs(disk);
  auto history = History::open("/history.sqlite", vfs.name()).value();
  ASSERT_TRUE(history->record(0, 1, {row(10, "/a", 3)}, {}));
  disk.fail_syncs();
  ASSERT_FALSE(history->record(1, 2, {row(11, "/a", 4)}, {}));
  disk.heal();
  vfs.end_process();
  ASSERT_TRUE(History::write_log_anew(disk, "/history.sqlite"));
  history = History::open("/history.sqlite", vfs.name()).value();
  ASSERT_TRUE(history->record(1, 2, {row(11, "/a", 5)}, {}));
  vfs.end_process();
  std::mt19937_64 random(1);
  testing::each_crash_state(disk, 0, random, [&](const testing::CrashState& crash) {
    if (crash.position < disk.position()) return;
    testing::FaultFs after{crash.disk};
    const testing::SqliteVfs vfs_after(after);
    history_ = History::open("/history.sqlite", vfs_after.name()).value();
    EXPECT_EQ(top(10, 11, 10), "/a=8 ");
    history_.reset();
  });
}

// --- errors ---

TEST_F(HistoryTest, ADiskThatFailsLeavesTheTransactionOut) {
  testing::FaultFs disk;
  const testing::SqliteVfs vfs(disk);
  const auto history = History::open("/history.sqlite", vfs.name()).value();
  ASSERT_TRUE(history->record(0, 1, {row(10, "/a", 3)}, {}));
  disk.fail_syncs();
  ASSERT_EQ(history->record(1, 2, {row(11, "/a", 4)}, {}).error().code, Errc::io);
  disk.heal();
  disk.fail_writes_after(0);
  ASSERT_EQ(history->record(1, 2, {row(11, "/a", 5)}, {}).error().code, Errc::io);
  disk.heal();
  ASSERT_TRUE(history->record(1, 2, {row(11, "/a", 6)}, {}));
  EXPECT_EQ(history->top(sites::SiteId{1}, {Epoch{}}, Dimension::page, 10, 11, 10)->front().count, 9U);
}

TEST_F(HistoryTest, AFileThatIsNoDatabaseIsCorruptAndSaysWhatToDo) {
  const std::string path = temporary_.file("other.sqlite");
  std::ofstream(path) << std::string(5000, 'x');
  const auto opened = History::open(path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_NE(opened.error().detail.find(path), std::string::npos);
  EXPECT_NE(opened.error().detail.find("move the file away"), std::string::npos);
}

TEST_F(HistoryTest, ANewerFormatIsRefused) {
  history_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version=2", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  EXPECT_EQ(History::open(path_).error().code, Errc::newer_format);
}

TEST_F(HistoryTest, APathThatCannotBeMadeIsNamed) {
  const auto opened = History::open(temporary_.file("none/history.sqlite"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::io);
  EXPECT_NE(opened.error().detail.find("none/history.sqlite"), std::string::npos);
}

}  // namespace
}  // namespace footfall::store
