// SPDX-License-Identifier: Apache-2.0
#include "store/data_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/hash.h"
#include "support/crash_states.h"
#include "support/fault_fs.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using base::Errc;

class DataDirectoryTest : public ::testing::Test {
 protected:
  auto open(const std::string& name = "data") {
    return DataDirectory::open(base::posix_file_system(), temporary_.file(name));
  }
  std::string meta() const { return temporary_.file("data/META"); }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  // The error says what and where.
  void expect_refused(Errc code, const std::string& named) {
    const auto opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code);
    EXPECT_NE(opened.error().detail.find(named), std::string::npos) << opened.error().detail;
  }

  testing::TemporaryDirectory temporary_;
};

TEST_F(DataDirectoryTest, IsMadeOnceAndKeepsItsIncarnation) {
  journal::Incarnation incarnation;
  {
    const auto made = open();
    ASSERT_TRUE(made) << to_string(made.error());
    EXPECT_TRUE((*made)->fresh());
    incarnation = (*made)->incarnation();
    EXPECT_EQ((*made)->incarnation_text().size(), 32U);
    EXPECT_EQ((*made)->stream_directory(journal::StreamId{1}), temporary_.file("data/journal/hits-000"));
  }
  const auto again = open();
  ASSERT_TRUE(again);
  EXPECT_FALSE((*again)->fresh());
  EXPECT_EQ((*again)->incarnation(), incarnation);
  const auto other = open("other");
  ASSERT_TRUE(other);
  EXPECT_NE((*other)->incarnation(), incarnation);
}

TEST_F(DataDirectoryTest, KeepsItsSlotAndTheTicketOfTheStop) {
  {
    const auto made = open();
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->slot(), (*made)->incarnation());
    EXPECT_FALSE((*made)->among_nodes());
    ASSERT_TRUE((*made)->set_slot({1, 2, 3}, base::Incarnation{4, 5, 6}));
  }
  const auto again = open();
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->slot(), (base::Incarnation{1, 2, 3}));
  EXPECT_EQ((*again)->ticket(), (base::Incarnation{4, 5, 6}));
  ASSERT_TRUE((*again)->set_slot((*again)->slot(), std::nullopt));
  EXPECT_TRUE((*again)->among_nodes());
  EXPECT_FALSE((*again)->ticket());
}

TEST_F(DataDirectoryTest, APowerCutBehindItsMakingLeavesIt) {
  testing::FaultFs disk;
  ASSERT_TRUE(disk.make_directory("/var"));
  ASSERT_TRUE(disk.sync_directory("/"));
  const auto made = DataDirectory::open(disk, "/var/footfall");
  ASSERT_TRUE(made);
  std::mt19937_64 random(1);
  testing::each_crash_state(disk, 0, random, [&](const testing::CrashState& crash) {
    if (crash.position < disk.position()) return;
    testing::FaultFs after{crash.disk};
    const auto again = DataDirectory::open(after, "/var/footfall");
    ASSERT_TRUE(again);
    EXPECT_EQ((*again)->incarnation(), (*made)->incarnation());
  });
}

// --- errors ---

TEST_F(DataDirectoryTest, OnlyOneMayUseIt) {
  const auto first = open();
  ASSERT_TRUE(first);
  expect_refused(Errc::in_use, temporary_.file("data"));
}

TEST_F(DataDirectoryTest, WhatIsNoDirectoryIsRefusedByName) {
  write(temporary_.file("data"), "a file");
  expect_refused(Errc::io, "or name another directory");
}

TEST_F(DataDirectoryTest, ADamagedMetaIsNeverReadOtherwise) {
  ASSERT_TRUE((*open())->set_slot({1, 2, 3}, base::Incarnation{4, 5, 6}));
  const std::string whole = read(meta());
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(static_cast<unsigned char>(flipped[bit / 8]) ^ (1U << bit % 8));
    write(meta(), flipped);
    const auto opened = open();
    ASSERT_FALSE(opened) << "bit " << bit;
    const bool claims_a_later_version = flipped.starts_with("footfall ") && flipped[9] > '1' && flipped[9] <= '9';
    EXPECT_EQ(opened.error().code, claims_a_later_version ? Errc::newer_format : Errc::corrupt) << "bit " << bit;
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write(meta(), whole.substr(0, size));
    ASSERT_FALSE(open()) << size;
  }
}

TEST_F(DataDirectoryTest, ANewerFormatIsRefused) {
  ASSERT_TRUE(open());
  const std::string lines = "footfall 2\nincarnation 000102030405060708090a0b0c0d0e0f\n";
  char crc[16];
  std::snprintf(crc, sizeof crc, "%08x", base::crc32c(lines));
  write(meta(), lines + "crc32c " + crc + "\n");
  expect_refused(Errc::newer_format, "start the release that wrote it");
}

TEST_F(DataDirectoryTest, ANewerFormatIsToldWhateverItsChecksumIs) {
  ASSERT_TRUE(open());
  write(meta(), "footfall 2\nincarnation 000102030405060708090a0b0c0d0e0f\nsha256 of another kind\n");
  expect_refused(Errc::newer_format, "says format 2");
  write(meta(), "footfall 2x\n");
  expect_refused(Errc::corrupt, "is damaged");
}

TEST_F(DataDirectoryTest, AMissingMetaBesideDataIsCorruption) {
  ASSERT_TRUE(open());
  std::filesystem::remove(meta());
  ASSERT_TRUE(open()) << "without data it is made anew";
  std::filesystem::remove(meta());
  std::filesystem::create_directories(temporary_.file("data/journal/control"));
  expect_refused(Errc::corrupt, "META is missing");
}

}  // namespace
}  // namespace footfall::store
