// SPDX-License-Identifier: Apache-2.0
// Logs counted, against brute force.
#include "cli/analysis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <tuple>

namespace footfall::cli {
namespace {

struct Seen {
  std::int64_t at_s;
  std::string client;
  std::optional<std::string> agent;
  std::string target;
  std::optional<std::string> referrer;
  std::pair<std::string, std::optional<std::string>> visitor() const { return {client, agent}; }
};

class AnalysisTest : public testing::Test {
 public:
  AnalysisTest& seen(std::int64_t at_s, std::string client, std::optional<std::string> agent = "a",
                     std::string target = "/", std::optional<std::string> referrer = std::nullopt) {
    seen_.push_back({at_s, std::move(client), std::move(agent), std::move(target), std::move(referrer)});
    return *this;
  }
  Findings answer(const Analysis::Questions& questions = {}) {
    Analysis analysis;
    for (const Seen& s : seen_) {
      logs::Line line;
      line.time_s = s.at_s;
      line.client = s.client;
      if (s.agent) line.agent = *s.agent;
      line.target = s.target;
      if (s.referrer) line.referrer = *s.referrer;
      analysis.add(line);
    }
    return analysis.answer(questions);
  }

  // --- the oracle ---
  std::uint32_t online(std::int64_t t, std::int32_t window_s) const {
    std::set<std::pair<std::string, std::optional<std::string>>> visitors;
    for (const Seen& s : seen_) {
      if (s.at_s > t - window_s && s.at_s <= t) visitors.insert(s.visitor());
    }
    return static_cast<std::uint32_t>(visitors.size());
  }
  // The maximum is reached at a hit.
  counting::Peak peak(std::int32_t window_s) const {
    counting::Peak peak;
    for (const Seen& s : seen_) peak.merge({online(s.at_s, window_s), s.at_s});
    return peak;
  }

