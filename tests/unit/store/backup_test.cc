// SPDX-License-Identifier: Apache-2.0
#include "store/backup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/hash.h"
#include "node.h"
#include "sites/slot.h"
#include "store/backup_file.h"
#include "store/verify.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using testing::Node;
using testing::Ping;

constexpr std::int64_t kNow = 1'700'000'000;

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(node_.start(2)); }
  void add_site() {
    sites::Settings settings;
    settings.name = "a.vn";
    ASSERT_TRUE(node_.change("add", node_.registry().plan_add(settings, 1).value()));
  }
  void hit(unsigned stream, const std::string& path) {
    ASSERT_TRUE(node_.hit(stream, {Ping{"a.vn", path, 1, node_.now_s(), "Firefox", false}}));
  }
  base::Result<BackupSummary> back_up(const std::string& name) { return node_.checkpointer().backup(file(name)); }
  base::Result<RestoreSummary> restore(const std::string& name, const std::string& target = "restored") {
    return restore_backup(testing::unsynced_files(), file(name), file(target), node_.limits);
  }
  std::string file(const std::string& name) const { return temporary_.file(name); }
  std::string bytes_of(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& name, const std::string& bytes) const {
    std::ofstream(file(name), std::ios::binary) << bytes;
  }
  void expect_refused(const base::Result<RestoreSummary>& done, Errc code, const std::string& says) {
    ASSERT_FALSE(done) << says;
    EXPECT_EQ(done.error().code, code) << done.error().detail;
    EXPECT_NE(done.error().detail.find(says), std::string::npos) << done.error().detail;
    EXPECT_FALSE(fs::exists(file("restored")));
    EXPECT_FALSE(fs::exists(file("restored.restoring")));
  }

  testing::TemporaryDirectory temporary_;
  base::ManualClock clock_{kNow * 1000};
  Node node_{temporary_.file("data"), clock_};
};

TEST_F(BackupTest, ARestoredDirectoryHasTheContentOfTheMomentOfTheBackup) {
  add_site();
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  clock_.set_ms((kNow + 4 * 86'400) * 1000);
  hit(1, "/b");
  const auto made = back_up("b");
  ASSERT_TRUE(made) << made.error().detail;
  ASSERT_FALSE(node_.closed_days.empty());  // the history has something
  EXPECT_EQ(made->hash, content_hash(node_.registry(), made->newest_s));
  EXPECT_EQ(made->sites, 1U);
  EXPECT_EQ(made->bytes, fs::file_size(file("b")));
  const std::string then = made->hash;
  const std::string source = node_.directory().incarnation_text();
  hit(0, "/later");
  node_.crash();

  const auto done = restore("b");
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->backup.hash, then);
  EXPECT_NE(done->incarnation, source);
  {
    const auto directory = DataDirectory::open_existing(base::posix_file_system(), file("restored"));
    ASSERT_TRUE(directory);
    EXPECT_EQ(verify(**directory, node_.limits, node_.now_s()).state.hash, then);
  }
  Node restored(file("restored"), clock_);
  restored.limits = node_.limits;
  ASSERT_TRUE(restored.start(1));
  EXPECT_EQ(restored.directory().incarnation_text(), done->incarnation);
  EXPECT_EQ(restored.recovered().checkpoint, made->checkpoint);
  EXPECT_EQ(restored.summary("a.vn").counted, 2U);
  const std::vector<counting::Epoch> epochs = {node_.closed_days.front().epoch};
  const auto rows = restored.history().top(sites::SiteId{1}, epochs, counting::Dimension::page, 0, 1'000'000, 10);
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->size(), 1U);

  // It goes on: more hits, checkpoints, another start.
  ASSERT_TRUE(restored.hit(0, {Ping{"a.vn", "/b", 2, restored.now_s(), "", false}}));
  ASSERT_TRUE(restored.checkpoint());
  ASSERT_TRUE(restored.hit(0, {Ping{"a.vn", "/c", 3, restored.now_s(), "", false}}));
  const std::string live = restored.hash();
  restored.crash();
  ASSERT_TRUE(restored.start(2));
  EXPECT_EQ(restored.hash(), live);
  EXPECT_EQ(restored.summary("a.vn").counted, 4U);
}

