// SPDX-License-Identifier: Apache-2.0
#include "store/checkpoint.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/hash.h"
#include "node.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using base::Errc;

constexpr std::int64_t kNow = 1'700'000'000;

class CheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = DataDirectory::open(testing::unsynced_files(), temporary_.file("data")).value();
    state_.registry = std::make_unique<sites::Registry>(limits_);
    state_.newest_s = kNow;
    state_.positions = {{journal::kControlStream, {3, 17}}, {journal::StreamId{1}, {8, 1'000'000}}};
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      ASSERT_TRUE(state_.registry->apply({name, kNow, "admin", "", state_.registry->plan_add(settings, 1).value()}));
    }
    state_.registry->batch_keys().restore({directory_->incarnation_text() + "/one", {}, kNow + 1'000, "{}"});
    state_.registry->batch_keys().restore({directory_->incarnation_text() + "/expired", {}, kNow, "{}"});
    sites::Site& site = *state_.registry->find("a.vn");
    base::MutexLock lock(site.mutex());
    counting::Hit hit;
    hit.at_s = kNow;
    hit.visitor.value = 5;
    hit.counts = hit.touches_presence = hit.adds_visitor = true;
    hit.page = site.state().reserve_page("/a", base::table_hash("/a"));
    site.state().replay({}, std::vector<counting::Hit>(3, hit));
  }
  std::string path(std::uint64_t number = 1) const {
    return directory_->file("checkpoint/" + std::to_string(number) + ".ckpt");
  }
  std::string whole() const { return base::read_file(base::posix_file_system(), path(), 1U << 20U).value(); }
  void put(std::string_view bytes) const { std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes; }
  auto load(std::uint64_t number = 1) const { return load_checkpoint(*directory_, number, limits_); }

  testing::TemporaryDirectory temporary_;
  counting::Limits limits_;
  std::unique_ptr<DataDirectory> directory_;
  RecoveredState state_;
};

TEST_F(CheckpointTest, ReadsBackWhatItWrote) {
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  const auto back = load();
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(back->checkpoint, 1U);
  EXPECT_EQ(back->positions, state_.positions);
  EXPECT_EQ(back->checkpoint_positions, state_.positions);
  EXPECT_EQ(back->newest_s, kNow);
  EXPECT_EQ(back->registry->batch_keys().held(), 1U) << "the other has expired";
  EXPECT_EQ(content_hash(*back->registry, kNow), content_hash(*state_.registry, kNow));
}

TEST_F(CheckpointTest, AStateLargerThanTheBufferReadsBack) {
  sites::Site& site = *state_.registry->find("b.vn");
  {
    base::MutexLock lock(site.mutex());
    for (int i = 0; i < 30'000; ++i) {
      const std::string page = "/a-rather-long-path-of-an-article/" + std::to_string(i);
      counting::Hit hit;
      hit.at_s = kNow;
      hit.counts = true;
      hit.page = site.state().reserve_page(page, base::table_hash(page));
      site.state().replay({}, std::span(&hit, 1));
    }
  }
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  const auto back = load();
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(content_hash(*back->registry, kNow), content_hash(*state_.registry, kNow));
}

TEST_F(CheckpointTest, EqualStatesMakeEqualBytes) {
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  const std::string first = whole();
  auto back = load();
  ASSERT_TRUE(write_checkpoint(*directory_, 1, *back));
  EXPECT_EQ(whole(), first);
}

TEST_F(CheckpointTest, ListsNumbersAscendingAndIgnoresTheRest) {
  for (const std::uint64_t n : {10U, 9U, 11U}) ASSERT_TRUE(write_checkpoint(*directory_, n, state_));
  std::ofstream(directory_->file("checkpoint/12.ckpt.tmp")) << "half";
  std::ofstream(directory_->file("checkpoint/x.ckpt")) << "";
  EXPECT_EQ(list_checkpoints(*directory_).value(), (std::vector<std::uint64_t>{9, 10, 11}));
  ASSERT_TRUE(remove_checkpoints_but(*directory_, {10, 11}));
  EXPECT_EQ(list_checkpoints(*directory_).value(), (std::vector<std::uint64_t>{10, 11}));
  EXPECT_FALSE(base::posix_file_system().exists(directory_->file("checkpoint/12.ckpt.tmp")).value());
}

