// SPDX-License-Identifier: Apache-2.0
#include "api/stats.h"

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

class StatsTest : public SiteFixture {
 protected:
  // Three visitors today, one crawler, two hits yesterday; one of today's visitors stays online.
  sites::Site& busy_site(sites::Visibility visibility) {
    sites::Site& site = add_site(settings("example.vn", visibility));
    visit(site, "/", 1, kMidnight - 100);
    visit(site, "/", 2, kMidnight - 50);
    visit(site, "/", 1, kMidnight + 10);
    visit(site, "/p", 2, kMidnight + 20);
    visit(site, "/p", 3, kMidnight + 20, true);
    visit(site, "/p", 4, kNow - 5);
    seed("example.vn", 41450791);
    return site;
  }
};

TEST_F(StatsTest, TheObjectOfAFullSiteIsTheContractToTheByte) {
  busy_site(sites::Visibility::full);
  EXPECT_EQ(
      stats_json(context("example.vn"), "/p"),
      R"({"site":"example.vn","path":"/p","total":41450791,"counted":5,"seed":41450786,"online":1,"window_s":300,"lang":"vi",)"
      R"("grouping":"dot","as_of":"2026-11-23T10:00:00.123+07:00","peak_today":{"online":2,"at":"2026-11-23T00:00:00.000+07:00"},)"
      R"("peak":{"online":2,"at":"2026-11-22T23:59:10.000+07:00"},"today":{"hits":3,"visitors":3,"bots":1},)"
      R"("yesterday":{"hits":2,"visitors":2,"bots":0},"month":{"hits":5,"visitors":5,"bots":1},)"
      R"("year":{"hits":5,"visitors":5,"bots":1},"visitors_error":0.0,"epoch":1,"scope":"node","beat_s":30,"spike":null,)"
      R"("page":{"path":"/p","total":2,"online":1}})");
}

TEST_F(StatsTest, WithoutAPathItIsNullAndThereIsNoPage) {
  busy_site(sites::Visibility::full);
  const Parsed stats(stats_json(context("example.vn"), ""));
  EXPECT_TRUE(stats.is_null("/path"));
  EXPECT_FALSE(stats.has("/page"));
}

TEST_F(StatsTest, OfACounterEverybodySeesTheCounterOnly) {
  busy_site(sites::Visibility::counter);
  const Parsed stats(stats_json(context("example.vn"), "/p"));
  EXPECT_EQ(stats.keys(),
            (std::vector<std::string>{"site", "path", "total", "online", "window_s", "lang", "grouping", "as_of",
                                      "peak_today", "peak", "today", "month", "scope", "beat_s"}));
  EXPECT_EQ(stats.keys("/today"), std::vector<std::string>{"hits"});
  EXPECT_EQ(stats.keys("/month"), std::vector<std::string>{"hits"});
  EXPECT_EQ(stats.number("/total"), 41450791);
  EXPECT_EQ(stats.number("/month/hits"), 5);
}