// The node that was backed up went on; two directories are made from the backup, and one more from a backup of those.
// All tell each other, and the first one's last slot is found in Redis: each hit is in the sum once.
TEST_F(BackupTest, WhatWasCountedBeforeTheBackupIsInTheSumOfAllOnce) {
  add_site();
  hit(0, "/a");
  hit(0, "/b");
  ASSERT_TRUE(back_up("b"));
  hit(0, "/behind the backup");
  ASSERT_TRUE(restore("b", "r1"));
  ASSERT_TRUE(restore("b", "r2"));
  Node first(file("r1"), clock_);
  Node second(file("r2"), clock_);
  Node third(file("r3"), clock_);
  for (Node* node : {&first, &second, &third}) node->limits = node_.limits;
  const auto hit_on = [&](Node& node) { ASSERT_TRUE(node.hit(0, {Ping{"a.vn", "/c", 2, node.now_s(), "", false}})); };
  ASSERT_TRUE(first.start(1));
  EXPECT_EQ(first.summary("a.vn").counted, 2U);
  EXPECT_FALSE(first.summary("a.vn").others);
  hit_on(first);
  ASSERT_TRUE(first.checkpointer().backup(file("b3")));
  ASSERT_TRUE(restore("b3", "r3"));
  hit_on(first);
  first.crash();  // its numbers are those of the journal
  ASSERT_TRUE(first.start(1));
  ASSERT_TRUE(second.start(1));
  second.crash();  // before it counted anything: it is inherited once
  ASSERT_TRUE(second.start(1));
  hit_on(second);
  ASSERT_TRUE(third.start(1));
  EXPECT_EQ(third.summary("a.vn").counted, 3U);
  hit_on(third);

  const std::vector<Node*> all{&node_, &first, &second, &third};
  for (Node* to : all) {
    for (Node* from : all) {
      for (auto& [epoch, slot] : sites::take_slots(*from->registry().find("a.vn"))) {
        const auto learnt =
            to->learn({{to->registry().find("a.vn"), {epoch, from->directory().incarnation(), std::move(slot)}}});
        ASSERT_TRUE(learnt);
        EXPECT_EQ(learnt->front(), from == to ? counting::Learnt::known : counting::Learnt::news);
      }
    }
  }
  for (Node* node : all) {
    EXPECT_EQ(node->summary("a.vn").counted, 7U);
    EXPECT_EQ(node->summary("a.vn").today.hits, 7U);
    const std::string live = node->hash();
    node->crash();
    ASSERT_TRUE(node->start(1));
    EXPECT_EQ(node->hash(), live);
  }
}

TEST_F(BackupTest, BatchKeysAreNotRestored) {
  add_site();
  ASSERT_TRUE(node_.hit(0, {Ping{"a.vn", "/a", 1, node_.now_s(), "", false}}, node_.claim("one")));
  ASSERT_TRUE(back_up("b"));
  node_.crash();
  ASSERT_TRUE(restore("b"));
  Node restored(file("restored"), clock_);
  restored.limits = node_.limits;
  ASSERT_TRUE(restored.start(1));
  EXPECT_EQ(restored.registry().batch_keys().held(), 0U);
  EXPECT_EQ(restored.summary("a.vn").counted, 1U);
}

TEST_F(BackupTest, OneOfADirectoryWithNothingInItAndOneWhereNothingChangedAreWhole) {
  const auto empty = back_up("b1");
  ASSERT_TRUE(empty) << empty.error().detail;
  EXPECT_EQ(empty->sites, 0U);
  ASSERT_TRUE(restore("b1", "r1"));
  add_site();
  hit(0, "/a");
  const auto first = back_up("b2");
  ASSERT_TRUE(first) << first.error().detail;
  const auto second = back_up("b3");
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ(second->checkpoint, first->checkpoint);
  EXPECT_EQ(second->hash, first->hash);
  ASSERT_TRUE(restore("b3", "r3"));
}

