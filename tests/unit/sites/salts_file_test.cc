// SPDX-License-Identifier: Apache-2.0
// The file of salts; that every truncation and every flipped bit is noticed is in tests/unit/ingest/salts_test.cc.
#include "sites/salts_file.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "support/fault_fs.h"

namespace footfall::sites {
namespace {

constexpr std::int64_t kDay = 86'400;

class SaltsFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_.make_directory("/d"));
    state_.day = 20'000;
    state_.key.fill(7);
    ASSERT_TRUE(write_salts(files_, "/d/salts", state_));
  }
  std::string& bytes() { return files_.content("/d/salts"); }
  // With the checksum that belongs to them.
  void put(std::string changed) {
    changed.resize(changed.size() - 4);
    base::ByteWriter(changed).u32(base::crc32c(changed));
    bytes() = changed;
  }
  base::Error refused() {
    const auto read = read_salts(files_, "/d/salts");
    EXPECT_FALSE(read);
    return read ? base::Error{} : read.error();
  }
  testing::FaultFs files_;
  SaltsState state_;
};

TEST_F(SaltsFileTest, IsReadAsItWasWritten) {
  const auto read = read_salts(files_, "/d/salts");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->day, 20'000);
  EXPECT_EQ(read->key, state_.key);
  EXPECT_EQ(bytes().size(), 52U);
  state_.day = -1;
  ASSERT_TRUE(write_salts(files_, "/d/salts", state_));
  EXPECT_EQ(read_salts(files_, "/d/salts")->day, -1);
}

TEST_F(SaltsFileTest, ADayIsNeededUntilItHasEndedEverywhereAndAWindowHasPassed) {
  const std::int64_t end_s = 20'001 * kDay + 12 * 3600 + 3600 + 60;  // at UTC-12
  EXPECT_EQ(oldest_salt_day(end_s - 1), 20'000);
  EXPECT_EQ(oldest_salt_day(end_s), 20'001);
  EXPECT_FALSE(is_of_the_future(20'001, end_s - 1));
  EXPECT_TRUE(is_of_the_future(20'002, end_s - 1));
}

// --- errors ---

TEST_F(SaltsFileTest, AnAbsentFileIsNotFound) {
  EXPECT_EQ(read_salts(files_, "/d/none").error().code, base::Errc::not_found);
}

TEST_F(SaltsFileTest, WhatIsWrongIsSaid) {
  const std::string whole = bytes();
  bytes() = "x" + whole.substr(1);
  EXPECT_NE(refused().detail.find("/d/salts is damaged: it does not begin as"), std::string::npos);
  bytes() = whole + "x";
  EXPECT_NE(refused().detail.find("it has 53 bytes, and there should be 52"), std::string::npos);
  put(whole + "x");  // and its checksum holds
  EXPECT_NE(refused().detail.find("it has 53 bytes, and there should be 52"), std::string::npos);
  bytes() = std::string(5000, 'x');
  EXPECT_NE(refused().detail.find("much too long"), std::string::npos);
  bytes() = whole.substr(0, 51) + static_cast<char>(whole[51] ^ 1);
  EXPECT_NE(refused().detail.find("its checksum does not hold"), std::string::npos);
  put(whole.substr(0, 12) + "x" + whole.substr(13));  // a day that is none
  EXPECT_NE(refused().detail.find("it breaks its grammar"), std::string::npos);
  put(whole.substr(0, 7) + "x" + whole.substr(8));  // no line feed
  EXPECT_NE(refused().detail.find("it breaks its grammar"), std::string::npos);
}

TEST_F(SaltsFileTest, ALaterVersionIsToldFromADamagedOneWhateverItsLengthIs) {
  const std::string whole = bytes();
  put("FFSALT2\n" + std::string(60, 'x'));
  EXPECT_EQ(refused().code, base::Errc::newer_format);
  EXPECT_EQ(refused().detail,
            "/d/salts is of format 2, and this release knows formats up to 1; start the release that wrote it");
  bytes() = "FFSALT3" + whole.substr(7);
  EXPECT_EQ(refused().code, base::Errc::corrupt);
}

}  // namespace
}  // namespace footfall::sites
