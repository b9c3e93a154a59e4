// SPDX-License-Identifier: Apache-2.0
#include "api/pages.h"

#include <atomic>
#include <thread>

#include "api/stats.h"
#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

class PagesTest : public SiteFixture {
 protected:
  PagesTest() {
    sites::Site& site = add_site(settings("example.vn", sites::Visibility::full));
    for (std::uint64_t hit = 0; hit < 3; ++hit) visit(site, "/b", hit, kNow - 1000);
    for (std::uint64_t hit = 0; hit < 2; ++hit) visit(site, "/a", hit);
    visit(site, "/c", 9);
  }
  Parsed pages(std::string_view query) { return Parsed(pages_json(context("example.vn"), query).value()); }
  std::string complaint(std::string_view query) {
    const auto answer = pages_json(context("example.vn"), query);
    EXPECT_FALSE(answer) << query;
    if (answer) return "";
    EXPECT_EQ(answer.error().code, base::Errc::malformed);
    return answer.error().detail;
  }
};

TEST_F(PagesTest, RowsAndRestAddUpToTheSite) {
  for (const std::string_view limit : {"1", "2", "3", "10000"}) {
    const Parsed answer = pages("limit=" + std::string(limit));
    std::int64_t sum = answer.number("/rest");
    for (std::size_t i = 0; i < answer.size("/pages"); ++i)
      sum += answer.number("/pages/" + std::to_string(i) + "/counted");
    EXPECT_EQ(sum, answer.number("/counted"));
    EXPECT_EQ(sum, 6);
  }
}

TEST_F(PagesTest, WhatOtherNodesCountedIsInTheTotalAndNotInThePages) {
  {
    sites::Site& site = *registry_.find("example.vn");
    const base::MutexLock lock(site.mutex());
    const counting::Slot slot =
        counting::make_slot({.counted = 10, .bots = 0, .days = {{counting::local_day(kNow, 25'200), 10, 0}}});
    ASSERT_EQ(site.state().learn({}, {1, 2, 3}, slot), counting::Learnt::news);
  }
  const Parsed stats(stats_json(context("example.vn"), ""));
  EXPECT_EQ(stats.number("/counted"), 16);
  EXPECT_EQ(stats.number("/today/hits"), 16);
  EXPECT_EQ(pages("").number("/counted"), 6);
  EXPECT_EQ(registry_.plan_seed_total("example.vn", {}, 100, kNow).value().amount, 84);
}

TEST_F(PagesTest, RowsAndRestAddUpWhileHitsArrive) {
  sites::Site& site = *registry_.find("example.vn");
  for (std::uint64_t page = 0; page < 5'000; ++page) visit(site, "/p" + std::to_string(page), page);
  std::atomic<bool> stop{false};
  std::thread hits([&] {
    const std::uint32_t pages = counting::kFirstPage.value + 3 + 5'000;
    for (std::uint64_t i = 0; !stop; ++i) {
      const counting::Hit hit{.at_s = kNow,
                              .visitor = counting::VisitorId{1 + i % 100},
                              .page = counting::PageId{static_cast<std::uint32_t>(i * 7919 % pages)},
                              .counts = true,
                              .touches_presence = true};
      const base::MutexLock lock(site.mutex());
      site.state().apply(site.state().epoch(), {&hit, 1});
    }
  });
  std::int64_t before = 0;
  for (const std::string_view query : {"limit=10", "limit=4000", "limit=10000", "sort=online&limit=100", "sort=path"}) {
    for (int i = 0; i < 3; ++i) {
      const Parsed answer = pages(query);
      std::int64_t sum = answer.number("/rest");
      for (std::size_t row = 0; row < answer.size("/pages"); ++row)
        sum += answer.number("/pages/" + std::to_string(row) + "/counted");
      EXPECT_EQ(sum, answer.number("/counted")) << query;
      EXPECT_GE(sum, before);
      before = sum;
    }
  }
  stop = true;
  hits.join();
}

TEST_F(PagesTest, SortsByWhatIsAskedFor) {
  EXPECT_EQ(pages("").text("/pages/0/path"), "/b");
  EXPECT_EQ(pages("sort=total&limit=1").text("/pages/0/path"), "/b");
  EXPECT_EQ(pages("sort=online").text("/pages/0/path"), "/a");
  EXPECT_EQ(pages("sort=path").text("/pages/2/path"), "/c");
}

TEST_F(PagesTest, ARowHasItsNumbers) {
  apply(registry_.plan_seed_total("example.vn", "/c", 10, kNow).value());
  const Parsed answer = pages("sort=path");
  EXPECT_EQ(answer.keys("/pages/2"), (std::vector<std::string>{"path", "total", "counted", "seed", "online"}));
  EXPECT_EQ(answer.number("/pages/2/total"), 10);
  EXPECT_EQ(answer.number("/pages/2/counted"), 1);
  EXPECT_EQ(answer.number("/pages/2/seed"), 9);
  EXPECT_EQ(answer.number("/pages/2/online"), 1);
  EXPECT_EQ(answer.number("/counted"), 6);
}

TEST_F(PagesTest, HostilePathsComeOutAsJson) {
  visit(*registry_.find("example.vn"), "/</script>\"\\\xE2\x80\xA8", 1);
  const std::string text = pages_json(context("example.vn"), "sort=path").value();
  EXPECT_EQ(text.find("</"), std::string::npos);
  EXPECT_EQ(Parsed(text).text("/pages/0/path"), "/</script>\"\\\xE2\x80\xA8");
}

TEST_F(PagesTest, WhatIsWrongIsNamed) {
  EXPECT_TRUE(complaint("sort=hits").starts_with("sort:"));
  for (const std::string_view limit :
       {"limit=0", "limit=10001", "limit=", "limit=-1", "limit=1x", "limit=99999999999999999999"}) {
    EXPECT_TRUE(complaint(limit).starts_with("limit:")) << limit;
  }
}

}  // namespace
}  // namespace footfall::api