  std::deque<Seen> seen_;
};

TEST_F(AnalysisTest, AnEmptyLogHasNothing) {
  const Findings f = answer({300, {0, 1'000'000}, 10, nullptr});
  EXPECT_EQ(f.page_hits, 0U);
  EXPECT_EQ(f.visitors, 0U);
  EXPECT_TRUE(f.days.empty());
  EXPECT_EQ(f.peak, counting::Peak{});
  ASSERT_EQ(f.samples.size(), 2U);
  EXPECT_EQ(f.samples[1].at_s, 1'000'000);
  EXPECT_EQ(f.samples[1].online, 0U);
  EXPECT_FALSE(f.first_s);
}

TEST_F(AnalysisTest, AVisitorIsClientAndAgentAndLeavesWhenTheWindowPasses) {
  seen(1000, "192.0.2.1")
      .seen(1000, "192.0.2.1", "b")
      .seen(1000, "192.0.2.1", std::nullopt)
      .seen(1000, "192.0.2.1", "");
  const Findings f = answer({300, {999, 1000, 1299, 1300}, 10, nullptr});
  EXPECT_EQ(f.visitors, 4U);
  EXPECT_EQ(f.clients, 1U);
  EXPECT_EQ(f.samples[0].online, 0U);
  EXPECT_EQ(f.samples[1].online, 4U);
  EXPECT_EQ(f.samples[2].online, 4U);
  EXPECT_EQ(f.samples[3].online, 0U);
  EXPECT_EQ(f.peak, (counting::Peak{4, 1000}));
}

TEST_F(AnalysisTest, LinesThatComeLateAreSortedFirst) {
  seen(2000, "192.0.2.1").seen(1990, "192.0.2.2").seen(1700, "192.0.2.3").seen(2001, "192.0.2.1");
  const Findings f = answer({300, {1999, 2000}, 10, nullptr});
  EXPECT_EQ(f.peak, (counting::Peak{2, 1990}));
  EXPECT_EQ(f.samples[0].online, 2U);
  EXPECT_EQ(f.samples[1].online, 2U);
  EXPECT_EQ(f.first_s, 1700);
  EXPECT_EQ(f.last_s, 2001);
}

TEST_F(AnalysisTest, SamplesComeInTheOrderInWhichTheyWereAsked) {
  seen(1000, "192.0.2.1").seen(2000, "192.0.2.2").seen(2001, "192.0.2.3");
  const Findings f = answer({300, {2001, 1000, 5000, 2000, 1000}, 10, nullptr});
  std::vector<std::uint32_t> online;
  for (const Sample& sample : f.samples) online.push_back(sample.online);
  EXPECT_EQ(online, (std::vector<std::uint32_t>{2, 1, 0, 1, 1}));
}

TEST_F(AnalysisTest, DaysAreOfUtcAndOfTheZoneThatIsAskedFor) {
  const auto zone = lookup::TimeZone::find("Asia/Ho_Chi_Minh");
  ASSERT_TRUE(zone);
  // 23:30 UTC is 06:30 of the next day there.
  seen(86'400 - 1'800, "192.0.2.1").seen(86'400, "192.0.2.1").seen(86'400 + 5, "192.0.2.2");
  const Findings f = answer({300, {}, 10, *zone});
  ASSERT_EQ(f.days.size(), 2U);
  EXPECT_EQ(f.days[0].day, 0);
  EXPECT_EQ(f.days[0].page_hits, 1U);
  EXPECT_EQ(f.days[1].visitors, 2U);
  ASSERT_EQ(f.local_days.size(), 1U);
  EXPECT_EQ(f.local_days[0].day, 1);
  EXPECT_EQ(f.local_days[0].page_hits, 3U);
  EXPECT_EQ(f.local_days[0].visitors, 2U);
}

TEST_F(AnalysisTest, ListsGoByCountAndThenByBytes) {
  seen(1, "c", "a", "/b?x", "-")
      .seen(2, "c", "a", "/a")
      .seen(3, "c", "a", "/\xff", "")
      .seen(4, "c", "a", "/a?y", "r")
      .seen(5, "c", "a", "/c");
  const Findings f = answer({300, {}, 3, nullptr});
  using List = std::vector<std::pair<std::string, std::uint64_t>>;
  EXPECT_EQ(f.paths, (List{{"/a", 2}, {"/b", 1}, {"/c", 1}}));
  EXPECT_EQ(f.referrers, (List{{"r", 1}}));
}

TEST_F(AnalysisTest, TheBusiestSecondIsTheFirstOfEquals) {
  seen(9, "a").seen(5, "a").seen(7, "a").seen(5, "a").seen(7, "b");
  const Findings f = answer();
  EXPECT_EQ(f.busiest_s, 5);
  EXPECT_EQ(f.busiest_hits, 2U);
}

TEST_F(AnalysisTest, RandomLogsAreCountedAsByBruteForce) {
  const char* given = std::getenv("FOOTFALL_SEED");
  const std::uint64_t rng_seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "FOOTFALL_SEED=" << rng_seed << '\n';
  SCOPED_TRACE(rng_seed);
  std::mt19937_64 rng(rng_seed);
  const auto between = [&](std::int64_t a, std::int64_t b) {
    return std::uniform_int_distribution<std::int64_t>(a, b)(rng);
  };
  for (int round = 0; round < 60; ++round) {
    seen_.clear();
    // From a log of seconds to one of decades; from a few visitors to hundreds at once.
    const std::int64_t span_s = std::int64_t{1} << between(0, 31);
    const std::int64_t begin_s = between(-2'000'000'000, 3'000'000'000);
    const std::int64_t people = between(1, 400);
    const auto window_s = static_cast<std::int32_t>(between(15, round % 2 == 0 ? 60 : 3600));
    std::int64_t t = begin_s;
    for (std::int64_t n = between(1, 700); n > 0; --n) {
      t = between(0, 3) == 0 ? begin_s + between(0, span_s) : t + between(-20, window_s);
      seen(t, "192.0.2." + std::to_string(between(0, people)),
           between(0, 4) == 0 ? std::nullopt : std::optional<std::string>("b"), "/" + std::to_string(between(0, 20)));
    }
    Analysis::Questions questions;
    questions.window_s = window_s;
    for (int i = 0; i < 40; ++i) {
      const Seen& near = seen_[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(seen_.size()) - 1))];
      questions.at.push_back(
          near.at_s + std::vector<std::int64_t>{0, 1, -1, window_s - 1, window_s,
                                                between(-span_s, span_s)}[static_cast<std::size_t>(between(0, 5))]);
    }
    const Findings f = answer(questions);

    for (std::size_t i = 0; i < questions.at.size(); ++i) {
      ASSERT_EQ(f.samples[i].at_s, questions.at[i]);
      ASSERT_EQ(f.samples[i].online, online(questions.at[i], window_s))
          << "at " << questions.at[i] << ", window " << window_s;
    }
    ASSERT_EQ(f.peak, peak(window_s)) << f.peak.online << " at " << f.peak.at_s << ", expected "
                                      << peak(window_s).online << " at " << peak(window_s).at_s;
    std::map<std::int64_t, std::pair<std::uint64_t, std::set<std::pair<std::string, std::optional<std::string>>>>> days;
    std::set<std::pair<std::string, std::optional<std::string>>> visitors;
    for (const Seen& s : seen_) {
      auto& day = days[counting::floor_div(s.at_s, 86'400)];
      ++day.first;
      day.second.insert(s.visitor());
      visitors.insert(s.visitor());
    }
    ASSERT_EQ(f.visitors, visitors.size());
    ASSERT_EQ(f.days.size(), days.size());
    std::size_t i = 0;
    for (const auto& [day, expected] : days) {
      ASSERT_EQ(f.days[i].day, day);
      ASSERT_EQ(f.days[i].page_hits, expected.first);
      ASSERT_EQ(f.days[i].visitors, expected.second.size());
      ++i;
    }
  }
}

}  // namespace
}  // namespace footfall::cli
