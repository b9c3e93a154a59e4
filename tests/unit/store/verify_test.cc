// SPDX-License-Identifier: Apache-2.0
#include "store/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "node.h"
#include "sites/salts_file.h"
#include "store/checkpoint.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using testing::Node;
using testing::Ping;

constexpr std::int64_t kNow = 1'700'000'000;

class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    node_.segment_bytes = journal::kSegmentBytesMin;
    ASSERT_TRUE(node_.start(2));
    sites::Settings settings;
    settings.name = "a.vn";
    ASSERT_TRUE(node_.change("add", node_.registry().plan_add(settings, 1).value()));
  }
  void hit(unsigned stream, const std::string& path) {
    ASSERT_TRUE(node_.hit(stream, {Ping{"a.vn", path, 1, node_.now_s(), "Firefox", false}}));
  }
  VerifyReport verified(const Moment* live = nullptr) {
    const auto directory = DataDirectory::open_existing(base::posix_file_system(), path_);
    EXPECT_TRUE(directory);
    return verify(**directory, node_.limits, node_.now_s(), live);
  }
  void expect_equal(const Moment& live) {
    const VerifyReport report = verified(&live);
    EXPECT_EQ(report.problems, std::vector<std::string>{});
    EXPECT_EQ(report.state.hash, live.hash);
    EXPECT_FALSE(report.differs);
  }
  // The problems of a report, in one text.
  std::string problems(const Moment& live) {
    std::string out;
    for (const std::string& problem : verified(&live).problems) out += problem + "\n";
    return out;
  }
  void flip(const std::string& name, std::streamoff at) {
    std::fstream f(path_ + "/" + name, std::ios::in | std::ios::out | std::ios::binary);
    f.seekg(at);
    const int old = f.get();
    f.seekp(at);
    f.put(static_cast<char>(old ^ 1));
    ASSERT_TRUE(f.good());
  }

  std::string salts() const { return path_ + "/salts"; }
  void put_salts(counting::Day day) {
    sites::SaltsState state;
    state.day = day;
    ASSERT_TRUE(sites::write_salts(base::posix_file_system(), salts(), state));
  }
  // Just one, that begins so.
  void expect_problem(const std::string& begin) {
    const VerifyReport report = verified();
    ASSERT_EQ(report.problems.size(), 1U);
    EXPECT_TRUE(report.problems[0].starts_with(begin)) << report.problems[0];
  }

  testing::TemporaryDirectory temporary_;
  std::string path_ = temporary_.file("data");
  base::ManualClock clock_{kNow * 1000};
  Node node_{path_, clock_};
};

TEST_F(VerifyTest, AWholeDirectoryGivesTheLiveStatesHashAndCounts) {
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  hit(1, "/b");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/c");
  const std::string live = node_.hash();
  node_.crash();
  const VerifyReport report = verified();
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  EXPECT_EQ(report.state.hash, live);
  EXPECT_EQ(report.checkpoints, (std::vector<std::uint64_t>{1, 2}));
  ASSERT_EQ(report.state.sites.size(), 1U);
  EXPECT_EQ(report.state.sites[0].counted, 3U);
  EXPECT_EQ(report.state.sites[0].online, 1U);
  EXPECT_EQ(report.streams.size(), 3U);
}

