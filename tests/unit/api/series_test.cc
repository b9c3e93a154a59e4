// SPDX-License-Identifier: Apache-2.0
#include "api/series.h"

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "api/stats.h"
#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

class SeriesTest : public SiteFixture {
 protected:
  SeriesTest() : site_(add_site(settings("example.vn", sites::Visibility::full))) {}
  std::string series(std::string_view query) {
    const auto answer = series_json(context("example.vn"), query);
    EXPECT_TRUE(answer) << query << ": " << (answer ? "" : answer.error().detail);
    return answer ? *answer : "{}";
  }
  std::string complaint(std::string_view query) {
    const auto answer = series_json(context("example.vn"), query);
    EXPECT_FALSE(answer) << query;
    if (answer) return "";
    EXPECT_EQ(answer.error().code, base::Errc::malformed);
    return answer.error().detail;
  }
  sites::Site& site_;
};

TEST_F(SeriesTest, DaysAreLocalAndGapsAreZeros) {
  visit(site_, "/", 1, kMidnight - 1);  // 22 November in Viet Nam
  visit(site_, "/", 1, kMidnight);      // 23 November
  visit(site_, "/", 2, kMidnight + 1);
  visit(site_, "/", 1, kMidnight - 3 * 86400);
  EXPECT_EQ(series("metric=hits&step=day&from=2026-11-20&to=2026-11-23"),
            R"({"site":"example.vn","metric":"hits","step":"day","timezone":"Asia/Ho_Chi_Minh","from":"2026-11-20",)"
            R"("to":"2026-11-24","points":[["2026-11-20",1],["2026-11-21",0],["2026-11-22",1],["2026-11-23",2]]})");
}

TEST_F(SeriesTest, TheStepUnderWayIsThere) {
  visit(site_, "/", 1);
  for (const std::string_view step : {"minute", "hour", "day", "week", "month", "year"}) {
    const Parsed answer(series("step=" + std::string(step)));
    const std::size_t points = answer.size("/points");
    ASSERT_GT(points, 1U) << step;
    EXPECT_EQ(answer.number("/points/" + std::to_string(points - 1) + "/1"), 1) << step;
  }
}

TEST_F(SeriesTest, WeeksBeginOnMondayMonthsAndYearsOnTheFirst) {
  const Parsed weeks(series("step=week&from=2026-11-22&to=2026-11-23"));
  EXPECT_EQ(weeks.text("/points/0/0"), "2026-11-16");
  EXPECT_EQ(weeks.text("/points/1/0"), "2026-11-23");
  EXPECT_EQ(weeks.size("/points"), 2U);
  const Parsed months(series("step=month&from=2026-01-31&to=2026-03-01"));
  EXPECT_EQ(months.size("/points"), 3U);
  EXPECT_EQ(months.text("/points/1/0"), "2026-02-01");
  const Parsed years(series("step=year&from=2024-02-29&to=2026-11-23"));
  EXPECT_EQ(years.text("/points/0/0"), "2024-01-01");
  EXPECT_EQ(years.text("/to"), "2027-01-01");
}

TEST_F(SeriesTest, VisitorsOfAWeekAreTheSumOfItsDays) {
  visit(site_, "/", 1, kMidnight - 86400);  // Sunday
  visit(site_, "/", 1, kMidnight - 2 * 86400);
  visit(site_, "/", 1, kMidnight - 2 * 86400 + 5);
  EXPECT_EQ(Parsed(series("metric=visitors&step=week&from=2026-11-16&to=2026-11-22")).number("/points/0/1"), 2);
}

TEST_F(SeriesTest, OnlineHasSecondsOfTheLastHour) {
  visit(site_, "/", 1, kNow - 10);
  visit(site_, "/", 2, kNow - 8);
  {
    const base::MutexLock lock(site_.mutex());
    site_.state().advance(kNow, 7 * 3600);
  }
  const std::string from = std::to_string(kNow - 12);
  const std::string to = std::to_string(kNow - 6);
  const Parsed answer(series("metric=online&step=second&from=" + from + "&to=" + to));
  ASSERT_EQ(answer.size("/points"), 6U);
  EXPECT_EQ(answer.number("/points/0/0"), kNow - 12);
  const std::int64_t expected[] = {0, 0, 1, 1, 2, 2};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(answer.number("/points/" + std::to_string(i) + "/1"), expected[i]) << i;
}

