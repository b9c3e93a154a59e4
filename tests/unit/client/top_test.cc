// SPDX-License-Identifier: Apache-2.0
// What footfall top makes of a daemon's answers, and how it fits into terminals.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "cli/json_read.h"
#include "cli/text.h"
#include "cli/top_reading.h"
#include "cli/top_view.h"
#include "command_line.h"
#include "scripted_server.h"
#include "support/rng_seed.h"

namespace footfall::cli {
namespace {

Reading reading(double at_s, std::vector<SiteNumbers> sites, const std::string& metrics = "") {
  Reading out;
  out.at_s = at_s;
  out.sites = std::move(sites);
  if (!metrics.empty()) out.metrics = parse_metrics(metrics);
  return out;
}

std::vector<std::string> names(const TopState& state) {
  std::vector<std::string> out;
  for (const SiteState& site : state.sites) out.push_back(site.now.site);
  return out;
}

std::string text(const View& view) {
  std::string out;
  for (const std::string& line : view.lines) out += line + "\n";
  return out;
}

TEST(TopReadingTest, MetricsAreSummedOverTheirSeries) {
  const Metrics metrics = parse_metrics(
      "# HELP a_total all\n# TYPE a_total counter\na_total{reason=\"x y\"} 3\na_total{reason=\"z\"} 4.5\na_total_more "
      "9\n"
      "b 1e3\nno number\nbroken 1x\nlast 7");
  EXPECT_EQ(sum_of(metrics, "a_total"), 7.5);
  EXPECT_EQ(sum_of(metrics, "b"), 1000);
  EXPECT_EQ(sum_of(metrics, "last"), 7);
  EXPECT_EQ(sum_of(metrics, "a"), std::nullopt);
  EXPECT_EQ(sum_of(metrics, "broken"), std::nullopt);
}

TEST(TopReadingTest, SitesAreTakenFromTheDaemonsList) {
  Reading out;
  ASSERT_TRUE(read_sites(R"({"sites":[{"site":"a","total":10,"online":2,"today":{"hits":4}}],"more":7})", out));
  ASSERT_EQ(out.sites.size(), 1U);
  EXPECT_EQ(out.sites[0].total, 10U);
  EXPECT_EQ(out.sites[0].today, 4U);
  EXPECT_EQ(out.more, 7U);
  EXPECT_FALSE(read_sites("<html>", out));
  EXPECT_FALSE(read_sites("{}", out));
}

TEST(TopHistoryTest, RatesAreOfTheLastSeconds) {
  TopHistory history;
  history.add(reading(100, {{"a", 1, 10, 1000}}));
  EXPECT_EQ(history.state(TopOrder::online).sites[0].hits_per_s, std::nullopt);  // of one reading nobody can tell
  for (int s = 1; s <= 5; ++s)
    history.add(reading(100 + s, {{"a", 1, static_cast<std::uint64_t>(10 + 2 * s), 5'000'000}}));
  EXPECT_EQ(history.state(TopOrder::online).sites[0].hits_per_s, 2);  // a seed is no hit
  for (int s = 6; s <= 12; ++s) history.add(reading(100 + s, {{"a", 1, 20, 5'000'000}}));
  EXPECT_EQ(history.state(TopOrder::online).sites[0].hits_per_s, 0);
  history.add(reading(113, {{"a", 1, 3, 5'000'003}, {"new", 0, 5, 5}}));  // the day ended
  const TopState state = history.state(TopOrder::name);
  EXPECT_EQ(state.sites[0].hits_per_s, std::nullopt);
  EXPECT_EQ(state.sites[1].hits_per_s, std::nullopt);
}

TEST(TopHistoryTest, TheDaemonsRatesNeedMetricsOfBoth) {
  TopHistory history;
  history.add(reading(1, {},
                      "footfall_hits_accepted_total 10\nfootfall_hits_rejected_total{reason=\"a\"} 1\n"
                      "footfall_journal_syncs_total 1\nfootfall_journal_sync_seconds_total 1\n"));
  history.add(reading(3, {},
                      "footfall_build_info{version=\"1.2\",revision=\"x\"} 1\nfootfall_hits_accepted_total 30\n"
                      "footfall_hits_rejected_total{reason=\"a\"} 2\nfootfall_hits_rejected_total{reason=\"b\"} 3\n"
                      "footfall_journal_syncs_total 5\nfootfall_journal_sync_seconds_total 1.5\n"
                      "footfall_ready 1\nfootfall_ledger_mismatch 0\n"));
  const DaemonState daemon = *history.state(TopOrder::online).daemon;
  EXPECT_EQ(daemon.version, "1.2");
  EXPECT_EQ(daemon.accepted_per_s, 10);
  EXPECT_EQ(daemon.rejected_per_s, 2);
  EXPECT_EQ(daemon.sync_s, 0.125);
  EXPECT_TRUE(daemon.ready);
  history.add(reading(4, {}));
  EXPECT_FALSE(history.state(TopOrder::online).daemon);
}

TEST(TopHistoryTest, SitesStandInTheOrderThatIsAskedFor) {
  TopHistory history;
  history.add(reading(1, {{"a", 5, 1, 9}, {"b", 7, 1, 8}, {"c", 5, 3, 1}}));
  history.add(reading(2, {{"a", 5, 1, 9}, {"b", 7, 2, 8}, {"c", 5, 6, 1}}));
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(history.state(TopOrder::online)), (Names{"b", "a", "c"}));
  EXPECT_EQ(names(history.state(TopOrder::today)), (Names{"c", "b", "a"}));
  EXPECT_EQ(names(history.state(TopOrder::total)), (Names{"a", "b", "c"}));
  EXPECT_EQ(names(history.state(TopOrder::hits)), (Names{"c", "b", "a"}));
  EXPECT_EQ(names(history.state(TopOrder::name)), (Names{"a", "b", "c"}));
}

TopState three_sites() {
  TopHistory history;
  const std::string metrics =
      "footfall_build_info{version=\"1.2\"} 1\nfootfall_ready 1\nfootfall_ledger_mismatch 0\nfootfall_http_connections "
      "512\n";
  history.add(reading(1, {{"example.vn", 48, 1200, 41'450'791}}, metrics));
  history.add(reading(
      2, {{"example.vn", 48, 1204, 41'450'795}, {"b.vn", 0, 0, 0}, {"www.a-long-name-of-a-site.example.vn", 3, 9, 90}},
      metrics));
  return history.state(TopOrder::online);
}

TEST(TopViewTest, AWideTerminalShowsAllColumns) {
  const View view = top_view(three_sites(), "http://127.0.0.1:8080", "", {100, 24}, 0);
  EXPECT_EQ(view.lines[view.heading], "SITE                                  ONLINE  TODAY       TOTAL  HITS/S");
  EXPECT_EQ(view.lines[view.heading + 1], "example.vn                                48  1,204  41,450,795     4.0");
  EXPECT_EQ(view.lines[view.heading + 2], "www.a-long-name-of-a-site.example.vn       3      9          90");
  EXPECT_EQ(view.lines[view.heading + 3], "b.vn                                       0      0           0");
  EXPECT_NE(text(view).find("the ledger balances"), std::string::npos);
  EXPECT_NE(text(view).find("512 connections"), std::string::npos);
}

TEST(TopViewTest, ANarrowOneGivesUpColumnsAndCutsNames) {
  const View view = top_view(three_sites(), "http://127.0.0.1:8080", "", {30, 24}, 0);
  EXPECT_EQ(view.lines[view.heading], "SITE             ONLINE  TODAY");
  EXPECT_EQ(view.lines[view.heading + 2], "www.a-long-name       3      9");
}

TEST(TopViewTest, NothingIsWiderOrLongerThanTheTerminal) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 2000; ++round) {
    TopState state = three_sites();
    state.sites.resize(random() % 4);
    for (std::size_t i = random() % 40; i > 0; --i)
      state.sites.push_back({{std::string(1 + random() % 60, 'n'), random() >> (random() % 64), 1, random()}, 1e9});
    state.more = random() % 2;
    if (random() % 3 == 0) state.daemon.reset();
    const ViewSize size{1 + random() % 120, 1 + random() % 40};
    const View view =
        top_view(state, "http://127.0.0.1:8080", random() % 2 == 0 ? "" : std::string(200, 'x'), size, random() % 60);
    EXPECT_LE(view.lines.size(), size.rows);
    EXPECT_LE(view.heading, view.lines.size());
    EXPECT_LE(view.first, state.sites.size());
    for (const std::string& line : view.lines) EXPECT_LE(columns(line), size.columns) << line;
  }
}

