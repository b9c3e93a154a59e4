// SPDX-License-Identifier: Apache-2.0
// Salts: the ratchet against values computed elsewhere, the days that are kept against their definition, and the file.
#include "ingest/salts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "base/bytes.h"
#include "support/fault_fs.h"
#include "support/rng_seed.h"
#include "support/temporary_directory.h"

namespace footfall::ingest {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kNoon = 20'000 * kDay + kDay / 2;  // noon UTC of day 20,000

class SaltsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Salts> open(std::int64_t now_s) {
    auto opened = Salts::open(base::posix_file_system(), path(), now_s);
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().detail);
    return opened ? std::move(opened).value() : nullptr;
  }
  base::Error refused(std::int64_t now_s = kNoon) {
    auto opened = Salts::open(base::posix_file_system(), path(), now_s);
    EXPECT_FALSE(opened.has_value());
    return opened ? base::Error{} : opened.error();
  }
  std::string path() { return directory_.file("salt"); }
  std::string file() { return base::read_file(base::posix_file_system(), path(), 4096).value(); }
  void write_file(const std::string& bytes) {
    ASSERT_TRUE(base::replace_file(base::posix_file_system(), path(), bytes).has_value());
  }
  void write_salt(std::int64_t day, const std::string& key) {
    std::string bytes;
    base::ByteWriter out(bytes);
    out.raw("FFSALT1\n");
    out.u64(static_cast<std::uint64_t>(day));
    out.raw(key);
    out.u32(base::crc32c(bytes));
    write_file(bytes);
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(SaltsTest, KeysAreTheRatchetsOfAKnownKey) {
  std::string key;
  for (char i = 0; i < 32; ++i) key += i;
  write_salt(20'000, key);
  const auto salts = open(20'000 * kDay + kDay + 5 * 3600);  // 20,000 is the oldest that is needed
  const auto keys = salts->keys();
  // SHA-256(K(d)), first 16 bytes, by Python's hashlib.
  const auto expect = [&](counting::Day day, std::uint64_t k0, std::uint64_t k1) {
    ASSERT_NE(keys->find(day), nullptr) << day;
    EXPECT_EQ(keys->find(day)->k0, k0);
    EXPECT_EQ(keys->find(day)->k1, k1);
  };
  expect(20'000, 0x6633c46629cd0d63, 0x4f5bb2bb48541291);
  expect(20'001, 0xc5d46a56e6ce607e, 0x2de347c2a8a9573e);
  expect(20'002, 0xe458032842adbf23, 0x503512a5b783794a);
}

TEST_F(SaltsTest, KeptAreTheDaysThatSomeWindowNeedsAndOneToSpare) {
  std::mt19937_64 random(testing::rng_seed());
  std::int64_t now = kNoon;
  const auto salts = open(now);
  for (int round = 0; round < 500; ++round) {
    now += static_cast<std::int64_t>(random() % 7200);
    ASSERT_TRUE(salts->rotate(now).has_value());
    const auto keys = salts->keys();
    for (counting::Day day = 19'990; day < 20'100; ++day) {
      // Day `day` is some zone's today, or its yesterday with a window open.
      const bool needed = now >= day * kDay - 14 * 3600 && now < (day + 1) * kDay + 12 * 3600 + 3600 + 60;
      if (needed) {
        ASSERT_NE(keys->find(day), nullptr) << "day " << day << " at " << now;
      } else if (now >= (day + 1) * kDay + 12 * 3600 + 3600 + 60) {
        ASSERT_EQ(keys->find(day), nullptr) << "day " << day << " at " << now;
      }
    }
    ASSERT_LE(keys->by_day.size(), 4U);
    ASSERT_GE(keys->by_day.size(), 3U);
  }
}

TEST_F(SaltsTest, ADaysKeyIsTheSameBeforeAndAfterRotationAndRestart) {
  std::map<counting::Day, base::SipKey> seen;  // day -> key
  for (std::int64_t now = kNoon; now < kNoon + 6 * kDay; now += 5 * 3600) {
    const auto salts = open(now);
    for (const auto& [day, key] : salts->keys()->by_day) {
      const auto [it, fresh] = seen.emplace(day, key);
      EXPECT_EQ(it->second.k0, key.k0) << day;
      EXPECT_EQ(it->second.k1, key.k1) << day;
    }
  }
  EXPECT_GE(seen.size(), 9U);
}

TEST_F(SaltsTest, RotateTellsWhetherTheKeysChanged) {
  const auto salts = open(kNoon);
  const auto before = salts->keys();
  EXPECT_FALSE(salts->rotate(kNoon).value());
  EXPECT_FALSE(salts->rotate(kNoon + 60).value());
  EXPECT_EQ(salts->keys(), before);
  EXPECT_TRUE(salts->rotate(kNoon + kDay).value());
  EXPECT_NE(salts->keys(), before);
}

TEST_F(SaltsTest, AForgottenDayIsNotInTheFileEither) {
  const auto salts = open(kNoon);
  const std::string before = file();
  ASSERT_TRUE(salts->rotate(kNoon + 2 * kDay).has_value());
  const std::string after = file();
  EXPECT_NE(before, after);
  EXPECT_EQ(after.find(before.substr(16, 32)), std::string::npos);
}

TEST_F(SaltsTest, TwoInstallationsHaveDifferentKeys) {
  const auto one = open(kNoon);
  ASSERT_TRUE(base::posix_file_system().remove(path()).has_value());
  const auto two = open(kNoon);
  EXPECT_NE(one->keys()->by_day.begin()->second.k0, two->keys()->by_day.begin()->second.k0);
}

TEST_F(SaltsTest, TheFileIsForItsOwnerAlone) {
  open(kNoon);
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(SaltsTest, YearsOfSleepAreCaughtUpWith) {
  open(kNoon);
  const auto salts = open(kNoon + 3650 * kDay);
  EXPECT_NE(salts->keys()->find(20'000 + 3650), nullptr);
  EXPECT_EQ(salts->keys()->find(20'000), nullptr);
}

TEST_F(SaltsTest, AClockSetBackBySecondsKeepsTheChain) {
  const std::int64_t turn = 20'001 * kDay + 12 * 3600 + 3660;  // here day 20,000 is forgotten
  const auto before = open(turn)->keys();
  const auto after = open(turn - 5)->keys();
  EXPECT_EQ(after->find(20'001)->k0, before->find(20'001)->k0);
}

TEST_F(SaltsTest, AFileFromTheFutureIsReplaced) {
  EXPECT_TRUE(open(kNoon + 100 * kDay)->is_new());
  const auto salts = open(kNoon);
  EXPECT_TRUE(salts->is_new());
  EXPECT_FALSE(open(kNoon + kDay)->is_new());
  for (counting::Day day = 19'999; day <= 20'001; ++day) EXPECT_NE(salts->keys()->find(day), nullptr);
}

// Errors.

TEST_F(SaltsTest, AFileThatOthersMayReadIsDeniedAndNamed) {
  open(kNoon);
  for (const mode_t mode : {0640U, 0604U, 0660U}) {
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    const base::Error error = refused();
    EXPECT_EQ(error.code, base::Errc::denied);
    EXPECT_NE(error.detail.find(path()), std::string::npos);
  }
}

TEST(SaltsFaultTest, EveryTruncationAndEveryFlippedBitIsCorruptAndNamed) {
  testing::FaultFs files;
  ASSERT_TRUE(files.make_directory("/d").has_value());
  ASSERT_TRUE(Salts::open(files, "/d/salt", kNoon).has_value());
  const std::string whole = files.content("/d/salt");
  const auto expect_corrupt = [&](const std::string& bytes) {
    files.content("/d/salt") = bytes;
    const auto opened = Salts::open(files, "/d/salt", kNoon);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, base::Errc::corrupt);
    EXPECT_NE(opened.error().detail.find("/d/salt"), std::string::npos);
  };
  for (std::size_t size = 0; size < whole.size(); ++size) expect_corrupt(whole.substr(0, size));
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    expect_corrupt(flipped);
  }
  expect_corrupt(whole + "x");
}

TEST(SaltsFaultTest, AFailedWriteIsToldAndMadeUpFor) {
  for (int fault = 0; fault < 3; ++fault) {
    testing::FaultFs files;
    ASSERT_TRUE(files.make_directory("/d").has_value());
    auto salts = Salts::open(files, "/d/salt", kNoon).value();
    const std::string before = files.content("/d/salt");
    if (fault == 0) files.fail_writes_after(0);
    if (fault == 1) files.fail_syncs();
    if (fault == 2) files.fail_renames();
    EXPECT_FALSE(salts->rotate(kNoon + kDay).has_value());
    EXPECT_EQ(files.content("/d/salt"), before);
    EXPECT_NE(salts->keys()->find(20'002), nullptr);  // counting goes on
    files.heal();
    ASSERT_TRUE(salts->rotate(kNoon + kDay).has_value());
    EXPECT_NE(files.content("/d/salt"), before);
    const auto again = Salts::open(files, "/d/salt", kNoon + kDay).value();
    EXPECT_EQ(again->keys()->find(20'001)->k0, salts->keys()->find(20'001)->k0);
  }
}

TEST(SaltsFaultTest, APowerCutAtARotationKeepsTheChain) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 200; ++round) {
    testing::FaultFs files;
    ASSERT_TRUE(files.make_directory("/d").has_value());
    ASSERT_TRUE(files.sync_directory("/").has_value());
    auto salts = Salts::open(files, "/d/salt", kNoon).value();
    const std::uint64_t today = salts->keys()->find(20'001)->k0;
    ASSERT_TRUE(salts->rotate(kNoon + kDay).has_value());
    salts.reset();
    files.cut_power(random);
    const auto after = Salts::open(files, "/d/salt", kNoon + kDay);
    ASSERT_TRUE(after.has_value()) << after.error().detail;
    ASSERT_EQ(after.value()->keys()->find(20'001)->k0, today);
  }
}

TEST_F(SaltsTest, AFolderThatIsNotThereIsAnError) {
  auto opened = Salts::open(base::posix_file_system(), directory_.path() + "/none/salt", kNoon);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().detail.find("/none/salt"), std::string::npos);
}

}  // namespace
}  // namespace footfall::ingest