// --- errors ---

TEST_F(CheckpointTest, EveryFlippedBitIsNoticed) {
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  const std::string good = whole();
  ASSERT_LT(good.size(), 4000U) << "small enough to try each";
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  const auto put_at = [&file](std::size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
    file.flush();
  };
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    put_at(bit / 8, static_cast<char>(static_cast<unsigned char>(good[bit / 8]) ^ (1U << bit % 8)));
    const auto back = load();
    put_at(bit / 8, good[bit / 8]);
    ASSERT_FALSE(back) << "bit " << bit;
    ASSERT_EQ(back.error().code, Errc::corrupt) << "bit " << bit;
    ASSERT_NE(back.error().detail.find(path()), std::string::npos);
  }
  EXPECT_TRUE(load()) << "as it was, it is read";
}

TEST_F(CheckpointTest, EveryTruncationAndEveryAdditionIsNoticed) {
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  const std::string good = whole();
  for (std::size_t size = 0; size < good.size(); ++size) {
    put(std::string_view(good).substr(0, size));
    const auto back = load();
    ASSERT_FALSE(back) << size;
    ASSERT_EQ(back.error().code, Errc::corrupt);
  }
  put(good + "x");
  EXPECT_EQ(load().error().code, Errc::corrupt);
}

TEST_F(CheckpointTest, AChunkOfAnotherCheckpointDoesNotPass) {
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  const std::string one = whole();
  state_.newest_s += 1;  // another header, with the same chunks but for presence
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  const std::string two = whole();
  ASSERT_EQ(one.size(), two.size());
  put(two.substr(0, two.size() / 2) + one.substr(one.size() / 2));
  EXPECT_EQ(load().error().code, Errc::corrupt);
}

TEST_F(CheckpointTest, AFileUnderAnotherNumberOrOfAnotherDirectoryIsNoticed) {
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  ASSERT_TRUE(base::posix_file_system().rename(path(1), path(2)));
  EXPECT_EQ(load(2).error().code, Errc::corrupt);
  const auto other = DataDirectory::open(base::posix_file_system(), temporary_.file("other")).value();
  ASSERT_TRUE(base::posix_file_system().rename(path(2), other->file("checkpoint/1.ckpt")));
  const auto back = load_checkpoint(*other, 1, limits_);
  ASSERT_FALSE(back);
  EXPECT_NE(back.error().detail.find("another data directory"), std::string::npos);
}

TEST_F(CheckpointTest, ANewerFormatIsRefused) {
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  std::string bytes = whole();
  bytes[8] = 2;
  const auto length = base::ByteReader(std::string_view(bytes).substr(12)).u32();
  std::string crc;
  base::ByteWriter(crc).u32(base::crc32c(std::string_view(bytes).substr(0, 16 + length)));
  bytes.replace(16 + length, 4, crc);
  put(bytes);
  EXPECT_EQ(load().error().code, Errc::newer_format);
  EXPECT_EQ(recover(*directory_, limits_).error().code, Errc::newer_format) << "no reason to fall back";
}

TEST_F(CheckpointTest, AWriteThatFailsLeavesTheOneBefore) {
  ASSERT_TRUE(write_checkpoint(*directory_, 1, state_));
  const std::string good = whole();
  directory_.reset();
  testing::FailingFileSystem failing(base::posix_file_system());
  directory_ = DataDirectory::open(failing, temporary_.file("data")).value();
  std::uint64_t calls = 0;
  for (;; ++calls) {
    failing.left = calls;
    if (write_checkpoint(*directory_, 1, state_)) break;
    failing.left.reset();
    EXPECT_EQ(whole(), good) << calls;
  }
  EXPECT_GE(calls, 5U);  // open, truncate, write, sync, rename, sync of the directory
}

}  // namespace
}  // namespace footfall::store