TEST_F(VerifyTest, TwoGenerationsAgreeOverDaysThatWereClosedBetweenThem) {
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  clock_.set_ms((kNow + 4 * 86'400) * 1000);
  hit(0, "/b");
  ASSERT_TRUE(node_.checkpoint());
  ASSERT_FALSE(node_.closed_days.empty());
  node_.crash();
  EXPECT_EQ(verified().problems, std::vector<std::string>{});
}

// A crash between the removal of segments and that of the checkpoint which needs them.
TEST_F(VerifyTest, AThirdCheckpointThatACrashLeftIsNoProblem) {
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  const std::string oldest = checkpoint_path(node_.directory(), 1);
  std::filesystem::copy_file(oldest, temporary_.file("kept"));
  for (int i = 0; i < 3; ++i) {
    hit(0, "/b");
    ASSERT_TRUE(node_.checkpoint());
  }
  node_.crash();
  std::filesystem::copy_file(temporary_.file("kept"), oldest);
  const VerifyReport report = verified();
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  EXPECT_EQ(report.checkpoints, (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(std::count_if(report.warnings.begin(), report.warnings.end(),
                          [](const std::string& warning) { return warning.starts_with("checkpoint 1 "); }),
            1);
}

// --- compared with a live moment ---

TEST_F(VerifyTest, ReplayedToAMomentsPositionsTheStateIsWhatItWasLive) {
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/b");
  const Moment live = node_.moment();
  node_.crash();
  expect_equal(live);
  // Later hits, changes, a restart and a checkpoint do not matter.
  ASSERT_TRUE(node_.start(2));
  hit(1, "/later");
  ASSERT_TRUE(node_.change("seed", node_.registry().plan_seed_amount("a.vn", std::nullopt, 7, kNow).value()));
  ASSERT_TRUE(node_.checkpoint());
  clock_.set_ms((kNow + 4 * 86'400) * 1000);
  hit(0, "/much/later");
  EXPECT_NE(node_.moment().hash, live.hash);
  node_.crash();
  expect_equal(live);
}

TEST_F(VerifyTest, BlocksThatAreNotAppliedYetAreBeyondTheMoment) {
  node_.crash();
  node_.ack_after_sync = true;
  ASSERT_TRUE(node_.start(2));
  hit(0, "/a");
  ASSERT_TRUE(node_.commit(0));
  clock_.advance_ms(5000);
  hit(0, "/waits");
  hit(1, "/waits/too");
  const Moment live = node_.moment();
  ASSERT_EQ(live.sites.size(), 1U);
  EXPECT_EQ(live.sites[0].counted, 1U);
  ASSERT_TRUE(node_.commit(0));
  ASSERT_TRUE(node_.commit(1));
  node_.crash();
  expect_equal(live);
}

TEST_F(VerifyTest, WhatWasOnlyObservedIsJournaledForTheMoment) {
  hit(0, "/a");
  clock_.advance_ms(3000);
  {
    sites::Site& site = *node_.registry().find("a.vn");
    base::MutexLock lock(site.mutex());
    site.state().advance(node_.now_s(), 25'200);  // a second with somebody online has ended: a peak
  }
  const std::uint64_t before = node_.control_sequence();
  const Moment live = node_.moment();
  EXPECT_EQ(node_.control_sequence(), before + 1);
  EXPECT_EQ(node_.moment().positions, live.positions) << "and nothing more was observed";
  EXPECT_EQ(node_.summary("a.vn").peak.online, 1U);
  node_.crash();
  expect_equal(live);
  ASSERT_TRUE(node_.start(2));
  EXPECT_EQ(node_.summary("a.vn").peak.online, 1U);
}

TEST_F(VerifyTest, AMomentOfMoreShardsThanThereAreNowIsReached) {
  hit(1, "/b");
  node_.crash();
  ASSERT_TRUE(node_.start(1));
  hit(0, "/a");
  const Moment live = node_.moment();
  ASSERT_EQ(live.positions.size(), 3U);
  node_.crash();
  expect_equal(live);
}

TEST_F(VerifyTest, ADifferenceIsToldWithBothHashesAndTheSite) {
  hit(0, "/a");
  {
    sites::Site& site = *node_.registry().find("a.vn");
    base::MutexLock lock(site.mutex());
    site.state().add_seed(counting::Epoch{}, 5);  // that no change says
  }
  const Moment live = node_.moment();
  node_.crash();
  const VerifyReport report = verified(&live);
  EXPECT_TRUE(report.differs);
  ASSERT_EQ(report.problems.size(), 2U);
  EXPECT_NE(report.problems[0].find(live.hash), std::string::npos) << report.problems[0];
  EXPECT_NE(report.problems[0].find(report.state.hash), std::string::npos) << report.problems[0];
  EXPECT_EQ(report.problems[1],
            "site a.vn differs: live 1 counted, total 6, 1 online; replayed 1 counted, total 1, 1 online");
}

TEST_F(VerifyTest, ADifferenceThatIsNoSitesIsToldToo) {
  hit(0, "/a");
  ASSERT_TRUE(node_.registry().apply({"unwritten", kNow, "root", "", sites::TokenAdded{"t", {}, 1, {}, 0}}));
  const Moment live = node_.moment();
  node_.crash();
  EXPECT_NE(problems(live).find("no site differs"), std::string::npos) << problems(live);
}

TEST_F(VerifyTest, AMomentThatCannotBeReachedSaysWhy) {
  hit(0, "/a");
  Moment live = node_.moment();
  for (int i = 0; i < 2; ++i) {
    hit(0, "/b");
    ASSERT_TRUE(node_.checkpoint());
  }
  node_.crash();
  EXPECT_NE(problems(live).find("the journal's begin, which cannot be read here"), std::string::npos) << problems(live);
  live.incarnation = std::string(32, '0');
  EXPECT_NE(problems(live).find("of incarnation 0000"), std::string::npos) << problems(live);
}

TEST_F(VerifyTest, AMomentBeyondTheJournalsEndSaysSo) {
  hit(0, "/a");
  Moment live = node_.moment();
  live.positions[journal::StreamId{1}] += 3;
  node_.crash();
  EXPECT_NE(problems(live).find("ends with block"), std::string::npos) << problems(live);
}

TEST_F(VerifyTest, NothingIsChanged) {
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  node_.crash();
  const auto listing = [&] {
    std::vector<std::pair<std::string, std::uintmax_t>> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_))
      out.emplace_back(entry.path().string(), entry.is_regular_file() ? entry.file_size() : 0);
    std::sort(out.begin(), out.end());
    return out;
  };
  const auto before = listing();
  EXPECT_EQ(verified().problems, std::vector<std::string>{});
  EXPECT_EQ(listing(), before);
}

// --- what is wrong ---

TEST_F(VerifyTest, DamageIsNamed) {
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/b");
  ASSERT_TRUE(node_.checkpoint());
  node_.crash();
  flip("checkpoint/1.ckpt", 60);
  const VerifyReport report = verified();
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_NE(report.problems[0].find("1.ckpt"), std::string::npos) << report.problems[0];
  flip("checkpoint/1.ckpt", 60);
  flip("journal/hits-000/0000000002.seg", 4096 + 45);
  EXPECT_FALSE(verified().problems.empty());
}

// --- the salts ---

TEST_F(VerifyTest, SaltsThatAStartWouldTakeAreNoProblem) {
  hit(0, "/a");
  node_.crash();
  EXPECT_EQ(verified().problems, std::vector<std::string>{});
  ASSERT_EQ(verified().warnings.size(), 1U);
  EXPECT_EQ(verified().warnings[0], salts() +
                                        " is absent: a start makes it anew, and counts today's visitors and those "
                                        "online anew");
  put_salts(sites::oldest_salt_day(kNow) + 1);  // a clock that was set back by seconds around the turn
  EXPECT_EQ(verified().problems, std::vector<std::string>{});
  EXPECT_EQ(verified().warnings, std::vector<std::string>{});
}

TEST_F(VerifyTest, SaltsThatAStartWouldRefuseAreAProblem) {
  hit(0, "/a");
  node_.crash();
  put_salts(sites::oldest_salt_day(kNow));
  flip("salts", 20);
  expect_problem(salts() + " is damaged: its checksum does not hold; put it back");
  flip("salts", 20);
  flip("salts", 0);
  expect_problem(salts() + " is damaged: it does not begin as a file of salts does");
  flip("salts", 0);
  std::filesystem::resize_file(salts(), 51);
  expect_problem(salts() + " is damaged: it has 51 bytes, and there should be 52");
  put_salts(sites::oldest_salt_day(kNow));
  std::filesystem::permissions(salts(), std::filesystem::perms(0640));
  expect_problem(salts() + ": others may read the salts; chmod 600 it");
}

TEST_F(VerifyTest, SaltsOfADayThatHasNotComeAreAProblemForTheClock) {
  hit(0, "/a");
  node_.crash();
  put_salts(sites::oldest_salt_day(kNow) + 9);
  expect_problem(salts() + " is of a day that comes in 9 days by this machine's clock: set the clock before a start");
  clock_.advance_ms(8 * 86'400'000LL);
  EXPECT_EQ(verified().problems, std::vector<std::string>{});
}

TEST_F(VerifyTest, SaltsAreNotOfTheFutureWhereTheClockIsBehindTheLatestHit) {
  hit(0, "/a");
  node_.crash();
  put_salts(sites::oldest_salt_day(kNow));
  clock_.set_ms((kNow - 100 * 86'400) * 1000);
  EXPECT_EQ(verified().problems, std::vector<std::string>{});
}

// --- refused ---

TEST_F(VerifyTest, ADirectoryInUseAndAnAbsentOneAreRefused) {
  const auto used = DataDirectory::open_existing(base::posix_file_system(), path_);
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, base::Errc::in_use);
  const auto absent = DataDirectory::open_existing(base::posix_file_system(), temporary_.file("none"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, base::Errc::not_found);
  EXPECT_FALSE(std::filesystem::exists(temporary_.file("none")));
}

}  // namespace
}  // namespace footfall::store