TEST(TopViewTest, WhereThereIsNoRoomForAllSitesItSaysHowMany) {
  TopState state;
  for (int i = 0; i < 30; ++i) state.sites.push_back({{"site" + std::to_string(i), 0, 0, 0}, {}});
  state.no_metrics = "cannot reach it";
  View view = top_view(state, "u", "", {80, 14}, 0);
  EXPECT_EQ(view.lines.size(), 14U);
  EXPECT_EQ(view.lines.back(), "9 of 30 sites");
  view = top_view(state, "u", "", {80, 14}, 99);  // past the end: the last page
  EXPECT_EQ(view.first, 21U);
  EXPECT_EQ(view.lines[view.lines.size() - 2].substr(0, 6), "site29");
}

TEST(TopViewTest, ALedgerThatDoesNotBalanceIsWhatIsSaidFirst) {
  TopState state = three_sites();
  state.daemon->mismatches = 2;
  for (const std::size_t width : {200U, 40U}) {
    const View view = top_view(state, "http://127.0.0.1:8080", "", {width, 24}, 0);
    EXPECT_EQ(view.lines[2].find("THE LEDGER DOES NOT BALANCE: 2"), 0U) << view.lines[2];
  }
}

TEST(TopViewTest, WhatIsNotHeardOfIsCalledOld) {
  const View view = top_view(three_sites(), "u", "cannot reach u: refused\n  Is it running?", {80, 24}, 0);
  EXPECT_NE(text(view).find("OLD NUMBERS: cannot reach u: refused\n"), std::string::npos);
}

