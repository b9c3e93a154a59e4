// SPDX-License-Identifier: Apache-2.0
#include "api/top.h"

#include "api/series.h"
#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

class TopTest : public SiteFixture {
 protected:
  TopTest() {
    sites::Site& site = add_site(settings("example.vn", sites::Visibility::full));
    for (std::uint64_t i = 0; i < 3; ++i) visit(site, "/b", i);
    for (std::uint64_t i = 0; i < 3; ++i) visit(site, "/a", i);
    visit(site, "/<script>", 9);
    visit(site, "/c", 10, kMidnight - 1);
    visit(site, "/bot", 11, kNow, true);
  }
  base::Result<std::string> answer(std::string_view dimension, std::string_view query) {
    return top_json(context("example.vn"), dimension, query, reader_);
  }
  std::string rows(std::string_view dimension, std::string_view query) {
    const Parsed list(answer(dimension, query).value());
    std::string out;
    for (std::size_t i = 0; i < list.size("/top"); ++i) {
      const std::string row = "/top/" + std::to_string(i);
      out += list.text(row + "/0") + "=" + std::to_string(list.number(row + "/1")) + " ";
    }
    return out + "rest " + std::to_string(list.number("/rest")) + " of " + std::to_string(list.number("/sum"));
  }
  std::string complaint(std::string_view dimension, std::string_view query) {
    const auto list = answer(dimension, query);
    EXPECT_FALSE(list) << query;
    return list ? "" : list.error().detail.substr(0, list.error().detail.find(':'));
  }

  std::unique_ptr<store::History> history_ = store::History::open(":memory:").value();
  store::ClosedDays closed_;
  store::RankingReader reader_{*history_, closed_};
};

TEST_F(TopTest, RowsAndRestAddUpToTheSum) {
  EXPECT_EQ(rows("pages", "period=day"), "/a=3 /b=3 /<script>=1 rest 0 of 7");
  EXPECT_EQ(rows("pages", "period=day&limit=1"), "/a=3 rest 4 of 7");
  EXPECT_EQ(rows("pages", ""), "/a=3 /b=3 /<script>=1 /c=1 rest 0 of 8");
  EXPECT_EQ(rows("referrers", "period=all"), "rest 0 of 0");
}

TEST_F(TopTest, DatesAreTheSites) {
  EXPECT_EQ(rows("pages", "from=2026-11-22&to=2026-11-22"), "/c=1 rest 0 of 1");
  EXPECT_EQ(rows("pages", "from=2026-11-23"), "/a=3 /b=3 /<script>=1 rest 0 of 7");
  const Parsed week(answer("pages", "period=week").value());
  EXPECT_EQ(week.text("/from"), "2026-11-23") << "a Monday";
  EXPECT_EQ(week.text("/to"), "2026-11-23");
}

TEST_F(TopTest, WhatIsPastTheCapIsTheErrorOfAnyOtherRow) {
  const sites::SiteId site = registry_.find("example.vn")->id();
  const auto row = [site](std::string label, std::uint64_t count) {
    return store::HistoryRow{site, {}, 20'000, counting::Dimension::browser, std::move(label), count};
  };
  ASSERT_TRUE(history_->record(0, 1, {row("(other)", 5), row("Firefox", 2)}, {}));
  closed_.end(1);
  const Parsed list(answer("browsers", "period=all&limit=1").value());
  EXPECT_EQ(list.number("/error_max"), 5);
  EXPECT_EQ(list.number("/labels"), 2);
}

TEST_F(TopTest, NamesWhatIsWrong) {
  EXPECT_EQ(complaint("pages", "limit=1001"), "limit");
  EXPECT_EQ(complaint("pages", "period=decade"), "period");
  EXPECT_EQ(complaint("pages", "from=2026-02-30"), "from");
  EXPECT_EQ(complaint("pages", "to=2026-11-23"), "from");
  EXPECT_EQ(complaint("pages", "from=2026-11-23&to=yesterday"), "to");
  EXPECT_EQ(complaint("pages", "from=2026-11-23&to=2026-11-22"), "from");
  EXPECT_EQ(complaint("languages", ""), "top");
}

TEST_F(TopTest, APageHasASeriesOfItsOwn) {
  const Parsed series(page_series_json(context("example.vn"), "/c", "from=2026-11-21&step=day", reader_).value());
  EXPECT_EQ(series.text("/path"), "/c");
  EXPECT_EQ(series.size("/points"), 3U);
  EXPECT_EQ(series.text("/points/1/0"), "2026-11-22");
  EXPECT_EQ(series.number("/points/1/1"), 1);
  EXPECT_EQ(series.number("/points/2/1"), 0);
  const Parsed months(page_series_json(context("example.vn"), "/a", "from=2026-10-01&step=month", reader_).value());
  EXPECT_EQ(months.number("/points/1/1"), 3);
  for (const std::string_view query : {"step=hour", "metric=visitors", "step=decade"})
    EXPECT_FALSE(page_series_json(context("example.vn"), "/a", query, reader_)) << query;
}

}  // namespace
}  // namespace footfall::api
