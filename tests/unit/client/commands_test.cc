// SPDX-License-Identifier: Apache-2.0
// How commands are typed: exit codes, and what is said when they are not understood.
#include <gtest/gtest.h>

#include "command_line.h"

namespace footfall::cli {
namespace {

const std::string kLogs = FOOTFALL_TEST_LOGS;

TEST(CommandsTest, HelpAndVersionAreDone) {
  for (const char* command : {"analyze", "import", "site", "stats", "pages", "seed", "reset", "undo", "token", "audit",
                              "backup", "restore", "verify", "bench"}) {
    const Ran ran = footfall({command, "--help"});
    EXPECT_EQ(ran.code, kDone) << command;
    EXPECT_NE(ran.out.find("Usage"), std::string::npos) << command;
  }
  EXPECT_EQ(footfall({"--version"}).code, kDone);
  EXPECT_NE(footfall({"--help"}).out.find("analyze"), std::string::npos);
}

TEST(CommandsTest, WhatIsNotUnderstoodExitsWith2) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {},
           {"analyse", "x"},
           {"analyze"},
           {"analyze", "x", "--window", "14"},
           {"analyze", "x", "--window", "3601"},
           {"analyze", kLogs + "/combined.log", "--at", "noon"},
           {"analyze", kLogs + "/combined.log", "--filter", "verb=GET"},
           {"analyze", kLogs + "/combined.log", "--format", "combind"},
           {"analyze", kLogs + "/combined.log", "--timezone", "Hanoi"},
           {"import", "x"},
           {"import", "-", "--site", "example.vn"},
           {"site"},
           {"site", "set", "example.vn"},
           {"site", "add", "example.vn", "--grouping", "dots"},
           {"seed", "example.vn"},
           {"seed", "example.vn", "--total", "1", "--add", "2"},
           {"seed", "example.vn", "--total", "-1"},
           {"seed", "example.vn", "--total", "18446744073709551616"},
           {"seed", "example.vn", "--add", "9223372036854775808"},
           {"seed", "example.vn", "--add", "1e3"},
           {"pages", "example.vn", "--sort", "size"},
           {"stats", "example.vn", "--url", "ftp://example.vn"},
           {"undo"},
           {"token"},
           {"token", "add", "x"},
           {"token", "add", "x", "--scope", "read", "--expires-in", "90"},
           {"token", "add", "x", "--scope", "read", "--expires-in", "0d"},
           {"token", "add", "x", "--scope", "read", "--expires-in", "1d", "--expires-at", "2030-01-01"},
           {"token", "remove"},
           {"site", "add", "example.vn", "--hits-per-second-max", "-1"},
           {"backup"},
           {"restore", "x"},
           {"verify"},
           {"verify", "x", "--live"},
           {"verify", "--positions", "x"},
           {"bench"},
           {"bench", "--site", "example.vn", "--rate", "0"},
           {"bench", "--site", "example.vn", "--url", "http://192.0.2.1"},
       }) {
    const Ran ran = footfall(words);
    EXPECT_EQ(ran.code, kUsage) << testing::PrintToString(words);
    EXPECT_FALSE(ran.err.empty()) << testing::PrintToString(words);
    EXPECT_EQ(ran.out, "") << testing::PrintToString(words);
  }
}

TEST(CommandsTest, AFileThatCannotBeReadExitsWith1AndIsNamed) {
  const Ran ran = footfall({"analyze", "/nonexistent/access.log"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_NE(ran.err.find("/nonexistent/access.log"), std::string::npos);
}

TEST(CommandsTest, SeveralFilesAreOneLog) {
  const std::string sample = kLogs + "/combined.log";
  const Ran ran = footfall({"analyze", sample, sample, "--json"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_NE(ran.out.find("\"lines\": 22,"), std::string::npos);
  EXPECT_NE(ran.out.find("\"page_hits\": 12,"), std::string::npos);
  EXPECT_NE(ran.out.find("\"distinct_visitors\": 4,"), std::string::npos);
}

TEST(CommandsTest, NasaTsvCountsItsHeaderAsALine) {
  const Ran ran = footfall({"analyze", kLogs + "/nasa.tsv", "--format", "nasa-tsv", "--json"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_NE(ran.out.find("\"lines\": 5,"), std::string::npos);
  EXPECT_NE(ran.out.find("\"unparseable_lines\": 1,"), std::string::npos);
  EXPECT_NE(ran.out.find("\"page_hits\": 2,"), std::string::npos);
}

TEST(CommandsTest, UnreadableLinesAreShownOnRequestWithTheirNumber) {
  const std::string sample = kLogs + "/combined.log";
  EXPECT_EQ(footfall({"analyze", sample}).err, "");
  EXPECT_EQ(footfall({"analyze", sample, "--unreadable", "9"}).err,
            "line 7: 192.0.2.4 - - [32/May/2015:08:07:02 +0000] \"GET /no/such/day HTTP/1.1\" 200 1 \"-\" \"-\"\n"
            "line 8: this line is broken\n");
  EXPECT_EQ(footfall({"analyze", sample, "--unreadable", "1"}).err.find("line 8"), std::string::npos);
}

TEST(CommandsTest, FormatsMayBeGivenInTheServersOwnWords) {
  const std::string sample = kLogs + "/combined.log";
  const Ran ran =
      footfall({"analyze", sample, "--json", "--format", R"(%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i")"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_NE(ran.out.find("\"page_hits\": 4,"), std::string::npos)
      << ran.out;  // without the two lines that are no Combined ones
}

}  // namespace
}  // namespace footfall::cli
