// SPDX-License-Identifier: Apache-2.0
// SiteState, one sentence at a time. Random traffic against an oracle is in site_state_random_test.cc.
#include "counting/site_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "counting/saturating.h"
#include "site_state_oracle.h"

namespace footfall::counting {
namespace {

using testing::LiveSite;
using testing::Said;
using testing::saved;

constexpr std::int32_t kWindow_s = 300;
constexpr std::int64_t kMidnight = 1'790'035'200;  // UTC
constexpr Day kToday = static_cast<Day>(kMidnight / 86400);
static_assert(kMidnight % 86400 == 0);

std::uint64_t visitor_named(const std::string& name) {
  return base::murmur64a(name, 1) | 1U;
}

class SiteStateTest : public ::testing::Test {
 public:
  // Seconds are from the midnight with which kToday begins.
  SiteStateTest& at(std::int64_t second) {
    second_ = second;
    return *this;
  }
  Said said(const std::string& visitor, const std::string& path) const {
    Said said;
    said.at_s = kMidnight + second_;
    said.visitor = visitor_named(visitor);
    said.path = path;
    return said;
  }
  SiteStateTest& seen(const std::string& visitor, const std::string& path = "/") {
    site_.apply(site_.decide(said(visitor, path)));
    return *this;
  }
  SiteStateTest& apply(const Said& said) {
    site_.apply(site_.decide(said));
    return *this;
  }
  Summary summary() { return state().summary(kMidnight + second_, calendar_of(kToday)); }
  void expect_online(std::uint32_t online) { EXPECT_EQ(state().online(kMidnight + second_), online); }
  SiteState& state() { return site_.state; }
  std::optional<PageRow> page(const std::string& path) {
    return state().page(path, base::table_hash(path), kMidnight + second_);
  }
  PageTable pages(PageSort sort = PageSort::total, std::size_t limit = 100) {
    return state().pages(kMidnight + second_, sort, limit);
  }
  PageId id(const std::string& path) {
    const PageId page = state().reserve_page(path, base::table_hash(path));
    EXPECT_TRUE(state().define_page(page, path));
    return page;
  }
  void merge(const std::vector<std::string>& from, const std::string& into) {
    std::vector<PageId> pages;
    for (const std::string& path : from) pages.push_back(id(path));
    state().mark_pages(pages, id(into));
  }
  void use(const Limits& limits) { site_ = LiveSite(limits, kWindow_s); }

