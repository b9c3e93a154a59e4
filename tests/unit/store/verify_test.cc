// SPDX-License-Identifier: Apache-2.0
#include "store/verify.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "node.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using testing::Node;
using testing::Ping;

constexpr std::int64_t kNow = 1'700'000'000;

class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(node_.start(2));
    sites::Settings settings;
    settings.name = "a.vn";
    ASSERT_TRUE(node_.change("add", node_.registry().plan_add(settings, 1).value()));
  }
  void hit(unsigned stream, const std::string& path) {
    ASSERT_TRUE(node_.hit(stream, {Ping{"a.vn", path, 1, node_.now_s(), "Firefox", false}}));
  }
  VerifyReport verified(const VerifyOptions& options = {}) {
    const auto directory = DataDirectory::open_existing(base::posix_file_system(), path_);
    EXPECT_TRUE(directory);
    return verify(**directory, node_.limits, options);
  }
  void flip(const std::string& name, std::streamoff at) {
    std::fstream f(path_ + "/" + name, std::ios::in | std::ios::out | std::ios::binary);
    f.seekg(at);
    const int old = f.get();
    f.seekp(at);
    f.put(static_cast<char>(old ^ 1));
    ASSERT_TRUE(f.good());
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
  EXPECT_EQ(report.hash, live);
  EXPECT_EQ(report.checkpoints, (std::vector<std::uint64_t>{1, 2}));
  ASSERT_EQ(report.sites.size(), 1U);
  EXPECT_EQ(report.sites[0].counted, 3U);
  EXPECT_EQ(report.sites[0].online, 1U);
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

TEST_F(VerifyTest, PositionsOfALiveNodeGiveItsHash) {
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/b");
  const std::string then = node_.hash();
  VerifyOptions options;
  options.positions = {{journal::kControlStream, 1}, {journal::StreamId{1}, 0}, {journal::StreamId{2}, 0}};
  node_.crash();
  const VerifyReport ends = verified();
  for (const VerifiedStream& stream : ends.streams)
    (*options.positions)[*journal::parse_directory_name(stream.name)] = stream.sequence;
  ASSERT_TRUE(node_.start(2));
  hit(1, "/later");
  EXPECT_NE(node_.hash(), then);
  node_.crash();
  EXPECT_EQ(verified(options).hash, then);
  EXPECT_NE(verified().hash, then);
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