TEST_F(SeriesTest, SecondsThatAreOverAreKnownBeforeTheTickOfTheSite) {
  visit(site_, "/", 1, kNow - 10);
  {
    const base::MutexLock lock(site_.mutex());
    site_.state().advance(kNow - 2, 7 * 3600);
  }
  const Parsed answer(series("metric=online&step=second&from=" + std::to_string(kNow - 4)));
  ASSERT_EQ(answer.size("/points"), 5U);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(answer.number("/points/" + std::to_string(i) + "/1"), 1) << i;
  EXPECT_EQ(answer.number("/points/4/1"), 0) << "this second is not over";
}

TEST_F(SeriesTest, WhatIsNotKeptAnyMoreIsLeftOut) {
  const Parsed minutes(series("step=minute&from=" + std::to_string(kNow - 5 * 86400)));
  EXPECT_EQ(minutes.number("/from"), (kNow - 48 * 3600) / 60 * 60);
  EXPECT_EQ(minutes.size("/points"), 48U * 60 + 1);
  const Parsed seconds(series("metric=online&step=second&from=" + std::to_string(kNow - 7200)));
  EXPECT_EQ(seconds.number("/from"), kNow - 3600);
}

TEST_F(SeriesTest, WhatIsStillToComeIsLeftOut) {
  const std::map<std::string, std::string> ends = {
      {"day", "2026-11-24"}, {"week", "2026-11-30"}, {"month", "2026-12-01"}, {"year", "2027-01-01"}};
  for (const auto& [step, end] : ends) {
    EXPECT_EQ(Parsed(series("step=" + step + "&from=2026-11-01&to=2028-01-01")).text("/to"), end) << step;
    EXPECT_EQ(Parsed(series("step=" + step + "&from=2029-01-01&to=2030-01-01")).size("/points"), 0U) << step;
  }
  EXPECT_EQ(Parsed(series("step=hour&from=2026-11-23&to=2028-01-01")).number("/to"), (kNow / 3600 + 1) * 3600);
}

TEST_F(SeriesTest, TimesAreSecondsRfc3339OrLocalDates) {
  const auto from = [this](std::string_view text) {
    return Parsed(series("step=hour&from=" + std::string(text))).number("/from");
  };
  EXPECT_EQ(from("2026-11-23"), kMidnight);
  EXPECT_EQ(from("2026-11-22T17:00:00Z"), kMidnight);
  EXPECT_EQ(from("2026-11-23T00:00:00%2B07:00"), kMidnight);
  EXPECT_EQ(from("2026-11-23T00:00:00+07:00"), kMidnight);  // the plus sign was not encoded
  EXPECT_EQ(from("2026-11-22t13:30:00.123-03:30"), kMidnight);
  EXPECT_EQ(from(std::to_string(kMidnight)), kMidnight);
  EXPECT_EQ(from(std::to_string(kMidnight + 3599)), kMidnight);
}

TEST_F(SeriesTest, HoursFollowZonesThatAreHalfAnHourOff) {
  sites::Settings india = settings("india.in", sites::Visibility::full);
  india.timezone = "Asia/Kolkata";
  visit(add_site(india), "/", 1, kNow);  // 08:30 in India
  const Parsed answer(series_json(context("india.in"), "step=hour&from=" + std::to_string(kNow - 3600)).value());
  ASSERT_EQ(answer.size("/points"), 2U);
  EXPECT_EQ(answer.number("/points/1/0"), kNow - 1800);
  EXPECT_EQ(answer.number("/points/1/1"), 1);
}

TEST_F(SeriesTest, AnHourIsNeverLostWhereClocksChangeByHalfAnHour) {
  sites::Settings howe = settings("howe.au", sites::Visibility::full);
  howe.timezone = "Australia/Lord_Howe";
  sites::Site& site = add_site(howe);
  const auto zone = lookup::TimeZone::find(howe.timezone).value();
  std::int64_t change = kNow;  // the last change of the offset
  while (zone->offset_at(change - 1) == zone->offset_at(kNow)) --change;
  for (std::int64_t at = change - 7200; at < change + 7200; at += 600) visit(site, "/", 1, at);
  const Parsed answer(series_json(context("howe.au"), "step=hour&from=" + std::to_string(change - 7200) +
                                                          "&to=" + std::to_string(change + 7200))
                          .value());
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < answer.size("/points"); ++i) sum += answer.number("/points/" + std::to_string(i) + "/1");
  EXPECT_EQ(sum, 24);
}