TEST_F(StatsTest, ASpikeIsToldToWhoMayReadAll) {
  sites::Site& site = busy_site(sites::Visibility::full);
  {
    const base::MutexLock lock(site.mutex());
    site.set_spike(counting::Spike{kNow - 63, 1'000, 12});
  }
  const Parsed stats(stats_json(context("example.vn"), ""));
  EXPECT_EQ(stats.keys("/spike"), (std::vector<std::string>{"at", "hits", "usual"}));
  EXPECT_EQ(stats.number("/spike/hits"), 1'000);
  EXPECT_EQ(stats.number("/spike/usual"), 12);
}

TEST_F(StatsTest, APageThatWasMergedIsReadAsTheOther) {
  sites::Site& site = busy_site(sites::Visibility::full);
  ASSERT_TRUE(registry_.apply(
      {"m1", kNow, "tester", "",
       registry_.plan_pages("example.vn", sites::PagesMarked::Kind::merged, {"/p"}, "/q", kNow).value()}));
  const Parsed stats(stats_json(context("example.vn"), "/p"));
  EXPECT_EQ(stats.text("/path"), "/p");
  EXPECT_EQ(stats.text("/page/path"), "/q");
  EXPECT_GE(stats.number("/page/total"), 2);
  EXPECT_EQ(stats.number("/total"), 41450791);
  EXPECT_EQ(site.total(kNow), 41450791U);
}

TEST_F(StatsTest, OfAPrivateSiteNobodySeesANumber) {
  busy_site(sites::Visibility::private_);
  const Parsed stats(stats_json(context("example.vn"), "/p"));
  EXPECT_EQ(stats.keys(),
            (std::vector<std::string>{"site", "path", "window_s", "lang", "grouping", "as_of", "scope", "beat_s"}));
}

TEST_F(StatsTest, FieldsChooseButNeverAddRights) {
  busy_site(sites::Visibility::counter);
  const StatsFields fields = stats_fields("online,total,visitors_error,year").value();
  EXPECT_EQ(stats_json(context("example.vn"), "", fields), R"({"total":41450791,"online":1})");
}

TEST_F(StatsTest, AFieldThatIsNotThereIsNamed) {
  EXPECT_EQ(stats_fields("").value(), kAllStatsFields);
  const auto wrong = stats_fields("total,totl");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, base::Errc::malformed);
  EXPECT_NE(wrong.error().detail.find("totl"), std::string::npos);
  EXPECT_FALSE(stats_fields("total,,online"));
}

TEST_F(StatsTest, APageThatWasNeverSeenHasZeros) {
  busy_site(sites::Visibility::full);
  const Parsed stats(stats_json(context("example.vn"), "/nowhere"));
  EXPECT_EQ(stats.number("/page/total"), 0);
  EXPECT_EQ(stats.number("/page/online"), 0);
}

TEST_F(StatsTest, ASiteThatNobodySawHasNoPeak) {
  add_site(settings("new.vn", sites::Visibility::full));
  const Parsed stats(stats_json(context("new.vn"), ""));
  EXPECT_EQ(stats.number("/peak/online"), 0);
  EXPECT_TRUE(stats.is_null("/peak/at"));
  EXPECT_EQ(stats.number("/total"), 0);
}

TEST_F(StatsTest, OnlineIsNeverMoreThanThePeak) {
  sites::Site& site = add_site(settings("new.vn"));
  for (std::uint64_t visitor = 0; visitor < 5; ++visitor) visit(site, "/", visitor);
  const Parsed stats(stats_json(context("new.vn"), ""));
  EXPECT_EQ(stats.number("/online"), 5);
  EXPECT_EQ(stats.number("/peak/online"), 5);
  EXPECT_EQ(stats.number("/peak_today/online"), 5);
  EXPECT_EQ(stats.text("/peak/at"), "2026-11-23T10:00:00.000+07:00");
}

TEST_F(StatsTest, BeyondTwoTo53NumbersComeAsTextToo) {
  add_site(settings("big.vn", sites::Visibility::full));
  seed("big.vn", 9007199254740993);
  const Parsed stats(stats_json(context("big.vn"), ""));
  EXPECT_EQ(stats.count("/total"), 9007199254740993U);
  EXPECT_EQ(stats.text("/total_text"), "9007199254740993");
  EXPECT_EQ(stats.text("/seed_text"), "9007199254740993");
}

TEST_F(StatsTest, ManyVisitorsAreAnEstimateAndSayHowGood) {
  sites::Site& site = add_site(settings("big.vn", sites::Visibility::full));
  for (std::uint64_t visitor = 0; visitor < counting::Visitors::kExactMaxDefault + 1; ++visitor)
    visit(site, "/", visitor);
  const Parsed stats(stats_json(context("big.vn"), ""));
  EXPECT_DOUBLE_EQ(stats.real("/visitors_error"), 0.0081);
  EXPECT_NEAR(static_cast<double>(stats.number("/today/visitors")), 4097, 4097 * 0.05);
  EXPECT_EQ(stats.number("/today/hits"), 4097);
}

// What Redis says of all nodes, in place of which this node has counted three of today and two of yesterday.
struct Shared final : sites::SharedNumbers {
  std::optional<std::uint32_t> online(std::int64_t) const override { return std::nullopt; }
  std::optional<Visitors> visitors(counting::Day day, std::int64_t now_s) const override {
    return counting::local_day(now_s, 7 * 3600) == day ? today : yesterday;
  }
  std::optional<Visitors> today, yesterday;
};

TEST_F(StatsTest, VisitorsOfAClusterAreWhatRedisSays) {
  sites::Site& site = busy_site(sites::Visibility::full);
  Shared shared;
  site.set_shared(&shared);
  const auto shown = [&] { return Parsed(stats_json(context("example.vn"), "")); };
  EXPECT_EQ(shown().number("/today/visitors"), 3) << "nothing is known of others";
  EXPECT_EQ(shown().real("/visitors_error"), 0.0);
  shared.today = Shared::Visitors{10, 3};
  shared.yesterday = Shared::Visitors{7, 2};
  EXPECT_EQ(shown().number("/today/visitors"), 10);
  EXPECT_EQ(shown().number("/yesterday/visitors"), 7);
  EXPECT_EQ(shown().number("/month/visitors"), 12) << "two of yesterday";
  EXPECT_GT(shown().real("/visitors_error"), 0.0);
  // An estimate that is less than this node's own exact number: all of these are in it.
  shared.today = Shared::Visitors{2, 3};
  EXPECT_EQ(shown().number("/today/visitors"), 2);
  EXPECT_EQ(shown().number("/month/visitors"), 4);
  EXPECT_EQ(shown().number("/year/visitors"), 4);
  // One has come since: who is not in it is added.
  shared.today = Shared::Visitors{1, 2};
  EXPECT_EQ(shown().number("/today/visitors"), 2);
  // Nobody of this node is in it yet, and others may be the same people.
  shared.today = Shared::Visitors{2, 0};
  EXPECT_EQ(shown().number("/today/visitors"), 3);
  shared.today = Shared::Visitors{5, 0};
  EXPECT_EQ(shown().number("/today/visitors"), 5);
  site.set_shared(nullptr);
}

TEST_F(StatsTest, TheSameNumbersAtAnotherTimeAreTheSame) {
  sites::Site& site = busy_site(sites::Visibility::full);
  const StatsText before = stats_text(context("example.vn", "", kNowMs), "", kAllStatsFields);
  const StatsText later = stats_text(context("example.vn", "", kNowMs + 1000), "", kAllStatsFields);
  EXPECT_NE(before.text, later.text);
  EXPECT_TRUE(before.same_numbers(later));
  visit(site, "/", 4, kNow + 1);
  EXPECT_FALSE(before.same_numbers(stats_text(context("example.vn", "", kNowMs + 1000), "", kAllStatsFields)));
}

TEST(Beat, IsAThirdOfTheWindowWithinBounds) {
  EXPECT_EQ(beat_s(15), 5);
  EXPECT_EQ(beat_s(60), 20);
  EXPECT_EQ(beat_s(300), 30);
  EXPECT_EQ(beat_s(3600), 30);
  for (std::int32_t window_s = 15; window_s <= 3600; ++window_s) EXPECT_LE(2 * beat_s(window_s), window_s);
}

TEST(IsoTime, IsLocalWithMillisecondsAndOffset) {
  const auto zone = [](std::string_view name) { return lookup::TimeZone::find(name).value(); };
  EXPECT_EQ(iso_time(1795402800123, *zone("Asia/Ho_Chi_Minh")), "2026-11-23T10:00:00.123+07:00");
  EXPECT_EQ(iso_time(1795402800123, *zone("UTC")), "2026-11-23T03:00:00.123+00:00");
  EXPECT_EQ(iso_time(1795402800123, *zone("America/St_Johns")), "2026-11-22T23:30:00.123-03:30");
  EXPECT_EQ(iso_time(-1, *zone("UTC")), "1969-12-31T23:59:59.999+00:00");
  EXPECT_EQ(iso_time(951782400000, *zone("UTC")), "2000-02-29T00:00:00.000+00:00");
}

}  // namespace
}  // namespace footfall::api