  std::int64_t second_ = 0;
  LiveSite site_{Limits{}, kWindow_s};
};

// --- what counts ---

TEST_F(SiteStateTest, APageviewCountsForSitePageAndDay) {
  at(10).seen("ann", "/a");
  EXPECT_EQ(summary().counted, 1U);
  EXPECT_EQ(summary().total, 1U);
  EXPECT_EQ(summary().today.hits, 1U);
  EXPECT_EQ(summary().today.visitors, 1U);
  EXPECT_EQ(page("/a")->counted, 1U);
  EXPECT_EQ(page("/a")->online, 1U);
  expect_online(1);
}

TEST_F(SiteStateTest, ABotIsCountedApart) {
  Said bot = at(10).said("crawler", "/a");
  bot.bot = true;
  bot.counts = bot.touches_presence = bot.adds_visitor = false;
  apply(bot);
  EXPECT_EQ(summary().counted, 0U);
  EXPECT_EQ(summary().bots, 1U);
  EXPECT_EQ(summary().today.bots, 1U);
  EXPECT_EQ(summary().today.visitors, 0U);
  EXPECT_TRUE(state().top(Dimension::page, kToday, kToday, 10).empty());
  expect_online(0);
}

TEST_F(SiteStateTest, ABotOfASiteThatCountsBotsIsInTheTotalToo) {
  Said bot = at(10).said("crawler", "/a");
  bot.bot = true;
  bot.touches_presence = bot.adds_visitor = false;
  apply(bot);
  EXPECT_EQ(summary().counted, 1U);
  EXPECT_EQ(summary().bots, 1U);
  EXPECT_EQ(page("/a")->counted, 1U);
}

TEST_F(SiteStateTest, AHeartbeatOnlyKeepsTheVisitorOnline) {
  Said beat = at(10).said("ann", "/a");
  beat.kind = Kind::heartbeat;
  beat.counts = beat.adds_visitor = false;
  apply(beat);
  EXPECT_EQ(summary().counted, 0U);
  EXPECT_EQ(summary().today.visitors, 0U);
  EXPECT_EQ(page("/a")->counted, 0U);
  EXPECT_EQ(page("/a")->online, 1U);
  expect_online(1);
}

TEST_F(SiteStateTest, AnEventIsRankedButNotCounted) {
  Said click = at(10).said("ann", "/a");
  click.kind = Kind::event;
  click.counts = false;
  click.labels[Dimension::event] = "signup";
  apply(click);
  click.bot = true;
  apply(click);
  EXPECT_EQ(summary().counted, 0U);
  EXPECT_EQ(summary().bots, 0U);
  const auto top = state().top(Dimension::event, kToday, kToday, 10);
  ASSERT_EQ(top.size(), 1U);
  EXPECT_EQ(state().label_text(LabelId{top[0].id}), "signup");
  EXPECT_EQ(top[0].count, 1U);
}

TEST_F(SiteStateTest, ALateHitCountsInItsOwnTimeAndDay) {
  at(100).seen("ann");
  Said late = at(-50).said("bob", "/");
  late.at_s = kMidnight - 50;
  apply(late);
  at(100);
  EXPECT_EQ(summary().today.hits, 1U);
  EXPECT_EQ(summary().yesterday.hits, 1U);
  EXPECT_EQ(summary().yesterday.visitors, 1U);
  expect_online(2);  // still inside the window
  const auto minutes = state().minutes(kMidnight - 60, kMidnight + 120);
  ASSERT_EQ(minutes.size(), 2U);
  EXPECT_EQ(minutes[0].key, kMidnight - 60);
}

TEST_F(SiteStateTest, CountersStopAtTheirGreatestValue) {
  std::uint64_t counter = UINT64_MAX - 1;
  add_saturating(counter, 1);
  EXPECT_EQ(counter, UINT64_MAX);
  add_saturating(counter, 1);
  EXPECT_EQ(counter, UINT64_MAX);
  EXPECT_EQ(total_of(5, -6), 0U);
  EXPECT_EQ(total_of(UINT64_MAX, 1), UINT64_MAX);
  EXPECT_EQ(total_of(UINT64_MAX, -1), UINT64_MAX - 1);
  EXPECT_EQ(to_i64(Wide{INT64_MAX} + 1), INT64_MAX);
  EXPECT_EQ(to_i64(Wide{INT64_MIN} - 1), INT64_MIN);
}

// --- presence ---

TEST_F(SiteStateTest, AVisitorLeavesWhenTheWindowPasses) {
  at(0).seen("ann", "/a");
  at(299).expect_online(1);
  at(300).expect_online(0);
  EXPECT_EQ(page("/a")->online, 0U);
}

TEST_F(SiteStateTest, OnPagesWithoutAPathNobodyIsOnline) {
  at(0).seen("ann", "");
  expect_online(1);
  ASSERT_EQ(pages().rows.size(), 1U);
  EXPECT_EQ(pages().rows[0].path, "(unknown)");
  EXPECT_EQ(pages().rows[0].online, 0U);
}

TEST_F(SiteStateTest, AVisitorUnderANewSaltIsOneVisitorInAnyOrder) {
  Said moved = at(20).said("ann under the new salt", "/a");
  moved.moved_from = visitor_named("ann");
  apply(moved);
  at(10).seen("ann", "/a");
  at(21).expect_online(1);
  EXPECT_EQ(page("/a")->online, 1U);

  use(Limits{});
  at(10).seen("ann", "/a").apply(moved);
  at(21).expect_online(1);
  EXPECT_EQ(page("/a")->online, 1U);
}

TEST_F(SiteStateTest, PairsAreGivenBackWhenTheirVisitorsAreGone) {
  for (int i = 0; i < 1'000; ++i) at(i / 10).seen("visitor " + std::to_string(i), "/" + std::to_string(i % 100));
  EXPECT_EQ(state().presence_pairs(), 2'000U);
  for (int second = 100; second < 1'000; ++second) {
    at(second).seen("ann", "/only");
  }
  EXPECT_LE(state().presence_pairs(), 130U);  // those of the site's table may wait to be reused
  state().advance(kMidnight + 2'000, 0);
  EXPECT_EQ(state().presence_pairs(), 0U);
}

TEST_F(SiteStateTest, APageThatNobodyComesBackToIsSweptWithinAWindow) {
  at(0).seen("bob", "/left");
  for (int second = 1; second <= 2 * kWindow_s; ++second) at(second).seen("ann", "/kept");
  EXPECT_EQ(state().presence_pairs(), 2U);  // ann, on the site and on her page
}

// --- another window ---

TEST_F(SiteStateTest, ALongerWindowBringsNobodyBackWhoHadLeft) {
  at(0).seen("gone", "/a");
  at(100).seen("here", "/a");
  at(350).expect_online(1);
  state().expect_window(3'600);
  at(351).expect_online(1);
  EXPECT_EQ(page("/a")->online, 1U);
  state().set_window(3'600, kMidnight + 351);
  at(2'000).expect_online(1);  // "here", seen within 3600 s
  EXPECT_EQ(page("/a")->online, 1U);
  apply(at(51).said("late", "/a"));  // who was seen then and not since, had left at 351
  at(2'000).expect_online(1);
  apply(at(52).said("late", "/a"));
  at(2'000).expect_online(2);
  EXPECT_EQ(page("/a")->online, 2U);
  at(3'699).expect_online(1);
  at(3'700).expect_online(0);
}

TEST_F(SiteStateTest, WhoLeavesWhileALongerWindowIsWrittenIsStillThereAfterIt) {
  at(0).seen("ann");
  at(299).seen("bob");
  state().expect_window(900);
  at(310).seen("cid");  // the change's second was read before: ann was online then
  state().set_window(900, kMidnight + 299);
  expect_online(3);
  EXPECT_EQ(page("/")->online, 3U);
}

TEST_F(SiteStateTest, AnExpectedWindowThatIsGivenUpLeavesNoTrace) {
  LiveSite other(Limits{}, kWindow_s);
  for (const std::int64_t second : {0, 299, 310, 500}) {
    if (second == 299) state().expect_window(3'600);
    if (second == 500) state().expect_window(kWindow_s);
    const Said said = at(second).said("v" + std::to_string(second), "/");
    apply(said);
    other.apply(other.decide(said));
  }
  expect_online(3);
  for (std::int64_t second = 500; second < 900; ++second) {
    at(second).expect_online(other.state.online(kMidnight + second));
  }
}

TEST_F(SiteStateTest, AReplayThatKnowsTheWindowsFirstEndsAsTheLiveStateDid) {
  SiteState replayed(Limits{}, kWindow_s);
  std::vector<Hit> hits;
  std::int32_t window_s = kWindow_s;
  for (std::int64_t second = 0; second < 3'000; second += 7) {
    const Hit hit = site_.decide(at(second).said("v" + std::to_string(second % 13), "/" + std::to_string(second % 5)));
    site_.apply(hit);
    hits.push_back(hit);
    if (second % 350 != 0) continue;
    window_s = std::array{15, 3'600, 300}[static_cast<std::size_t>(second / 350 % 3)];
    state().expect_window(window_s);
    state().set_window(window_s, kMidnight + second);
    replayed.set_window(window_s, kMidnight + second);
  }
  for (const Hit& hit : hits) {
    if (!state().page_path(hit.page).empty()) replayed.define_page(hit.page, state().page_path(hit.page));
  }
  std::reverse(hits.begin(), hits.end());
  replayed.replay(Epoch{}, hits);
  for (const Observation& seen : state().take_observations()) replayed.observe(seen);
  const std::int64_t now_s = kMidnight + 3'001;
  EXPECT_EQ(saved(replayed, now_s), saved(state(), now_s));
  SiteState loaded(Limits{}, kWindow_s);
  const std::string bytes = saved(state(), now_s);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_EQ(saved(loaded, now_s), bytes);
  EXPECT_EQ(loaded.online(now_s), state().online(now_s));
}

// --- peaks and what is observed ---

TEST_F(SiteStateTest, ThePeakIsTheHighestAtAWholeSecondAndItsFirst) {
  at(10).seen("ann");
  at(20).seen("bob");
  EXPECT_EQ(summary().peak, (Peak{1, kMidnight + 10}));  // second 20 has not ended
  at(25).seen("ann");
  EXPECT_EQ(summary().peak, (Peak{2, kMidnight + 20}));
  EXPECT_EQ(summary().peak_today, (Peak{2, kMidnight + 20}));
  at(1'000).seen("ann");
  at(1'001).seen("bob");
  at(1'010);
  EXPECT_EQ(summary().peak, (Peak{2, kMidnight + 20}));
}

TEST_F(SiteStateTest, TwoWhoCrossInsideASecondAreNotSeenTogetherLater) {
  at(0).seen("ann");
  at(300).seen("bob");  // ann has left at 300
  at(301);
  EXPECT_EQ(summary().peak.online, 1U);
}

TEST_F(SiteStateTest, ThePeakOfTodayIsOfTodayOnly) {
  at(-1'000).seen("ann");
  at(-999).seen("bob");
  at(10'000).seen("ann");
  at(10'001);
  EXPECT_EQ(summary().peak_today, (Peak{1, kMidnight + 10'000}));
  EXPECT_EQ(summary().peak, (Peak{2, kMidnight - 999}));
  EXPECT_EQ(state().summary(kMidnight + 10'001, calendar_of(kToday + 1)).peak_today, Peak{});
}

TEST_F(SiteStateTest, AMinuteIsObservedOnceUntilItRises) {
  at(0).seen("ann");
  EXPECT_TRUE(state().take_observations().empty());  // second 0 has not ended
  at(1).seen("bob");
  auto seen = state().take_observations();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].online, 1U);
  EXPECT_EQ(seen[0].at_s, kMidnight);
  at(2).seen("cid");
  at(3).seen("dan");
  at(4).seen("ann");
  seen = state().take_observations();
  ASSERT_EQ(seen.size(), 1U);  // of the rises since, the highest
  EXPECT_EQ(seen[0].online, 4U);
  EXPECT_EQ(seen[0].at_s, kMidnight + 3);
  at(50).seen("ann");
  EXPECT_TRUE(state().take_observations().empty());
  at(70).seen("ann");
  seen = state().take_observations();
  ASSERT_EQ(seen.size(), 1U);  // the next minute
  EXPECT_EQ(seen[0].at_s, kMidnight + 60);
}

TEST_F(SiteStateTest, AGapIsObservedByTheMinuteUntilNobodyIsLeft) {
  at(30).seen("ann");
  at(86'400 * 300).seen("bob");
  const auto seen = state().take_observations();
  ASSERT_EQ(seen.size(), 6U);  // minutes 0 to 5: ann is there from 30 to 329
  EXPECT_EQ(seen[5].at_s, kMidnight + 300);
  EXPECT_EQ(state().minutes(kMidnight, kMidnight + 600).size(), 0U);  // of 300 days ago: past retention
  EXPECT_EQ(state().days(kToday, kToday + 1)[0].online_max, 1U);
}

TEST_F(SiteStateTest, WhatIsReplayedObservesNothing) {
  SiteState replayed(Limits{}, kWindow_s);
  Hit hit{.at_s = kMidnight, .visitor = VisitorId{7}, .counts = true, .touches_presence = true};
  replayed.replay(Epoch{}, {&hit, 1});
  hit.at_s += 100;
  replayed.replay(Epoch{}, {&hit, 1});
  EXPECT_TRUE(replayed.take_observations().empty());
  EXPECT_EQ(replayed.summary(kMidnight + 200, calendar_of(kToday)).peak, Peak{});
  EXPECT_EQ(replayed.online(kMidnight + 200), 1U);
  replayed.observe({Epoch{}, kMidnight + 5, 0, 9});
  replayed.observe({Epoch{}, kMidnight + 3, 0, 9});
  replayed.observe({Epoch{}, kMidnight + 4, 0, 8});
  const Summary summary = replayed.summary(kMidnight + 200, calendar_of(kToday));
  EXPECT_EQ(summary.peak, (Peak{9, kMidnight + 3}));
  EXPECT_EQ(summary.peak_today, (Peak{9, kMidnight + 3}));
  EXPECT_EQ(replayed.minutes(kMidnight, kMidnight + 60)[0].online_max, 9U);
}

TEST_F(SiteStateTest, AReaderThatIsAheadOfTheHitsDoesNotHideAnybodyFromThePeak) {
  at(0).seen("ann").seen("bob");
  at(299).expect_online(2);
  at(301).expect_online(0);
  EXPECT_EQ(summary().peak, (Peak{2, kMidnight}));
  const auto seconds = state().seconds(kMidnight, kMidnight + 400);
  EXPECT_EQ(seconds.size(), 300U);
}

TEST_F(SiteStateTest, OfALogThatNobodyJournalsTheOldestObservationsAreLetGo) {
  for (int minute = 0; minute < 10'000; ++minute) at(minute * 60).seen("ann");
  const std::size_t kept = state().take_observations().size();
  EXPECT_GT(kept, 1'000U);
  EXPECT_LE(kept, 4'096U);
  EXPECT_EQ(summary().peak, (Peak{1, kMidnight}));
}

// --- deciding ---

TEST_F(SiteStateTest, WhatIsOnlyReservedIsSeenByNobody) {
  at(0).seen("ann", "/a");
  const std::string before = saved(state(), kMidnight);
  Said refused = at(1).said("bob", "/b");
  refused.labels[Dimension::referrer] = "example.org";
  const Hit hit = site_.decide(refused);
  at(0);
  EXPECT_FALSE(page("/b").has_value());
  EXPECT_EQ(pages().rows.size(), 1U);
  EXPECT_TRUE(state().top(Dimension::referrer, kToday, kToday, 10).empty());
  EXPECT_EQ(state().open_days(kToday).size(), 1U);
  EXPECT_EQ(saved(state(), kMidnight), before);
  site_.apply(hit);
  EXPECT_TRUE(page("/b").has_value());
}

TEST_F(SiteStateTest, AReservationAloneIsNoStateAtAll) {
  const std::string before = saved(state(), kMidnight);
  Said refused = at(1).said("bob", "/b");
  refused.labels[Dimension::referrer] = "example.org";
  site_.decide(refused);
  EXPECT_EQ(saved(state(), kMidnight), before);
  EXPECT_TRUE(pages().rows.empty());
  EXPECT_FALSE(page("/b").has_value());
}

TEST_F(SiteStateTest, AReservationStaysUnseenWhenLaterPagesAreHit) {
  site_.decide(at(0).said("ann", "/reserved"));
  at(0).seen("ann", "/hit");
  EXPECT_FALSE(page("/reserved").has_value());
  EXPECT_EQ(saved(state(), kMidnight).find("/reserved"), std::string::npos);
}

TEST_F(SiteStateTest, ADefinitionWithoutAHitIsKeptButNotShown) {
  EXPECT_TRUE(state().define_page(kFirstPage, "/defined"));
  EXPECT_FALSE(page("/defined").has_value());
  const std::string bytes = saved(state(), kMidnight);
  SiteState loaded(Limits{}, kWindow_s);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_EQ(loaded.page_path(kFirstPage), "/defined");
  EXPECT_FALSE(loaded.page("/defined", base::table_hash("/defined"), kMidnight).has_value());
}

TEST_F(SiteStateTest, PastTheCapPagesCountInOther) {
  Limits limits;
  limits.pages_max = 2;
  use(limits);
  at(0).seen("ann", "/a").seen("ann", "/b").seen("ann", "/c").seen("ann", "/d").seen("ann", "/a");
  const PageTable table = pages();
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].path, "(other)");
  EXPECT_EQ(table.rows[0].counted, 2U);
  EXPECT_EQ(table.rows[1].path, "/a");
  EXPECT_EQ(table.rest, 0U);
  EXPECT_EQ(table.counted, 5U);
  EXPECT_EQ(state().reserve_page("/c", base::table_hash("/c")), kOtherPage);
}

TEST_F(SiteStateTest, ADaysRankingOfPagesIsExactUpToTheCapOfPagesAndNoLonger) {
  Limits limits;
  limits.pages_max = 50;
  limits.labels_max = 3;  // no concern of pages
  use(limits);
  std::size_t memory = 0;
  for (const std::int64_t day : {0, 1, 2}) {
    for (int i = 0; i < 1'000; ++i)
      at(day * 86'400 + i).seen("ann", "/" + std::to_string((i * 37 + day * 500) % 1'000));
    at(day * 86'400 + 1'000).seen("ann", "");
    const Day today = kToday + static_cast<Day>(day);
    const std::vector<Ranked> ranked = state().top(Dimension::page, today, today, 10'000);
    ASSERT_EQ(ranked.size(), 52U);  // the pages, (other) and (unknown)
    EXPECT_EQ(state().page_path(PageId{ranked[0].id}), "(other)");
    EXPECT_EQ(ranked[0].count, 950U);
    std::uint64_t sum = 0;
    for (const Ranked& r : ranked) sum += r.count;
    EXPECT_EQ(sum, 1'001U);
    state().close_day(Epoch{}, today);
    if (day == 0) memory = state().memory_bytes();
  }
  EXPECT_LT(state().memory_bytes(), memory * 3 / 2);
}

TEST_F(SiteStateTest, PastTheCapOfADayLabelsCountInOther) {
  Limits limits;
  limits.labels_max = 2;
  use(limits);
  for (const std::string country : {"VN", "DE", "FR", "JP", "VN"}) {
    Said said = at(0).said("ann", "/");
    said.labels[Dimension::country] = country;
    apply(said);
  }
  std::map<std::string, std::uint64_t> top;
  for (const Ranked& r : state().top(Dimension::country, kToday, kToday, 10)) {
    top[std::string(state().label_text(LabelId{r.id}))] = r.count;
  }
  EXPECT_EQ(top, (std::map<std::string, std::uint64_t>{{"VN", 2}, {"DE", 1}, {"(other)", 2}}));
}

TEST_F(SiteStateTest, PastTheCapOfKnownTextsLabelsCountInOther) {
  Limits limits;
  limits.labels_known_max = 1;
  use(limits);
  const auto reserve = [&](Day day, const std::string& text) {
    return state().reserve_label(day, Dimension::system, text, base::table_hash(text));
  };
  EXPECT_EQ(reserve(kToday, "Linux"), kFirstLabel);
  EXPECT_EQ(reserve(kToday + 1, "Plan 9"), kOtherLabel);
  EXPECT_EQ(reserve(kToday + 1, "Linux"), kFirstLabel);
  EXPECT_EQ(reserve(kToday, ""), kNoLabel);
}

// What is remembered of a label's place holds for a day and an epoch, and no longer than the day is open.
TEST_F(SiteStateTest, APlaceUnderTheCapIsOfItsDayAndEpoch) {
  Limits limits;
  limits.labels_max = 1;
  use(limits);
  const auto reserve = [&](Day day, const std::string& text) {
    return state().label_text(state().reserve_label(day, Dimension::system, text, base::table_hash(text)));
  };
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(reserve(kToday, "Linux"), "Linux");
    EXPECT_EQ(reserve(kToday, "Plan 9"), "(other)");
  }
  for (int again = 0; again < 3; ++again) {  // another day, and both in turn
    EXPECT_EQ(reserve(kToday + 1, "Plan 9"), "Plan 9");
    EXPECT_EQ(reserve(kToday, "Linux"), "Linux");
    EXPECT_EQ(reserve(kToday + 1, "Linux"), "(other)");
  }
  state().close_day(Epoch{}, kToday);
  state().close_day(Epoch{}, kToday + 1);
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(reserve(kToday + 1, "Linux"), "Linux");
    EXPECT_EQ(reserve(kToday + 1, "Plan 9"), "(other)");
  }
  state().begin_epoch(Epoch{2, 7});
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(reserve(kToday + 1, "Plan 9"), "Plan 9");
    EXPECT_EQ(reserve(kToday + 1, "Linux"), "(other)");
  }
}

TEST_F(SiteStateTest, ADefinitionMayComeAfterTheHitsThatUseIt) {
  SiteState replayed(Limits{}, kWindow_s);
  const Hit hit{.at_s = kMidnight, .visitor = VisitorId{7}, .page = PageId{9}, .counts = true};
  replayed.replay(Epoch{}, {&hit, 1});
  EXPECT_EQ(replayed.pages(kMidnight, PageSort::total, 10).rest, 1U);  // a page without a name yet
  EXPECT_TRUE(replayed.define_page(PageId{9}, "/nine"));
  const PageTable table = replayed.pages(kMidnight, PageSort::total, 10);
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].path, "/nine");
  EXPECT_EQ(table.rest, 0U);
  EXPECT_EQ(replayed.reserve_page("/ten", base::table_hash("/ten")), PageId{10});  // ids are not used twice
}

TEST_F(SiteStateTest, ADefinitionThatContradictsIsRefused) {
  EXPECT_TRUE(state().define_page(PageId{2}, "/a"));
  EXPECT_TRUE(state().define_page(PageId{2}, "/a"));
  EXPECT_FALSE(state().define_page(PageId{2}, "/b"));
  EXPECT_FALSE(state().define_page(PageId{3}, "/a"));
  EXPECT_FALSE(state().define_page(PageId{3}, ""));
  EXPECT_FALSE(state().define_page(kOtherPage, "/c"));
  EXPECT_FALSE(state().define_page(PageId{kIdsMax}, "/c"));
  EXPECT_TRUE(state().define_label(LabelId{2}, "a"));
  EXPECT_FALSE(state().define_label(LabelId{2}, "b"));
  EXPECT_FALSE(state().define_label(kOtherLabel, "c"));
  EXPECT_FALSE(state().define_label(LabelId{UINT32_MAX}, "c"));
}

TEST_F(SiteStateTest, ADefinedIdOutlivesItsHits) {
  Said beat = at(0).said("ann", "/a");
  beat.kind = Kind::heartbeat;
  beat.counts = beat.adds_visitor = false;
  apply(beat);
  const std::string bytes = saved(state(), kMidnight + 10'000);  // long after the visitor has left
  SiteState loaded(Limits{}, kWindow_s);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_EQ(loaded.page_path(kFirstPage), "/a");
  EXPECT_EQ(loaded.reserve_page("/b", base::table_hash("/b")), PageId{kFirstPage.value + 1});
}

TEST_F(SiteStateTest, IdsAndTimesThatNobodyDrewCountInOther) {
  const Hit wild{.at_s = INT64_MAX,
                 .utc_offset_s = INT32_MIN,
                 .visitor = VisitorId{7},
                 .page = PageId{UINT32_MAX},
                 .labels = {LabelId{UINT32_MAX}, LabelId{UINT32_MAX}, LabelId{UINT32_MAX}},
                 .counts = true,
                 .touches_presence = true,
                 .adds_visitor = true};
  state().replay(Epoch{}, {&wild, 1});
  state().observe({Epoch{}, INT64_MIN, INT32_MAX, 3});
  ASSERT_EQ(pages().rows.size(), 1U);
  EXPECT_EQ(pages().rows[0].path, "(other)");
  const std::string bytes = saved(state(), kMidnight);
  SiteState loaded(Limits{}, kWindow_s);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_EQ(saved(loaded, kMidnight), bytes);
}

// --- resets, seeds, undo ---

TEST_F(SiteStateTest, AResetBeginsAtZeroAndPresenceStays) {
  at(0).seen("ann", "/a");
  at(1);
  EXPECT_EQ(summary().peak.online, 1U);
  state().begin_epoch(Epoch{2, 5});
  EXPECT_EQ(summary().total, 0U);
  EXPECT_EQ(summary().today.hits, 0U);
  EXPECT_EQ(summary().today.visitors, 0U);
  EXPECT_EQ(summary().peak, Peak{});
  EXPECT_EQ(summary().epoch, (Epoch{2, 5}));
  expect_online(1);
  EXPECT_TRUE(state().top(Dimension::page, kToday, kToday, 10).empty());
  at(2).seen("bob", "/b");
  at(3);
  EXPECT_EQ(summary().counted, 1U);
  EXPECT_EQ(summary().peak, (Peak{2, kMidnight + 2}));  // ann is still here
}

TEST_F(SiteStateTest, AnUndoSumsBothEpochsAndUnitesTheVisitorsOfADay) {
  at(0).seen("ann", "/a").seen("bob", "/a");
  state().begin_epoch(Epoch{2, 5});
  at(5).seen("ann", "/a").seen("cid", "/c");
  at(6);
  EXPECT_EQ(summary().today.visitors, 2U);
  state().set_included({Epoch{}, Epoch{2, 5}});
  EXPECT_EQ(summary().counted, 4U);
  EXPECT_EQ(summary().today.visitors, 3U);  // ann is one
  EXPECT_EQ(page("/a")->counted, 3U);
  EXPECT_EQ(state().minutes(kMidnight, kMidnight + 60)[0].hits, 4U);
  EXPECT_EQ(state().days(kToday, kToday + 1)[0].visitors, 3U);
  EXPECT_EQ(state().top(Dimension::page, kToday, kToday, 1)[0].count, 3U);
  EXPECT_EQ(summary().epoch, (Epoch{2, 5}));
  state().set_included({Epoch{}});
  EXPECT_EQ(summary().counted, 2U);
}

TEST_F(SiteStateTest, AHitOfAnEarlierEpochIsKeptThere) {
  state().begin_epoch(Epoch{2, 5});
  const Hit late = site_.decide(at(0).said("ann", "/a"));
  state().apply(Epoch{}, {&late, 1});
  EXPECT_EQ(summary().counted, 0U);
  EXPECT_TRUE(pages(PageSort::total).rows.size() == 1 && pages().rows[0].counted == 0);  // somebody is there
  state().set_included({Epoch{}, Epoch{2, 5}});
  EXPECT_EQ(summary().counted, 1U);
}

TEST_F(SiteStateTest, SeedsAreAddedToTheTotalOfTheirEpoch) {
  at(0).seen("ann");
  state().add_seed(Epoch{}, 41'450'743);
  EXPECT_EQ(summary().total, 41'450'744U);
  EXPECT_EQ(summary().seed, 41'450'743);
  state().add_seed(Epoch{}, -50'000'000);
  EXPECT_EQ(summary().total, 0U);
  state().add_seed(Epoch{}, 50'000'000);
  EXPECT_EQ(summary().total, 41'450'744U);
  state().begin_epoch(Epoch{2, 0});
  EXPECT_EQ(summary().total, 0U);
}

TEST_F(SiteStateTest, SeedsPastTheGreatestNumberAddUpInAnyOrder) {
  for (int i = 0; i < 3; ++i) state().add_seed(Epoch{}, INT64_MAX);
  EXPECT_EQ(summary().total, UINT64_MAX);
  EXPECT_EQ(summary().seed, INT64_MAX);
  for (int i = 0; i < 3; ++i) state().add_seed(Epoch{}, -INT64_MAX);
  EXPECT_EQ(summary().total, 0U);
  state().add_seed(Epoch{}, 7);
  EXPECT_EQ(summary().total, 7U);
}

TEST_F(SiteStateTest, APageSeedMovesThePageAlone) {
  at(0).seen("ann", "/a").seen("ann", "/b").seen("ann", "/b");
  state().add_page_seed(Epoch{}, state().reserve_page("/a", base::table_hash("/a")), 10);
  EXPECT_EQ(summary().total, 3U);
  const PageTable table = pages();
  EXPECT_EQ(table.rows[0].path, "/a");  // by total
  EXPECT_EQ(table.rows[0].counted, 1U);
  EXPECT_EQ(table.rows[0].seed(), 10);
  EXPECT_EQ(table.seed, 0);
  EXPECT_EQ(page("/a")->seed(), 10);
}

TEST_F(SiteStateTest, SeedsOfPagesThatAreReadAsOneAddUpPastTheGreatestNumber) {
  at(0).seen("ann", "/a").seen("ann", "/b");
  for (const char* path : {"/a", "/b"}) state().add_page_seed(Epoch{}, id(path), INT64_MAX);
  EXPECT_EQ(page("/a")->total(), static_cast<std::uint64_t>(INT64_MAX) + 1);
  state().mark_pages(std::vector{id("/a")}, id("/b"));
  EXPECT_EQ(page("/b")->total(), UINT64_MAX);
  EXPECT_EQ(page("/b")->seed(), INT64_MAX) << "as it is shown";
  EXPECT_TRUE(page("/a")->seeds == 2 * Wide{INT64_MAX});
  EXPECT_EQ(pages().rows[0].total(), UINT64_MAX);
  state().add_page_seed(Epoch{}, id("/b"), -INT64_MAX);
  EXPECT_EQ(page("/b")->total(), static_cast<std::uint64_t>(INT64_MAX) + 2);
}

TEST_F(SiteStateTest, APageThatWasOnlySeededIsThere) {
  const PageId id = state().reserve_page("/old", base::table_hash("/old"));
  EXPECT_TRUE(state().define_page(id, "/old"));
  state().add_page_seed(Epoch{}, id, 10);
  EXPECT_EQ(page("/old")->seed(), 10);
  ASSERT_EQ(pages().rows.size(), 1U);
  const std::string bytes = saved(state(), kMidnight);
  SiteState loaded(Limits{}, kWindow_s);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_EQ(loaded.page("/old", base::table_hash("/old"), kMidnight)->seed(), 10);
  state().add_page_seed(Epoch{}, id, -10);
  EXPECT_FALSE(page("/old").has_value());
}

// --- reading ---

TEST_F(SiteStateTest, RowsAndRestAddUpToCounted) {
  for (int i = 0; i < 100; ++i) {
    for (int n = 0; n <= i; ++n) at(n).seen("ann", i == 0 ? "" : "/" + std::to_string(i));
  }
  for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{100}, std::size_t{500}}) {
    const PageTable table = pages(PageSort::total, limit);
    EXPECT_EQ(table.rows.size(), std::min<std::size_t>(limit, 100));
    std::uint64_t sum = table.rest;
    for (const PageRow& row : table.rows) sum += row.counted;
    EXPECT_EQ(sum, 5'050U);
    EXPECT_EQ(table.counted, 5'050U);
  }
  EXPECT_EQ(pages(PageSort::total, 1).rows[0].path, "/99");
  EXPECT_EQ(pages(PageSort::path, 1).rows[0].path, "(unknown)");
}

TEST_F(SiteStateTest, AWalkOverManyPagesTellsTheNumbersOfItsLastHold) {
  constexpr int kPages = 3 * static_cast<int>(PageWalk::kPagesAStep);
  for (int i = 0; i < kPages; ++i) at(0).seen("ann", "/" + std::to_string(i));
  for (int i = 0; i < 5; ++i) seen("ann", "/" + std::to_string(1'000 * i));
  PageWalk walk(PageSort::total, 7);
  std::uint64_t counted = kPages + 5;
  int holds = 0;
  for (bool done = false; !done; ++holds) {
    walk.make_room();
    done = walk.step(state(), kMidnight);
    if (done) continue;
    seen("bob", "/0").seen("bob", "/new " + std::to_string(holds));
    counted += 2;
  }
  EXPECT_GT(holds, 3);
  const PageTable table = walk.table();
  EXPECT_EQ(table.counted, counted);
  ASSERT_EQ(table.rows.size(), 7U);
  EXPECT_EQ(table.rows[0].path, "/0");
  EXPECT_EQ(table.rows[0].counted, 2U + static_cast<std::uint64_t>(holds) - 1);
  EXPECT_EQ(table.rows[0].online, 2U);
  std::uint64_t sum = table.rest;
  for (const PageRow& row : table.rows) sum += row.counted;
  EXPECT_EQ(sum, counted);
  for (int i = 1; i < 5; ++i) EXPECT_EQ(table.rows[static_cast<std::size_t>(i)].counted, 2U);
  EXPECT_EQ(table.rows[5].path, "/1");  // of equals by path
  EXPECT_EQ(table.rows[6].path, "/10");
}

// --- pages that are read as another ---

TEST_F(SiteStateTest, MergedPagesAreReadAsOne) {
  at(0).seen("ann", "/a").seen("bob", "/b").seen("ann", "/c").seen("cai", "/d");
  merge({"/a", "/b"}, "/c");
  EXPECT_EQ(page("/a")->path, "/c");
  EXPECT_EQ(page("/a")->counted, 3U);
  EXPECT_EQ(page("/c")->counted, 3U);
  EXPECT_EQ(page("/c")->online, 2U) << "ann is on two of them";
  ASSERT_EQ(pages().rows.size(), 2U);
  EXPECT_EQ(pages().rows[0].path, "/c");
  EXPECT_EQ(pages(PageSort::total, 1).rest, 1U);
  at(1).seen("dan", "/a");
  EXPECT_EQ(page("/c")->counted, 4U);
  EXPECT_EQ(page("/c")->online, 3U);
  state().unmark_pages(std::vector{id("/a"), id("/b")});
  EXPECT_EQ(page("/a")->counted, 2U);
  EXPECT_EQ(page("/c")->online, 1U);
}

TEST_F(SiteStateTest, ARemovedPageCountsInTheRestAlone) {
  at(0).seen("ann", "/a").seen("bob", "/b");
  state().mark_pages(std::vector{id("/a")}, kRemovedPage);
  seen("bob", "/a");
  EXPECT_FALSE(page("/a").has_value());
  const PageTable table = pages();
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].path, "/b");
  EXPECT_EQ(table.counted, 3U);
  EXPECT_EQ(table.rest, 2U);
  EXPECT_EQ(summary().total, 3U);
  state().unmark_pages(std::vector{id("/a")});
  EXPECT_EQ(page("/a")->counted, 2U);
}

TEST_F(SiteStateTest, SeedsOfMergedPagesAddUp) {
  at(0).seen("ann", "/a").seen("ann", "/c");
  state().add_page_seed(Epoch{}, id("/a"), 10);
  state().add_page_seed(Epoch{}, id("/c"), -1);
  merge({"/a"}, "/c");
  EXPECT_EQ(page("/c")->seed(), 9);
  EXPECT_EQ(pages().rows[0].counted, 2U);
}

TEST_F(SiteStateTest, AMovedVisitorOfMergedPagesIsOneVisitor) {
  at(0).seen("old ann", "/a").seen("old ann", "/b");
  Said moved = at(1).said("new ann", "/a");
  moved.moved_from = visitor_named("old ann");
  apply(moved);
  EXPECT_EQ(page("/b")->online, 1U);
  merge({"/b"}, "/a");
  EXPECT_EQ(page("/a")->online, 1U);
}

TEST_F(SiteStateTest, AMergeWhileATableIsWalkedLosesNothing) {
  constexpr int kPages = 3 * static_cast<int>(PageWalk::kPagesAStep);
  for (int i = 0; i < kPages; ++i) at(0).seen("ann", "/" + std::to_string(i));
  PageWalk walk(PageSort::path, 10);
  int holds = 0;
  for (bool done = false; !done; ++holds) {
    walk.make_room();
    done = walk.step(state(), kMidnight);
    if (holds == 0) merge({"/0", "/1"}, "/10");
    if (holds == 1) state().unmark_pages(std::vector{id("/1")});
  }
  ASSERT_GT(holds, 2);
  const PageTable table = walk.table();
  std::uint64_t sum = table.rest;
  for (const PageRow& row : table.rows) {
    EXPECT_NE(row.path, "/0");
    EXPECT_EQ(row.counted, row.path == "/10" ? 2U : 1U) << row.path;
    sum += row.counted;
  }
  EXPECT_EQ(sum, static_cast<std::uint64_t>(kPages));
}

TEST_F(SiteStateTest, MarksAreSavedAndWithoutThemTheBytesAreAsBefore) {
  at(0).seen("ann", "/a").seen("bob", "/b");
  const std::string before = saved(state(), kMidnight);
  merge({"/a"}, "/b");
  const std::string bytes = saved(state(), kMidnight);
  EXPECT_NE(bytes, before);
  SiteState loaded(Limits{}, kWindow_s);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(saved(loaded, kMidnight), bytes);
  EXPECT_EQ(loaded.page("/a", base::table_hash("/a"), kMidnight)->counted, 2U);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    base::ByteReader cut(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(loaded.load(cut)) << size;
  }
  state().unmark_pages(std::vector{id("/a")});
  EXPECT_EQ(saved(state(), kMidnight), before);
}

TEST_F(SiteStateTest, MonthAndYearAreTheSumsOfTheirDays) {
  const Calendar calendar = calendar_of(kToday);
  at((calendar.year_begin - kToday) * 86'400).seen("ann");
  at((calendar.year_begin - kToday) * 86'400 - 1).seen("ann");  // last year, and late
  at((calendar.month_begin - kToday) * 86'400).seen("ann").seen("bob");
  at(0).seen("ann");
  EXPECT_EQ(summary().month.hits, 3U);
  EXPECT_EQ(summary().month.visitors, 3U);
  EXPECT_EQ(summary().year.hits, 4U);
  EXPECT_EQ(summary().year.visitors, 4U);
  at((calendar.month_begin - kToday) * 86'400 + 5).seen("cid");  // late again: what was remembered is not
  at(0);
  EXPECT_EQ(summary().month.hits, 4U);
  EXPECT_EQ(summary().year.visitors, 5U);
  EXPECT_EQ(state().summary(kMidnight, calendar_of(calendar.year_begin - 1)).year.hits, 1U);
}

TEST_F(SiteStateTest, OnNewYearsDayYesterdayIsOfTheYearBefore) {
  const Day new_year = calendar_of(kToday).year_begin;
  const std::int64_t begin = std::int64_t{new_year - kToday} * 86'400;
  at(begin - 10).seen("ann");
  at(begin + 10).seen("ann").seen("bob");
  const Summary summary = state().summary(kMidnight + begin + 11, calendar_of(new_year));
  EXPECT_EQ(summary.yesterday.hits, 1U);
  EXPECT_EQ(summary.today.hits, 2U);
  EXPECT_EQ(summary.month.hits, 2U);
  EXPECT_EQ(summary.year.hits, 2U);
}

TEST_F(SiteStateTest, VisitorsAreAnEstimateWhereASketchTookPartAlsoWhenTheDayIsClosed) {
  Limits limits;
  limits.visitors_exact_max = 50;
  use(limits);
  for (int i = 0; i < 60; ++i) at(-100).seen("visitor " + std::to_string(i));
  at(0).seen("ann");
  EXPECT_TRUE(summary().today.visitors_exact);
  EXPECT_FALSE(summary().yesterday.visitors_exact);
  EXPECT_FALSE(state().summary(kMidnight, {kToday, kToday - 1, kToday - 1}).month.visitors_exact);
  EXPECT_NEAR(static_cast<double>(summary().yesterday.visitors), 60, 3);
  const std::uint64_t before = summary().yesterday.visitors;
  state().close_day(Epoch{}, kToday - 1);
  EXPECT_EQ(summary().yesterday.visitors, before);
  EXPECT_FALSE(summary().yesterday.visitors_exact);
  const std::string bytes = saved(state(), kMidnight);
  SiteState loaded(limits, kWindow_s);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in));
  EXPECT_FALSE(loaded.summary(kMidnight, calendar_of(kToday)).yesterday.visitors_exact);
}

TEST_F(SiteStateTest, TwoExactSetsMayUniteToAnEstimate) {
  Limits limits;
  limits.visitors_exact_max = 50;
  use(limits);
  for (int i = 0; i < 40; ++i) at(0).seen("visitor " + std::to_string(i));
  state().begin_epoch(Epoch{2, 0});
  for (int i = 0; i < 40; ++i) at(0).seen("other visitor " + std::to_string(i));
  EXPECT_TRUE(summary().today.visitors_exact);
  state().set_included({Epoch{}, Epoch{2, 0}});
  EXPECT_FALSE(summary().today.visitors_exact);
  EXPECT_NEAR(static_cast<double>(summary().today.visitors), 80, 4);
}

TEST_F(SiteStateTest, AClosedDayThatIsHitAgainAddsUp) {
  at(-10).seen("ann");
  state().close_day(Epoch{}, kToday - 1);
  EXPECT_TRUE(state().open_days(kToday).empty());
  at(-5).seen("bob");
  EXPECT_EQ(state().open_days(kToday), (std::vector<std::pair<Epoch, Day>>{{Epoch{}, kToday - 1}}));
  at(0);
  EXPECT_EQ(summary().yesterday.visitors, 2U);
  EXPECT_EQ(summary().yesterday.hits, 2U);
}

TEST_F(SiteStateTest, ASiteThatWasNeverHitAnswersZeros) {
  const Summary summary = this->summary();
  EXPECT_EQ(summary.total, 0U);
  EXPECT_EQ(summary.epoch, Epoch{});
  EXPECT_TRUE(pages().rows.empty());
  EXPECT_FALSE(page("/").has_value());
  EXPECT_TRUE(state().days(INT32_MIN, INT32_MAX).empty());
  EXPECT_TRUE(state().seconds(INT64_MIN, INT64_MAX).empty());
  EXPECT_TRUE(state().open_days(kToday).empty());
  EXPECT_EQ(state().presence_pairs(), 0U);
  state().advance(kMidnight, 0);
  EXPECT_TRUE(state().take_observations().empty());
  state().close_day(Epoch{}, kToday);
}

// --- memory ---

TEST_F(SiteStateTest, ASiteThatWasNeverHitIsSmall) {
  summary();
  pages();
  state().advance(kMidnight, 0);
  EXPECT_LE(state().memory_bytes(), 300U);
}

TEST_F(SiteStateTest, ASiteThatWasHitOnceTakesAtMostFourKilobytes) {
  Said said = at(0).said("ann", "/news/2026/11/23/an-ordinary-path.html");
  said.labels = {{Dimension::referrer, "https://example.org/somewhere"},
                 {Dimension::country, "VN"},
                 {Dimension::browser, "Firefox"},
                 {Dimension::system, "Linux"},
                 {Dimension::device, "desktop"}};
  apply(said);
  EXPECT_LE(state().memory_bytes(), 4'096U);
  at(1'000).expect_online(0);
  EXPECT_LE(state().memory_bytes(), 4'096U);
}

// --- bytes ---

TEST_F(SiteStateTest, LoadReplacesWhatWasThereOrLeavesItAlone) {
  at(0).seen("ann", "/a");
  const std::string bytes = saved(state(), kMidnight);
  SiteState other(Limits{}, 60);
  other.begin_epoch(Epoch{9, 9});
  other.add_seed(Epoch{9, 9}, 5);
  const std::string before = saved(other, kMidnight);
  base::ByteReader cut(std::string_view(bytes).substr(0, bytes.size() - 1));
  EXPECT_FALSE(other.load(cut));
  EXPECT_EQ(saved(other, kMidnight), before);
  base::ByteReader in(bytes);
  ASSERT_TRUE(other.load(in));
  EXPECT_EQ(saved(other, kMidnight), bytes);
  EXPECT_EQ(other.epoch(), Epoch{});
  EXPECT_EQ(other.window_s(), kWindow_s);
  EXPECT_EQ(other.page("/a", base::table_hash("/a"), kMidnight)->online, 1U);
}

TEST_F(SiteStateTest, AnotherVersionIsRefused) {
  std::string bytes = saved(state(), kMidnight);
  bytes[0] = static_cast<char>(bytes[0] + 2);
  base::ByteReader in(bytes);
  EXPECT_FALSE(state().load(in));
}

// --- the calendar ---

TEST(CalendarTest, AgreesWithAWalkFromDayToDay) {
  // From 1600-01-01, a Saturday like 2000-01-01: 400 years have 146,097 days.
  Day day = 10'957 - 146'097;
  for (int year = 1600; year < 2401; ++year) {
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    const Day year_begin = day;
    for (const int length : {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}) {
      const Day month_begin = day;
      for (int i = 0; i < length; ++i, ++day) {
        const Calendar calendar = calendar_of(day);
        ASSERT_EQ(calendar.today, day);
        ASSERT_EQ(calendar.month_begin, month_begin) << day;
        ASSERT_EQ(calendar.year_begin, year_begin) << day;
      }
    }
  }
}

}  // namespace
}  // namespace footfall::counting