TEST_F(SeriesTest, WhatIsWrongIsNamedAndExplained) {
  EXPECT_TRUE(complaint("metric=clicks").starts_with("metric:"));
  EXPECT_TRUE(complaint("step=decade").starts_with("step:"));
  EXPECT_NE(complaint("metric=hits&step=second").find("only metric=online"), std::string::npos);
  EXPECT_NE(complaint("metric=visitors&step=hour").find("from a day up"), std::string::npos);
  EXPECT_TRUE(complaint("from=yesterday").starts_with("from:"));
  EXPECT_TRUE(complaint("to=2026-13-01").starts_with("to:"));
  EXPECT_TRUE(complaint("from=2026-02-29").starts_with("from:"));
  EXPECT_TRUE(complaint("from=2026-11-23&to=2026-11-22").starts_with("from:"));
  EXPECT_TRUE(complaint("from=99999999999999999").starts_with("from:"));
  EXPECT_TRUE(complaint("from=2026-11-23T10:00:00").starts_with("from:"));
}

TEST_F(SeriesTest, TooManyPointsAreRefused) {
  EXPECT_NE(complaint("step=day&from=1900-01-01&to=2026-11-23").find("10000"), std::string::npos);
  EXPECT_NE(complaint("step=day&from=0001-01-01&to=9999-12-31").find("10000"), std::string::npos);
  EXPECT_NE(complaint("step=minute&from=2020-01-01").find("10000"), std::string::npos);
  EXPECT_EQ(Parsed(series("step=year&from=0001-01-01&to=9999-12-31")).size("/points"), 2026U);
}

TEST_F(SeriesTest, AnyStepEqualsABruteForceSum) {
  const char* const fixed = std::getenv("FOOTFALL_SEED");
  const std::uint64_t rng_seed = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : std::random_device{}();
  std::cout << "FOOTFALL_SEED=" << rng_seed << '\n';
  std::mt19937_64 random(rng_seed);
  std::vector<std::pair<std::int64_t, std::uint64_t>> hits;  // second, visitor
  for (int i = 0; i < 2000; ++i) {
    hits.emplace_back(kNow - static_cast<std::int64_t>(random() % (47 * 3600)), random() % 50);
    visit(site_, "/", hits.back().second, hits.back().first);
  }
  constexpr std::int64_t kOffset = 7 * 3600;
  for (const auto& [step, width] : {std::pair<std::string, std::int64_t>{"minute", 60}, {"hour", 3600}}) {
    std::map<std::int64_t, std::int64_t> expected;
    for (const auto& [at, visitor] : hits) ++expected[at / width * width];
    const Parsed answer(series("step=" + step + "&from=" + std::to_string(kNow - 48 * 3600)));
    std::int64_t seen = 0;
    for (std::size_t i = 0; i < answer.size("/points"); ++i) {
      const std::string at = "/points/" + std::to_string(i);
      ASSERT_EQ(answer.number(at + "/1"), expected[answer.number(at + "/0")]) << step << " " << i;
      seen += answer.number(at + "/1");
    }
    EXPECT_EQ(seen, 2000);
  }
  std::map<std::int64_t, std::set<std::uint64_t>> days;
  for (const auto& [at, visitor] : hits) days[(at + kOffset) / 86400].insert(visitor);
  const Parsed answer(series("metric=visitors&step=day&from=2026-11-21"));
  for (std::size_t i = 0; i < answer.size("/points"); ++i) {
    const std::int64_t day = (kMidnight + kOffset) / 86400 - 2 + static_cast<std::int64_t>(i);
    EXPECT_EQ(answer.number("/points/" + std::to_string(i) + "/1"), static_cast<std::int64_t>(days[day].size()));
  }
}

}  // namespace
}  // namespace footfall::api
