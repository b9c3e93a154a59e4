// SPDX-License-Identifier: Apache-2.0
#include "sites/snapshot.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/mutex.h"

namespace footfall::sites {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

class SnapshotTest : public ::testing::Test {
 protected:
  void hits(std::string_view path, std::uint64_t count) {
    base::MutexLock lock(site_.mutex());
    counting::Hit hit;
    hit.at_s = kNow;
    hit.counts = true;
    hit.page = site_.state().reserve_page(path, base::table_hash(path));
    site_.state().apply(site_.state().epoch(), std::vector<counting::Hit>(count, hit));
  }
  Snapshot taken() {
    Settings settings;
    settings.name = "example.vn";
    settings.hosts = {"www.example.vn"};
    return take_snapshot(site_, settings, "0123456789abcdef", kNow * 1000 + 5);
  }

  Site site_{SiteId{1}, counting::Limits{}, 300};
};

TEST_F(SnapshotTest, HoldsTotalsPagesAndDays) {
  hits("/a", 3);
  hits("/b", 5);
  const Snapshot snapshot = taken();
  EXPECT_EQ(snapshot.total, 8U);
  EXPECT_EQ(snapshot.counted, 8U);
  EXPECT_EQ(snapshot.taken_ms, kNow * 1000 + 5);
  EXPECT_EQ(snapshot.pages, (std::vector<Snapshot::Page>{{"/b", 5}, {"/a", 3}}));
  ASSERT_EQ(snapshot.days.size(), 1U);
  EXPECT_EQ(snapshot.days[0].key, counting::local_day(kNow, 0));
  EXPECT_EQ(snapshot.days[0].hits, 8U);
}

TEST_F(SnapshotTest, SeedsAreInTheTotals) {
  {
    base::MutexLock lock(site_.mutex());
    const counting::PageId page = site_.state().reserve_page("/seeded", base::table_hash("/seeded"));
    site_.state().define_page(page, "/seeded");
    site_.state().add_seed(site_.state().epoch(), 1000);
    site_.state().add_page_seed(site_.state().epoch(), page, 40);
  }
  EXPECT_EQ(taken().total, 1000U);
  EXPECT_EQ(taken().pages, (std::vector<Snapshot::Page>{{"/seeded", 40}}));
}

TEST_F(SnapshotTest, EveryPageOfALargeSiteIsInIt) {
  for (int i = 0; i < 5000; ++i) hits("/page/" + std::to_string(i), 1 + static_cast<std::uint64_t>(i % 7));
  const Snapshot snapshot = taken();
  ASSERT_EQ(snapshot.pages.size(), 5000U);
  std::uint64_t sum = 0;
  for (const Snapshot::Page& page : snapshot.pages) sum += page.total;
  EXPECT_EQ(sum, snapshot.total);
}

TEST_F(SnapshotTest, ItsBytesGiveItBack) {
  hits("/a", 3);
  hits("/\xc3\xa9", 5);
  EXPECT_EQ(decode_snapshot(encode(taken())).value(), taken());
  EXPECT_EQ(decode_snapshot(encode(Snapshot{})).value(), Snapshot{});
}

// ---- errors

TEST_F(SnapshotTest, EveryFlippedBitAndEveryCutIsNoticed) {
  hits("/a", 3);
  const std::string bytes = encode(taken());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_snapshot(damaged)) << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_snapshot(std::string_view(bytes).substr(0, size))) << size;
  EXPECT_FALSE(decode_snapshot(bytes + "x"));
}

TEST_F(SnapshotTest, ALaterFormatIsToldAsOne) {
  std::string bytes = encode(taken());
  bytes[8] = 2;
  EXPECT_EQ(decode_snapshot(bytes).error().code, base::Errc::newer_format);
}

}  // namespace
}  // namespace footfall::sites
