// SPDX-License-Identifier: Apache-2.0
#include "store/reserve.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/fault_fs.h"

namespace footfall::store {
namespace {

constexpr std::uint64_t kFixed = 4096;

class ReserveTest : public ::testing::Test {
 protected:
  ReserveTest() : directory_(DataDirectory::open(files_, "/data").value()) { open(); }
  void open() { reserve_ = std::make_unique<Reserve>(*directory_, kFixed); }
  std::uint64_t on_disk(const std::string& name) {
    const auto node = files_.cache().find("/data/checkpoint/" + name);
    return node ? files_.cache().bytes(*node).size() : 0;
  }
  void newest_checkpoint(std::uint64_t bytes) {
    auto file = files_.open("/data/checkpoint/7.ckpt", base::OpenMode::create).value();
    ASSERT_TRUE(file->truncate(bytes));
  }

  testing::FaultFs files_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<Reserve> reserve_;
};

TEST_F(ReserveTest, ItIsAFixedPartAndFiveQuartersOfTheNewestCheckpoint) {
  EXPECT_EQ(reserve_->bytes(), 0U);
  ASSERT_TRUE(reserve_->take());
  EXPECT_EQ(reserve_->bytes(), kFixed);
  newest_checkpoint(1000);
  ASSERT_TRUE(reserve_->take());
  EXPECT_EQ(reserve_->bytes(), kFixed + 1250);
  EXPECT_EQ(on_disk("reserve"), kFixed + 1250);
}

TEST_F(ReserveTest, TheNextStartFindsIt) {
  ASSERT_TRUE(reserve_->take());
  open();
  EXPECT_EQ(reserve_->bytes(), kFixed);
}

TEST_F(ReserveTest, APartOfItIsGivenAndTakenAgain) {
  ASSERT_TRUE(reserve_->take());
  files_.set_room(0);
  EXPECT_TRUE(reserve_->give(1000));
  EXPECT_EQ(on_disk("reserve"), kFixed - 1000);
  ASSERT_TRUE(reserve_->take());
  EXPECT_TRUE(reserve_->give(2 * kFixed));
  EXPECT_EQ(reserve_->bytes(), 0U);
  EXPECT_FALSE(reserve_->give(1));
}

TEST_F(ReserveTest, ItIsLentWithItsBlocks) {
  ASSERT_TRUE(reserve_->take());
  files_.set_room(0);
  ASSERT_TRUE(reserve_->lend("/data/checkpoint/8.ckpt.tmp"));
  EXPECT_EQ(reserve_->bytes(), 0U);
  EXPECT_EQ(on_disk("8.ckpt.tmp"), kFixed);
  ASSERT_TRUE(reserve_->put_back("/data/checkpoint/8.ckpt.tmp"));
  EXPECT_EQ(reserve_->bytes(), kFixed);
  EXPECT_EQ(on_disk("8.ckpt.tmp"), 0U);
}

TEST_F(ReserveTest, WhatGrewBeyondItIsCutWhenItIsPutBack) {
  ASSERT_TRUE(reserve_->take());
  ASSERT_TRUE(reserve_->lend("/data/checkpoint/8.ckpt.tmp"));
  ASSERT_TRUE(files_.open("/data/checkpoint/8.ckpt.tmp", base::OpenMode::read_write).value()->truncate(2 * kFixed));
  ASSERT_TRUE(reserve_->put_back("/data/checkpoint/8.ckpt.tmp"));
  EXPECT_EQ(on_disk("reserve"), kFixed);
}

// --- errors ---

TEST_F(ReserveTest, WithoutRoomItStaysAsItWas) {
  files_.set_room(kFixed - 1);
  EXPECT_EQ(reserve_->take().error().code, base::Errc::no_room);
  EXPECT_EQ(reserve_->bytes(), 0U);
  files_.heal();
  ASSERT_TRUE(reserve_->take());
  newest_checkpoint(1000);
  files_.set_room(1000);
  EXPECT_FALSE(reserve_->take());
  EXPECT_EQ(reserve_->bytes(), kFixed);
}

TEST_F(ReserveTest, ItTakesWhatThereIs) {
  newest_checkpoint(1'000'000);
  files_.set_room(1'000'000);
  EXPECT_EQ(reserve_->take().error().code, base::Errc::no_room);
  EXPECT_GT(reserve_->bytes(), 900'000U);
  EXPECT_EQ(on_disk("reserve"), reserve_->bytes());
  files_.set_room(1'000'000);
  ASSERT_TRUE(reserve_->take());
  EXPECT_EQ(reserve_->bytes(), kFixed + 1'250'000U);
}

TEST_F(ReserveTest, AFileThatIsNotMadeOfItIsRemovedInsteadOfPutBack) {
  ASSERT_TRUE(reserve_->lend("/data/checkpoint/8.ckpt.tmp"));
  newest_checkpoint(1000);
  ASSERT_TRUE(files_.rename("/data/checkpoint/7.ckpt", "/data/checkpoint/8.ckpt.tmp"));
  ASSERT_TRUE(reserve_->put_back("/data/checkpoint/8.ckpt.tmp"));
  EXPECT_EQ(on_disk("8.ckpt.tmp"), 0U);
  EXPECT_EQ(reserve_->bytes(), 0U);
}

}  // namespace
}  // namespace footfall::store