TEST_F(BackupTest, OnlyItsOwnerReadsItAndSecretsAreNotInIt) {
  add_site();
  hit(0, "/a");
  std::ofstream(file("data/admin-token")) << "secret-of-the-admin";
  std::ofstream(file("data/salts")) << "secret-of-the-salts";
  ASSERT_TRUE(back_up("b"));
  struct stat status {};
  ASSERT_EQ(stat(file("b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(bytes_of("b").find("secret-of"), std::string::npos);
  ASSERT_TRUE(restore("b"));
  EXPECT_FALSE(fs::exists(file("restored/admin-token")));
  EXPECT_FALSE(fs::exists(file("restored/salts")));
  EXPECT_FALSE(fs::exists(file("data/history-copy.tmp")));
}

TEST_F(BackupTest, NothingIsOverwritten) {
  add_site();
  ASSERT_TRUE(back_up("b"));
  const std::string before = bytes_of("b");
  EXPECT_EQ(back_up("b").error().code, Errc::exists);
  EXPECT_EQ(bytes_of("b"), before);
  put("c.partial", "another's");
  EXPECT_EQ(back_up("c").error().code, Errc::exists);
  EXPECT_EQ(bytes_of("c.partial"), "another's");
  EXPECT_EQ(back_up("data/b").error().code, Errc::malformed);
  EXPECT_EQ(back_up("data/journal/hits-000/0000000009.seg").error().code, Errc::malformed);
  EXPECT_EQ(back_up("absent/b").error().code, Errc::not_found);

  fs::create_directory(file("full"));
  put("full/x", "y");
  EXPECT_EQ(restore("b", "full").error().code, Errc::exists);
  EXPECT_EQ(restore("b", "b").error().code, Errc::exists);
  fs::create_directory(file("empty"));
  EXPECT_TRUE(restore("b", "empty/"));
  EXPECT_TRUE(fs::exists(file("empty/META")));
}

// --- what is wrong with a backup ---

TEST_F(BackupTest, EveryBitFlipIsNoticed) {
  add_site();
  hit(0, "/a");
  ASSERT_TRUE(back_up("b"));
  const std::string whole = bytes_of("b");
  // Every bit of the heads and of the checkpoint, a few of each page of the history.
  const std::size_t history = whole.find("SQLite format 3");
  ASSERT_NE(history, std::string::npos);
  std::size_t tried = 0;
  for (std::size_t at = 0; at < whole.size(); at += at < history + 100 || at + 100 > whole.size() ? 1U : 61U) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1U << (at % 8)));
    put("d", damaged);
    const auto opened = BackupReader::open(base::posix_file_system(), file("d"));
    ASSERT_FALSE(opened) << at;
    EXPECT_EQ(opened.error().code, Errc::corrupt) << at;
    ++tried;
  }
  EXPECT_GT(tried, 500U);
  expect_refused(restore("d"), Errc::corrupt, "take another backup");
}

TEST_F(BackupTest, OneThatEndsEarlyOrGoesOnIsRefused) {
  add_site();
  hit(0, "/a");
  ASSERT_TRUE(back_up("b"));
  const std::string whole = bytes_of("b");
  for (std::size_t size = 0; size < whole.size(); size += size < 1000 || size + 100 > whole.size() ? 1U : 97U) {
    put("d", whole.substr(0, size));
    const auto opened = BackupReader::open(base::posix_file_system(), file("d"));
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error().code, Errc::corrupt) << size;
  }
  put("d", whole.substr(0, whole.size() / 2));
  expect_refused(restore("d"), Errc::corrupt, "cut short");
  put("d", whole + "x");
  expect_refused(restore("d"), Errc::corrupt, "behind its end");
  put("d", "GIF89a is something else");
  expect_refused(restore("d"), Errc::corrupt, "no backup");
  expect_refused(restore("absent"), Errc::not_found, "absent");
}

TEST_F(BackupTest, ALaterFormatIsRefusedByItsName) {
  add_site();
  ASSERT_TRUE(back_up("b"));
  std::string later = bytes_of("b");
  later[8] = 2;
  const std::size_t body = static_cast<unsigned char>(later[12]);
  std::string sum;
  base::ByteWriter(sum).u32(base::crc32c(std::string_view(later).substr(0, 16 + body)));
  later.replace(16 + body, 4, sum);
  put("d", later);
  expect_refused(restore("d"), Errc::newer_format, "format 2");
}

TEST_F(BackupTest, MembersOfTwoBackupsDoNotMix) {
  add_site();
  hit(0, "/a");
  ASSERT_TRUE(back_up("b1"));
  hit(0, "/b");
  ASSERT_TRUE(back_up("b2"));
  const std::string one = bytes_of("b1");
  const std::string two = bytes_of("b2");
  const std::size_t history1 = one.find("SQLite format 3");
  const std::size_t history2 = two.find("SQLite format 3");
  put("d", one.substr(0, history1) + two.substr(history2));
  expect_refused(restore("d"), Errc::corrupt, "");
}

TEST_F(BackupTest, ADiskThatFailsLeavesNothingBehind) {
  add_site();
  hit(0, "/a");
  ASSERT_TRUE(back_up("b"));
  testing::FailingFileSystem files(testing::unsynced_files());
  bool done = false;
  std::size_t failures = 0;
  for (std::uint64_t calls = 0; !done && calls < 1000; ++calls) {
    files.left = calls;
    done = restore_backup(files, file("b"), file("restored"), node_.limits).has_value();
    EXPECT_FALSE(fs::exists(file("restored.restoring")));
    if (done) break;
    ++failures;
    fs::remove_all(file("restored"));  // the last step, the directory's sync, failed
  }
  EXPECT_TRUE(done);
  EXPECT_GT(failures, 5U);
}

}  // namespace
}  // namespace footfall::store
