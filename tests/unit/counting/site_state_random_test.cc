// SPDX-License-Identifier: Apache-2.0
// SiteState against the oracle of site_state_oracle.h, over random traffic: what is read, in every order of replay, and
// through save and load.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "site_state_oracle.h"
#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

using testing::LiveSite;
using testing::Oracle;
using testing::Record;
using testing::Said;
using testing::saved;
using testing::Traffic;

constexpr std::int32_t kWindow_s = 120;

bool equal(const PeriodCounts& a, const PeriodCounts& b) {
  return a.hits == b.hits && a.visitors == b.visitors && a.bots == b.bots;
}

// A site, its oracle, and the traffic that both get.
class SiteStateRandomTest : public ::testing::TestWithParam<int> {
 protected:
  SiteStateRandomTest()
      : seed_(footfall::testing::rng_seed() + static_cast<std::uint64_t>(GetParam()) * 7'919),
        traffic_(seed_, kWindow_s),
        live_(Limits{}, kWindow_s),
        oracle_(kWindow_s) {}

  void one_hit() {
    const Said said = traffic_.next();
    live_.apply(live_.decide(said));
    oracle_.apply(live_.state.epoch(), said);
  }

  void advance(std::int64_t now_s) {
    live_.state.advance(now_s, traffic_.utc_offset_s(now_s));
    oracle_.advance(live_.state.epoch(), now_s, traffic_.utc_offset_s(now_s));
  }

  // A reset now and then, and its undoing.
  void change() {
    const Epoch epoch = live_.state.epoch();
    const std::uint64_t choice = traffic_.draw(4);
    if (choice == 0) {
      live_.state.begin_epoch(Epoch{epoch.number + 1, traffic_.draw(1'000)});
      oracle_.included = {live_.state.epoch()};
      epochs_.insert(live_.state.epoch());
    } else if (choice == 1) {
      oracle_.included = epochs_;
      live_.state.set_included(epochs_);
    } else {
      const auto amount = static_cast<std::int64_t>(traffic_.draw(2'000)) - 1'000;
      live_.state.add_seed(epoch, amount);
      seeds_.emplace_back(epoch, amount);
    }
  }

  void compare(std::int64_t now_s) {
    SCOPED_TRACE("now_s " + std::to_string(now_s));
    const Calendar calendar = calendar_of(local_day(now_s, traffic_.utc_offset_s(now_s)));
    oracle_.advance(live_.state.epoch(), now_s, traffic_.utc_offset_s(now_s));
    live_.state.advance(now_s, traffic_.utc_offset_s(now_s));
    const Summary summary = live_.state.summary(now_s, calendar);
    EXPECT_EQ(summary.counted, oracle_.counted());
    EXPECT_EQ(summary.bots, oracle_.bots());
    EXPECT_EQ(summary.online, oracle_.online(now_s));
    std::int64_t seed = 0;
    for (const auto& [epoch, amount] : seeds_) seed += oracle_.included.contains(epoch) ? amount : 0;
    EXPECT_EQ(summary.seed, seed);
    EXPECT_EQ(summary.total,
              static_cast<std::uint64_t>(std::max<std::int64_t>(0, static_cast<std::int64_t>(summary.counted) + seed)));
    EXPECT_EQ(summary.peak, oracle_.peak());
    EXPECT_EQ(summary.peak_today, oracle_.peak_of_day(calendar.today));
    EXPECT_TRUE(equal(summary.today, oracle_.period(calendar.today, calendar.today + 1)));
    EXPECT_TRUE(equal(summary.yesterday, oracle_.period(calendar.today - 1, calendar.today)));
    EXPECT_TRUE(equal(summary.month, oracle_.period(calendar.month_begin, calendar.today + 1)));
    EXPECT_TRUE(equal(summary.year, oracle_.period(calendar.year_begin, calendar.today + 1)));
    EXPECT_TRUE(summary.year.visitors_exact);
    compare_pages(now_s);
    compare_buckets();
    compare_rankings(calendar.today);
  }

  void compare_pages(std::int64_t now_s) {
    for (const PageSort sort : {PageSort::total, PageSort::online, PageSort::path}) {
      const std::size_t limit = 1 + traffic_.draw(40);
      const PageTable table = live_.state.pages(now_s, sort, limit);
      EXPECT_LE(table.rows.size(), limit);
      std::uint64_t sum = table.rest;
      for (const PageRow& row : table.rows) {
        const std::string path(row.path);
        const std::string said_path = path == "(unknown)" ? "" : path;
        EXPECT_EQ(row.counted, oracle_.counted_of(said_path)) << path;
        EXPECT_EQ(row.online, oracle_.page_online(path, now_s)) << path;
        sum += row.counted;
        if (said_path.empty()) continue;
        const auto alone = live_.state.page(path, base::table_hash(path), now_s);
        ASSERT_TRUE(alone.has_value());
        EXPECT_EQ(alone->counted, row.counted);
        EXPECT_EQ(alone->online, row.online);
      }
      EXPECT_EQ(sum, table.counted);
      EXPECT_EQ(table.counted, oracle_.counted());
      for (std::size_t i = 1; i < table.rows.size(); ++i) {
        const PageRow& a = table.rows[i - 1];
        const PageRow& b = table.rows[i];
        const bool in_order = sort == PageSort::path    ? a.path < b.path
                              : sort == PageSort::total ? std::pair(b.counted, a.path) < std::pair(a.counted, b.path)
                                                        : a.online >= b.online;
        EXPECT_TRUE(in_order) << a.path << " before " << b.path;
      }
      if (sort == PageSort::total && table.rows.size() == limit) {  // nothing larger was left out
        for (const PageRow& row : live_.state.pages(now_s, PageSort::path, 10'000).rows) {
          if (row.counted <= table.rows.back().counted) continue;
          EXPECT_TRUE(std::any_of(table.rows.begin(), table.rows.end(),
                                  [&](const PageRow& shown) { return shown.id == row.id; }));
        }
      }
    }
  }

  void compare_buckets() {
    // Retention is left to the test of Buckets: only what is surely inside is compared.
    std::int64_t newest_s = INT64_MIN;
    for (const auto& [epoch, said] : oracle_.hits()) newest_s = std::max(newest_s, said.at_s);
    const std::int64_t recent_s = newest_s - Buckets::kMinutesKept_s / 2;
    const auto minutes = oracle_.buckets([](std::int64_t at_s, std::int32_t) { return floor_div(at_s, 60) * 60; });
    expect_cells(live_.state.minutes(recent_s, INT64_MAX), minutes, recent_s);
    const auto hours = oracle_.buckets([](std::int64_t at_s, std::int32_t utc_offset_s) {
      return floor_div(at_s + utc_offset_s, 3600) * 3600 - utc_offset_s;
    });
    expect_cells(live_.state.hours(INT64_MIN, INT64_MAX), hours, INT64_MIN);
    const auto days = oracle_.buckets(
        [](std::int64_t at_s, std::int32_t utc_offset_s) { return std::int64_t{local_day(at_s, utc_offset_s)}; });
    std::vector<Cell> cells = live_.state.days(INT32_MIN, INT32_MAX);
    for (Cell& cell : cells) {
      const Day day = static_cast<Day>(cell.key);
      EXPECT_EQ(cell.visitors, oracle_.period(day, day + 1).visitors);
      cell.visitors = 0;
    }
    expect_cells(cells, days, INT64_MIN);
  }

  static void expect_cells(const std::vector<Cell>& cells, const std::map<std::int64_t, Cell>& oracle,
                           std::int64_t from) {
    std::vector<Cell> expected;
    for (const auto& [key, cell] : oracle) {
      if (key >= from) expected.push_back(cell);
    }
    EXPECT_EQ(cells, expected);
  }

  void compare_rankings(Day today) {
    for (unsigned d = 0; d < kDimensions; ++d) {
      const auto dimension = static_cast<Dimension>(d);
      std::map<std::string, std::uint64_t> ranked;
      for (const Ranked& r : live_.state.top(dimension, today - 3, today, 1'000)) {
        const std::string_view text =
            dimension == Dimension::page ? live_.state.page_path(PageId{r.id}) : live_.state.label_text(LabelId{r.id});
        ranked[std::string(text)] = r.count;
      }
      EXPECT_EQ(ranked, oracle_.ranking(dimension, today - 3, today)) << name_of(dimension);
    }
  }

  std::uint64_t seed_;
  Traffic traffic_;
  LiveSite live_;
  Oracle oracle_;
  std::set<Epoch> epochs_{Epoch{}};
  std::vector<std::pair<Epoch, std::int64_t>> seeds_;
};

TEST_P(SiteStateRandomTest, ReadsWhatAListOfTheHitsSays) {
  for (int i = 0; i < 1'500; ++i) {
    one_hit();
    if (traffic_.draw(50) == 0) advance(traffic_.now_s());
    if (traffic_.draw(100) == 0) change();
    if (traffic_.draw(60) == 0) compare(traffic_.now_s());
    if (HasFailure()) break;
  }
  compare(traffic_.now_s() + kWindow_s / 2);
  compare(traffic_.now_s() + 2 * kWindow_s);
}

TEST_P(SiteStateRandomTest, AnyOrderOfReplayGivesTheSameBytes) {
  std::set<Epoch> epochs{Epoch{}};
  for (int i = 0; i < 1'500; ++i) {
    one_hit();
    if (i == 700) live_.state.begin_epoch(Epoch{2, 77});
    if (traffic_.draw(30) == 0) live_.journal_observations();
  }
  const std::int64_t now_s = traffic_.now_s() + 1;
  live_.state.advance(now_s, 0);
  live_.journal_observations();
  const std::string live = saved(live_.state, now_s);

  const auto replayed = [&](const std::vector<Record>& records) {
    SiteState state(Limits{}, kWindow_s);
    state.begin_epoch(Epoch{2, 77});
    for (const Record& record : records) replay(state, record);
    return saved(state, now_s);
  };
  EXPECT_EQ(replayed(live_.journal), live);

  // Streams one after the other, each in its own order; then no order at all.
  std::vector<Record> streams;
  for (int stream = 0; stream < 3; ++stream) {
    for (std::size_t i = 0; i < live_.journal.size(); ++i) {
      if (static_cast<int>(i % 3) == stream) streams.push_back(live_.journal[i]);
    }
  }
  EXPECT_EQ(replayed(streams), live);
  std::shuffle(streams.begin(), streams.end(), traffic_.random());
  EXPECT_EQ(replayed(streams), live);
  std::reverse(streams.begin(), streams.end());
  EXPECT_EQ(replayed(streams), live);
}

TEST_P(SiteStateRandomTest, AReplayOntoACheckpointGivesTheSameBytes) {
  for (int i = 0; i < 800; ++i) {
    one_hit();
    live_.journal_observations();
  }
  const std::int64_t now_s = traffic_.now_s() + 1;
  live_.state.advance(now_s, 0);
  live_.journal_observations();
  const std::size_t cut = traffic_.draw(live_.journal.size());

  SiteState before(Limits{}, kWindow_s);
  std::int64_t cut_s = 0;
  for (std::size_t i = 0; i < cut; ++i) {
    replay(before, live_.journal[i]);
    if (live_.journal[i].type == Record::Type::hit) cut_s = std::max(cut_s, live_.journal[i].hit.at_s);
  }
  const std::string checkpoint = saved(before, cut_s);
  SiteState after(Limits{}, 15);
  base::ByteReader in(checkpoint);
  ASSERT_TRUE(after.load(in));
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(after.window_s(), kWindow_s);
  EXPECT_EQ(saved(after, cut_s), checkpoint);
  for (std::size_t i = cut; i < live_.journal.size(); ++i) replay(after, live_.journal[i]);
  EXPECT_EQ(saved(after, now_s), saved(live_.state, now_s));
}

TEST_P(SiteStateRandomTest, ClosingDaysChangesNoNumber) {
  for (int i = 0; i < 1'000; ++i) one_hit();
  const std::int64_t now_s = traffic_.now_s();
  const Day today = local_day(now_s, traffic_.utc_offset_s(now_s));
  const Summary summary_before = live_.state.summary(now_s, calendar_of(today));  // moves the clock: a second is seen
  const std::vector<Cell> before = live_.state.days(INT32_MIN, INT32_MAX);
  std::uint64_t closed = 0;
  for (const auto& [epoch, day] : live_.state.open_days(today - 1)) {
    const auto ranking = live_.state.ranking(epoch, day, Dimension::page);
    std::uint64_t ranked = 0;
    for (const Ranked& r : ranking) ranked += r.count;
    EXPECT_EQ(ranked, oracle_.period(day, day + 1).hits);
    live_.state.close_day(epoch, day);
    EXPECT_TRUE(live_.state.ranking(epoch, day, Dimension::page).empty());
    ++closed;
  }
  EXPECT_TRUE(live_.state.open_days(today - 1).empty());
  EXPECT_EQ(live_.state.days(INT32_MIN, INT32_MAX), before);
  const Summary summary_after = live_.state.summary(now_s, calendar_of(today));
  EXPECT_TRUE(equal(summary_after.yesterday, summary_before.yesterday));
  EXPECT_TRUE(equal(summary_after.month, summary_before.month));
  EXPECT_TRUE(equal(summary_after.year, summary_before.year));
  RecordProperty("closed", std::to_string(closed));
}

TEST_P(SiteStateRandomTest, TheSecondsOfTheLastHourAreWhatWasSeen) {
  for (int i = 0; i < 3'000; ++i) one_hit();
  const std::int64_t now_s = traffic_.now_s() + kWindow_s / 3;
  advance(now_s);
  std::vector<std::pair<std::int64_t, std::uint32_t>> expected;
  for (const Observation& seen : oracle_.seen()) {
    if (seen.at_s >= now_s - 3600) expected.emplace_back(seen.at_s, seen.online);
  }
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(live_.state.seconds(INT64_MIN, INT64_MAX), expected);
  const std::int64_t from_s = now_s - 1800;
  std::erase_if(expected, [&](const auto& second) { return second.first < from_s || second.first >= now_s - 60; });
  EXPECT_EQ(live_.state.seconds(from_s, now_s - 60), expected);
}

TEST_P(SiteStateRandomTest, PagesThatAreMergedReadAsIfTheyHadAlwaysBeenOne) {
  LiveSite one(Limits{}, kWindow_s);
  constexpr const char* kInto = "/page/1";
  const auto merged = [](const std::string& path) { return path.ends_with('2') || path.ends_with('5'); };
  std::set<std::string> paths;
  Said first = traffic_.next();
  first.path = kInto;
  one.apply(one.decide(first));
  live_.apply(live_.decide(first));
  for (int i = 0; i < 1'500; ++i) {
    Said said = traffic_.next();
    live_.apply(live_.decide(said));
    if (merged(said.path)) paths.insert(said.path);
    if (merged(said.path)) said.path = kInto;
    one.apply(one.decide(said));
    if (i != 700) continue;
    live_.state.begin_epoch(Epoch{2, 77});
    one.state.begin_epoch(Epoch{2, 77});
    for (LiveSite* site : {&live_, &one}) site->state.set_included({Epoch{}, Epoch{2, 77}});
  }
  const std::int64_t now_s = traffic_.now_s() + 1;
  const auto table = [now_s](SiteState& state, PageSort sort, std::size_t limit) {
    std::vector<std::string> rows;
    const PageTable pages = state.pages(now_s, sort, limit);
    for (const PageRow& row : pages.rows) {
      rows.push_back(std::string(row.path) + " " + std::to_string(row.counted) + " " + std::to_string(row.seed()) +
                     " " + std::to_string(row.online));
    }
    rows.push_back("rest " + std::to_string(pages.rest) + " of " + std::to_string(pages.counted));
    return rows;
  };
  const std::vector<std::string> before = table(live_.state, PageSort::path, 1'000);
  const auto id = [&](const std::string& path) { return live_.state.find_page(path, base::table_hash(path)); };
  std::vector<PageId> pages;
  for (const std::string& path : paths) pages.push_back(id(path));
  ASSERT_FALSE(pages.empty());
  live_.state.mark_pages(pages, id(kInto));
  for (const PageSort sort : {PageSort::total, PageSort::online, PageSort::path}) {
    for (const std::size_t limit : {std::size_t{1}, std::size_t{5}, std::size_t{1'000}})
      EXPECT_EQ(table(live_.state, sort, limit), table(one.state, sort, limit));
  }
  for (const std::string& path : paths) {
    const auto read = live_.state.page(path, base::table_hash(path), now_s);
    const auto alone = one.state.page(kInto, base::table_hash(kInto), now_s);
    EXPECT_EQ(read->path, kInto);
    EXPECT_EQ(read->counted, alone->counted);
    EXPECT_EQ(read->online, alone->online);
  }
  live_.state.unmark_pages(pages);
  EXPECT_EQ(table(live_.state, PageSort::path, 1'000), before);
}

TEST_P(SiteStateRandomTest, WithoutSecondsTheSameIsObserved) {
  Limits limits;
  limits.seconds_of_online = false;
  LiveSite coarse(limits, kWindow_s);
  for (int i = 0; i < 1'500; ++i) {
    const Said said = traffic_.next();
    live_.apply(live_.decide(said));
    coarse.apply(coarse.decide(said));
  }
  const std::int64_t now_s = traffic_.now_s() + 2 * kWindow_s;
  live_.state.advance(now_s, 0);
  coarse.state.advance(now_s, 0);
  EXPECT_EQ(saved(coarse.state, now_s), saved(live_.state, now_s));
  EXPECT_TRUE(coarse.state.seconds(INT64_MIN, INT64_MAX).empty());
}

// --- malformed bytes ---

TEST_P(SiteStateRandomTest, DamagedBytesAreRefusedOrLoadToSomethingThatWorks) {
  for (int i = 0; i < 150; ++i) one_hit();
  live_.state.add_page_seed(Epoch{}, PageId{3}, 5);
  const std::int64_t now_s = traffic_.now_s();
  const std::string bytes = saved(live_.state, now_s);
  const auto load = [&](std::string_view damaged) {
    SiteState state(Limits{}, kWindow_s);
    base::ByteReader in(damaged);
    const bool loaded = state.load(in);
    if (loaded) {  // it may be read, hit and saved
      state.summary(now_s, calendar_of(20'000));
      state.pages(now_s, PageSort::total, 10'000);
      state.days(INT32_MIN, INT32_MAX);
      state.top(Dimension::page, INT32_MIN, INT32_MAX, 10);
      const Hit hit{.at_s = now_s, .visitor = VisitorId{5}, .counts = true, .touches_presence = true};
      state.apply(state.epoch(), {&hit, 1});
      saved(state, now_s);
    }
    return loaded && in.at_end();
  };
  ASSERT_TRUE(load(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(load(std::string_view(bytes).substr(0, size))) << size;
  }
  for (int i = 0; i < 600; ++i) {
    std::string damaged = bytes;
    for (std::uint64_t flips = 1 + traffic_.draw(3); flips > 0; --flips) {
      damaged[traffic_.draw(damaged.size())] ^= static_cast<char>(1U << traffic_.draw(8));
    }
    load(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SiteStateRandomTest, ::testing::Range(0, 4));

}  // namespace
}  // namespace footfall::counting
