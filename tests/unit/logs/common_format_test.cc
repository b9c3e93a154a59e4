// SPDX-License-Identifier: Apache-2.0
// The Common and Combined Log Formats, also against the same two grammars as regular expressions.
#include "logs/common_format.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "logs/request_line.h"

namespace footfall::logs {
namespace {

std::string show(const std::optional<std::string_view>& text) {
  return text ? "<" + std::string(*text) + ">" : "none";
}

std::string show(const Line& line) {
  std::ostringstream out;
  out << line.time_s << ' ' << line.offset_s << " client<" << line.client << "> method " << show(line.method)
      << " target<" << line.target << "> status " << line.status << " referrer " << show(line.referrer) << " agent "
      << show(line.agent);
  return out.str();
}

class CommonFormatTest : public testing::Test {
 protected:
  // What the line says, or "unreadable".
  std::string read(const std::string& text) {
    Line line;
    return format_.read(text, line) ? show(line) : "unreadable";
  }
  Line line(const std::string& text) {
    text_ = text;
    Line line;
    EXPECT_TRUE(format_.read(text_, line)) << text;
    return line;
  }
  CommonFormat format_;
  std::string text_;
};

const std::string kFront = "192.0.2.1 - - [17/May/2015:08:05:32 +0000] ";

TEST_F(CommonFormatTest, ReadsACombinedLine) {
  EXPECT_EQ(read(kFront + R"("GET /a?b HTTP/1.1" 200 5120 "https://example.org/" "Mozilla/5.0")"),
            "1431849932 0 client<192.0.2.1> method <GET> target</a?b> status 200 referrer <https://example.org/> agent "
            "<Mozilla/5.0>");
}

TEST_F(CommonFormatTest, ReadsACommonLineWithoutReferrerAndAgent) {
  EXPECT_EQ(read(kFront + R"("HEAD / HTTP/1.0" 304 -)"),
            "1431849932 0 client<192.0.2.1> method <HEAD> target</> status 304 referrer none agent none");
}

TEST_F(CommonFormatTest, WhatIsAppendedAfterTheAgentIsSkipped) {
  EXPECT_EQ(line(kFront + R"("GET / HTTP/1.1" 200 1 "-" "a" 0.003 "x" y)").agent, "a");
  EXPECT_EQ(read(kFront + R"("GET / HTTP/1.1" 200 1 0.003)"), "unreadable");
}

TEST_F(CommonFormatTest, EscapedQuotesStayAsTheyStand) {
  EXPECT_EQ(line(kFront + R"("GET /\"x\" HTTP/1.1" 200 1 "-" "a \"b\" \\")").agent, R"(a \"b\" \\)");
  EXPECT_EQ(line(kFront + R"("GET /\"x\" HTTP/1.1" 200 1 "-" "a")").target, R"(/\"x\")");
}

TEST_F(CommonFormatTest, BareQuotesInTheRequestAreReadLoosely) {
  EXPECT_EQ(line(kFront + R"("GET /a"b" HTTP/1.0" 200 77)").target, R"(/a"b")");
  EXPECT_EQ(line(kFront + R"("GET /a" 200 1" HTTP/1.0" 404 77)").status, 404U);
}

TEST_F(CommonFormatTest, AUserMayHoldSpacesAndBrackets) {
  EXPECT_EQ(line(R"(192.0.2.1 - a b [x] [17/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 200 1)").time_s, 1431849932);
  EXPECT_EQ(line(R"(192.0.2.1 -  [17/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 200 1)").time_s, 1431849932);
}

TEST_F(CommonFormatTest, TheFirstTimeFromWhichTheRestFitsIsTaken) {
  EXPECT_EQ(line(R"(192.0.2.1 - - [17/May/2015:08:05:32 +0000] "x [18/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 200 1)")
                .time_s,
            1431849932 + 86400);
}

TEST_F(CommonFormatTest, ATimeThatDoesNotExistMakesTheLineUnreadable) {
  EXPECT_EQ(read(R"(192.0.2.1 - - [32/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 200 1)"), "unreadable");
}

TEST_F(CommonFormatTest, WhiteSpaceIsThatOfLatin1) {
  // A non-breaking space, NEL or a file separator ends a word, and the word is not followed by a space.
  for (const char* space : {"\xa0", "\x85", "\x1c", "\x1f", "\t"}) {
    EXPECT_EQ(read("192.0.2.1" + std::string(space) + " - - [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\" 200 1"),
              "unreadable");
    EXPECT_NE(read(kFront + "\"GET / HTTP/1.1\" 200 1" + space), "unreadable");
  }
  EXPECT_NE(read("192.0.2.1\xa1 - - [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\" 200 1"), "unreadable");
}

TEST_F(CommonFormatTest, EveryPrefixOfALineIsReadWithoutHarm) {
  const std::string whole = kFront + R"("GET / HTTP/1.1" 200 5120 "-" "a\"b" x)";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string prefix = whole.substr(0, size);
    // An exact copy without a terminator, so that a sanitizer sees a read past the end.
    const std::vector<char> bytes(prefix.begin(), prefix.end());
    Line line;
    format_.read(std::string_view(bytes.empty() ? "" : bytes.data(), bytes.size()), line);
  }
}

TEST_F(CommonFormatTest, AHostileLineTakesLinearTime) {
  // Each of these is quadratic for a reader that starts over: a megabyte would then take minutes.
  std::string stamps = "192.0.2.1 - - ";
  std::string quotes = kFront + "\"";
  std::string escapes = kFront + "\"";
  while (stamps.size() < 1'000'000) stamps += "[17/May/2015:08:05:32 +0000] \" ";
  while (quotes.size() < 1'000'000) quotes += "\" 200 1 \"";
  while (escapes.size() < 1'000'000) escapes += "\\\\";
  EXPECT_EQ(read(stamps), "unreadable");
  EXPECT_EQ(read(quotes + "x"), "unreadable");
  EXPECT_EQ(read(escapes), "unreadable");
}

// --- the oracle: the grammars as regular expressions; RE2 finds what a backtracking engine would find first ---

std::string oracle(const std::string& text) {
  static const RE2::Options latin1 = [] {
    RE2::Options options(RE2::Latin1);
    options.set_log_errors(true);
    return options;
  }();
  static const std::string space = R"(\t\n\v\f\r\x1c-\x1f \x85\xa0)";
  static const std::string front =
      "([^" + space + "]+) ([^" + space + R"(]+) (.*?) \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] )";
  static const std::string quoted = R"_("((?:[^"\\]|\\.)*)")_";
  static const std::string numbers = R"_( (\d{3}) (\d+|-))_";
  static const std::string tail = "(.*))?[" + space + "]*";
  static const RE2 strict(front + quoted + numbers + "(?: " + quoted + " " + quoted + tail, latin1);
  static const RE2 loose(front + R"_("(.*)")_" + numbers + R"_((?: "(.*?)" "(.*?)")_" + tail, latin1);
  constexpr int kGroups = 11;
  re2::StringPiece m[kGroups];
  const auto matches = [&](const RE2& grammar) {
    return grammar.Match(text, 0, text.size(), RE2::ANCHOR_BOTH, m, kGroups);
  };
  if (!matches(strict) && !matches(loose)) return "unreadable";
  const auto group = [&](int i) { return std::string_view(m[i].data(), m[i].size()); };
  LocalTimeReader reader;
  Instant time;
  if (reader.read(m[4].data(), time) != TimeFit::good) return "unreadable";
  Line line;
  split_request(group(5), line);
  line.time_s = time.utc_s;
  line.offset_s = time.offset_s;
  line.client = group(1);
  line.status = static_cast<unsigned>(std::stoi(std::string(group(6))));
  if (m[8].data() != nullptr) line.referrer = group(8);
  if (m[9].data() != nullptr) line.agent = group(9);
  return show(line);
}

TEST_F(CommonFormatTest, NastyLinesAreReadAsTheRegularExpressionsRead) {
  const char* given = std::getenv("FOOTFALL_SEED");
  const std::uint64_t rng_seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "FOOTFALL_SEED=" << rng_seed << '\n';
  SCOPED_TRACE(rng_seed);
  std::mt19937_64 rng(rng_seed);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(rng); };
  const std::vector<std::string> pieces = {"\"",
                                           "\\",
                                           "\\\"",
                                           " ",
                                           "\" \"",
                                           "\" 200 1",
                                           "\" 304 -",
                                           " [17/May/2015:08:05:32 +0000] \"",
                                           "[32/May/2015:08:05:32 -0330] \"",
                                           "GET / HTTP/1.1",
                                           "GET /x",
                                           "a",
                                           "\xa0",
                                           "\x85",
                                           "\x1d",
                                           "\t",
                                           "-",
                                           " 200 12",
                                           "7",
                                           "[",
                                           "]",
                                           "\r"};
  const std::vector<std::string> starts = {"192.0.2.1 - - [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1",
                                           "192.0.2.1 - ",
                                           "192.0.2.1 - - [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\" 200 1", ""};
  int readable = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text = starts[below(starts.size())];
    for (std::size_t n = below(9); n > 0; --n) text += pieces[below(pieces.size())];
    const std::string expected = oracle(text);
    if (expected != "unreadable") ++readable;
    ASSERT_EQ(read(text), expected) << text;
  }
  EXPECT_GT(readable, 4000);
}

}  // namespace
}  // namespace footfall::logs