TEST(TopCommandTest, JsonIsPrintedOnceWithoutAToken) {
  ScriptedServer server;
  server.answers_by([](const ScriptedServer::Request& request) -> ScriptedServer::Answer {
    if (request.line.starts_with("GET /metrics"))
      return {200, "footfall_ready 1\nfootfall_build_info{version=\"0.1.0\"} 1\n"};
    return {200, R"({"sites":[{"site":"a","total":10,"online":2,"today":{"hits":4}}],"more":0})"};
  });
  const Ran ran = footfall({"top", "--json", "--url", server.url(), "--admin", server.url()});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  JsonDocument document;
  ASSERT_TRUE(document.parse(ran.out)) << ran.out;
  EXPECT_EQ(document.root()["sites"].items()[0].text("site"), "a");
  EXPECT_EQ(document.root()["daemon"].text("version"), "0.1.0");
  EXPECT_TRUE(document.root()["daemon"]["ready"].yes());
  EXPECT_EQ(document.root()["sites"].items()[0]["hits_per_s"].shown(), "0.0");
}

TEST(TopCommandTest, WithoutMetricsTheSitesAreShownAllTheSame) {
  ScriptedServer server;
  server.answers_by([](const ScriptedServer::Request& request) -> ScriptedServer::Answer {
    if (request.line.starts_with("GET /metrics")) return {404, "{}"};
    return {200, R"({"sites":[{"site":"a","total":10,"online":2,"today":{"hits":4}}],"more":0})"};
  });
  const Ran ran = footfall({"top", "--once", "--url", server.url(), "--admin", server.url()});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_NE(ran.out.find("no metrics: "), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("a          2      4     10"), std::string::npos) << ran.out;
}

}  // namespace
}  // namespace footfall::cli
