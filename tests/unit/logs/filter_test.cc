// SPDX-License-Identifier: Apache-2.0
// Which lines are page hits.
#include "logs/filter.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>

namespace footfall::logs {
namespace {

Line line(std::optional<std::string_view> method, unsigned status, std::string_view target = "/",
          std::optional<std::string_view> agent = std::nullopt) {
  Line out;
  out.method = method;
  out.status = status;
  out.target = target;
  out.agent = agent;
  return out;
}

Filter parsed(const std::vector<std::string>& texts) {
  auto filter = Filter::parse(texts);
  EXPECT_TRUE(filter) << (filter ? "" : filter.error().detail);
  return filter ? *filter : Filter();
}

TEST(FilterTest, ByDefaultAPageHitIsAGetAnswered2xxOr304) {
  const Filter filter;
  for (const unsigned status : {200U, 206U, 299U, 304U}) EXPECT_TRUE(filter.passes(line("GET", status))) << status;
  for (const unsigned status : {0U, 199U, 300U, 301U, 305U, 404U, 999U})
    EXPECT_FALSE(filter.passes(line("GET", status))) << status;
  EXPECT_FALSE(filter.passes(line("get", 200)));
  EXPECT_FALSE(filter.passes(line("HEAD", 200)));
  EXPECT_FALSE(filter.passes(line(std::nullopt, 200)));
}

TEST(FilterTest, WhatIsNotNamedKeepsItsDefault) {
  const Filter filter = parsed({"path=/news/*,!*.png"});
  EXPECT_TRUE(filter.passes(line("GET", 200, "/news/1?a=/x.png")));
  EXPECT_FALSE(filter.passes(line("GET", 200, "/news/1.png?a")));
  EXPECT_FALSE(filter.passes(line("GET", 200, "/about")));
  EXPECT_FALSE(filter.passes(line("POST", 200, "/news/1")));
  EXPECT_FALSE(filter.passes(line("GET", 404, "/news/1")));
}

TEST(FilterTest, MethodsAndStatusesMayBeListedWildAndNegated) {
  const Filter both = parsed({"method=GET,HEAD", "status=2xx,30x,!301"});
  EXPECT_TRUE(both.passes(line("HEAD", 302)));
  EXPECT_FALSE(both.passes(line("HEAD", 301)));
  EXPECT_FALSE(both.passes(line("HEAD", 310)));
  EXPECT_FALSE(both.passes(line("POST", 200)));
  const Filter all = parsed({"method=* status=*"});
  EXPECT_TRUE(all.passes(line(std::nullopt, 0)));
  EXPECT_TRUE(all.passes(line("x", 999)));
  EXPECT_FALSE(parsed({"status=!4xx"}).passes(line("GET", 404)));
  EXPECT_TRUE(parsed({"status=!4xx"}).passes(line("GET", 500)));
}

TEST(FilterTest, AgentsMayBeLeftOut) {
  const Filter filter = parsed({"agent=!*bot*"});
  EXPECT_FALSE(filter.passes(line("GET", 200, "/", "a bot 1")));
  EXPECT_TRUE(filter.passes(line("GET", 200, "/", "a browser")));
  EXPECT_TRUE(filter.passes(line("GET", 200, "/")));
}

TEST(FilterTest, TheDescriptionIsWhatWasAskedFor) {
  EXPECT_EQ(Filter().description(), "GET answered 2xx or 304");
  EXPECT_EQ(parsed({"method=GET  path=/a", "status=200"}).description(), "method=GET path=/a status=200");
}

TEST(FilterTest, RefusalsNameTheTerm) {
  for (const char* text : {"GET", "verb=GET", "method=", "status=20", "status=2xxx", "status=abc",
                           "method=GET;status=200", "method=(GET)"}) {
    const auto filter = Filter::parse({text});
    ASSERT_FALSE(filter) << text;
    EXPECT_EQ(filter.error().code, base::Errc::invalid_config);
    EXPECT_NE(filter.error().detail.find(std::string(text).substr(std::string(text).find('=') + 1)), std::string::npos)
        << text;
  }
}

// --- globs, against the definition written down ---

bool slow_glob(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return slow_glob(pattern.substr(1), text) || (!text.empty() && slow_glob(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) && slow_glob(pattern.substr(1), text.substr(1));
}

TEST(GlobTest, AgreesWithItsDefinition) {
  std::mt19937 rng(1);  // all short texts over two letters are reached many times over
  const auto random_text = [&](std::string_view letters) {
    std::string text;
    for (auto n = rng() % 8; n > 0; --n) text.push_back(letters[rng() % letters.size()]);
    return text;
  };
  for (int i = 0; i < 50'000; ++i) {
    const std::string pattern = random_text("ab*?");
    const std::string text = random_text("ab");
    ASSERT_EQ(glob(pattern, text), slow_glob(pattern, text)) << pattern << " on " << text;
  }
}

}  // namespace
}  // namespace footfall::logs
