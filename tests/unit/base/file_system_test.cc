// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/temporary_directory.h"

namespace footfall::base {
namespace {

class FileSystemTest : public ::testing::Test {
 protected:
  std::unique_ptr<File> create(const std::string& name) {
    return files_.open(directory_.file(name), OpenMode::create).value();
  }
  std::string content(const std::string& name) { return read_file(files_, directory_.file(name), 1U << 20U).value(); }

  FileSystem& files_ = posix_file_system();
  testing::TemporaryDirectory directory_;
};

TEST_F(FileSystemTest, WhatIsWrittenAtAnOffsetIsReadThere) {
  const auto file = create("a");
  ASSERT_TRUE(file->write_at(3, "def"));
  ASSERT_TRUE(file->write_at(0, "abc"));
  EXPECT_EQ(*file->read_at(0, 6), "abcdef");
  EXPECT_EQ(*file->read_at(4, 100), "ef");
  EXPECT_EQ(*file->read_at(6, 100), "");
  EXPECT_EQ(*file->size(), 6U);
  EXPECT_TRUE(file->sync());
}

TEST_F(FileSystemTest, OnlyTheOwnerMayReadANewFile) {
  create("secret");
  struct stat status {};
  ASSERT_EQ(stat(directory_.file("secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(FileSystemTest, OpeningAgainKeepsTheContent) {
  ASSERT_TRUE(create("a")->write_at(0, "kept"));
  EXPECT_EQ(*create("a")->read_at(0, 10), "kept");
}

TEST_F(FileSystemTest, AllocatingGrowsWithZerosAndNeverShrinks) {
  const auto file = create("a");
  ASSERT_TRUE(file->write_at(0, "abc"));
  ASSERT_TRUE(file->allocate(8192));
  EXPECT_EQ(*file->size(), 8192U);
  EXPECT_EQ(*file->read_at(0, 8192), "abc" + std::string(8189, '\0'));
  ASSERT_TRUE(file->allocate(100));
  EXPECT_EQ(*file->size(), 8192U);
}

TEST_F(FileSystemTest, BehindTheEndOfTheDataAllIsZeros) {
  const auto file = create("a");
  EXPECT_EQ(*file->data_end(), 0U);
  constexpr std::uint64_t kSize = 1U << 20U;
  for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{5000}, kSize / 2, kSize - 1}) {
    ASSERT_TRUE(file->allocate(kSize));
    ASSERT_TRUE(file->write_at(at, "x"));
    const std::uint64_t end = *file->data_end();
    EXPECT_GT(end, at);
    EXPECT_LE(end, kSize);
    const std::string rest = *file->read_at(end, kSize);
    EXPECT_EQ(rest.find_first_not_of('\0'), std::string::npos);
  }
}

TEST_F(FileSystemTest, TruncatingCutsAndGrows) {
  const auto file = create("a");
  ASSERT_TRUE(file->write_at(0, "abcdef"));
  ASSERT_TRUE(file->truncate(2));
  ASSERT_TRUE(file->truncate(4));
  EXPECT_EQ(*file->read_at(0, 10), std::string("ab\0\0", 4));
}

TEST_F(FileSystemTest, ADirectoryIsListedInOrder) {
  for (const char* name : {"b", "c", "a"}) create(name);
  ASSERT_TRUE(files_.make_directory(directory_.file("d")));
  EXPECT_EQ(*files_.list(directory_.path()), (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST_F(FileSystemTest, MakingADirectoryTwiceIsFine) {
  EXPECT_TRUE(files_.make_directory(directory_.file("d")));
  EXPECT_TRUE(files_.make_directory(directory_.file("d")));
  EXPECT_TRUE(files_.sync_directory(directory_.file("d")));
}

TEST_F(FileSystemTest, ARenamedFileReplacesTheOther) {
  ASSERT_TRUE(create("a")->write_at(0, "new"));
  ASSERT_TRUE(create("b")->write_at(0, "old"));
  ASSERT_TRUE(files_.rename(directory_.file("a"), directory_.file("b")));
  EXPECT_EQ(content("b"), "new");
  EXPECT_FALSE(*files_.exists(directory_.file("a")));
}

TEST_F(FileSystemTest, ReplacingLeavesTheNewContentAndNoOtherFile) {
  ASSERT_TRUE(replace_file(files_, directory_.file("META"), "one, and rather long"));
  ASSERT_TRUE(create("META.tmp")->write_at(0, "left over from a crash, longer than what follows"));
  ASSERT_TRUE(replace_file(files_, directory_.file("META"), "two"));
  EXPECT_EQ(content("META"), "two");
  EXPECT_EQ(*files_.list(directory_.path()), std::vector<std::string>{"META"});
}

TEST_F(FileSystemTest, ALockIsFreeAgainWhenItsHolderIsGone) {
  {
    const auto held = files_.lock(directory_.file("LOCK"));
    ASSERT_TRUE(held);
    const auto second = files_.lock(directory_.file("LOCK"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::in_use);
    EXPECT_NE(second.error().detail.find("LOCK"), std::string::npos);
  }
  EXPECT_TRUE(files_.lock(directory_.file("LOCK")));
}

TEST_F(FileSystemTest, ADescriptorIsNotInherited) {
  // The lowest free descriptor is the one that the next open gets.
  const int probe = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(probe);
  const auto file = create("a");
  EXPECT_EQ(fcntl(probe, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

// ---- Errors ----

TEST_F(FileSystemTest, WhatIsAbsentIsNotFoundAndNamed) {
  const auto opened = files_.open(directory_.file("nothing"), OpenMode::read);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::not_found);
  EXPECT_NE(opened.error().detail.find(directory_.file("nothing")), std::string::npos);
  EXPECT_EQ(files_.open(directory_.file("nothing"), OpenMode::read_write).error().code, Errc::not_found);
  EXPECT_EQ(files_.remove(directory_.file("nothing")).error().code, Errc::not_found);
  EXPECT_EQ(files_.list(directory_.file("nothing")).error().code, Errc::not_found);
  EXPECT_FALSE(*files_.exists(directory_.file("nothing")));
}

TEST_F(FileSystemTest, AFileInTheWayOfADirectoryIsAnError) {
  create("d");
  EXPECT_EQ(files_.make_directory(directory_.file("d")).error().code, Errc::io);
}

TEST_F(FileSystemTest, AFileBeyondTheBoundIsNotRead) {
  ASSERT_TRUE(create("a")->write_at(0, "12345"));
  EXPECT_EQ(*read_file(files_, directory_.file("a"), 5), "12345");
  EXPECT_EQ(read_file(files_, directory_.file("a"), 4).error().code, Errc::too_large);
}

TEST_F(FileSystemTest, AFailedReplacementKeepsTheOldFile) {
  ASSERT_TRUE(replace_file(files_, directory_.file("META"), "old"));
  ASSERT_TRUE(files_.make_directory(directory_.file("META.tmp")));
  EXPECT_FALSE(replace_file(files_, directory_.file("META"), "new"));
  EXPECT_EQ(content("META"), "old");
}

TEST_F(FileSystemTest, WritingToAFileOpenedForReadingFails) {
  create("a");
  const auto file = files_.open(directory_.file("a"), OpenMode::read).value();
  const auto written = file->write_at(0, "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::io);
}

TEST_F(FileSystemTest, AnErrorNamesAFileAsItIsCalledNow) {
  create("spare");
  const auto file = files_.open(directory_.file("spare"), OpenMode::read).value();
  ASSERT_TRUE(files_.rename(directory_.file("spare"), directory_.file("segment")));
  const auto written = file->write_at(0, "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().detail.find("write " + directory_.file("segment") + ": "), 0U) << written.error().detail;
}

TEST_F(FileSystemTest, AFullDeviceIsAnError) {
  const auto full = files_.open("/dev/full", OpenMode::read_write);
  if (!full) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ((*full)->write_at(0, "x").error().code, Errc::no_room);
}

}  // namespace
}  // namespace footfall::base
