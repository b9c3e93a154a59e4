// SPDX-License-Identifier: Apache-2.0
// What an analysis found, for programs and for people.
#include "cli/report.h"

#include <gtest/gtest.h>

#include "cli/json_read.h"
#include "command_line.h"

namespace footfall::cli {
namespace {

const std::string kSample = FOOTFALL_TEST_LOGS "/combined.log";

TEST(ReportTest, TheSampleAsJson) {
  const Ran ran =
      footfall({"analyze", kSample, "--json", "--at", "2015-05-17T08:07:00Z", "--at", "1431849932", "--top", "2"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.out, R"({
  "lines": 11,
  "unparseable_lines": 2,
  "page_hits": 6,
  "distinct_clients": 4,
  "distinct_visitors": 4,
  "page_hits_per_day_utc": {
    "2015-05-17": 5,
    "2015-05-18": 1
  },
  "unique_visitors_per_day_utc": {
    "2015-05-17": 4,
    "2015-05-18": 1
  },
  "online": {
    "window_s": 300,
    "max": 3,
    "max_first_at": 1431850020,
    "samples": [
      {"t": 1431850020, "online": 3},
      {"t": 1431849932, "online": 2}
    ]
  },
  "top_paths": [
    ["/news/1", 3],
    ["/", 1]
  ],
  "top_referrers": [
    ["https://example.org/start", 2],
    ["https://example.vn/", 1]
  ],
  "busiest_second": {
    "t": 1431849931,
    "page_hits": 1
  }
}
)");
}

TEST(ReportTest, TheSampleAsText) {
  const Ran ran =
      footfall({"analyze", kSample, "--at", "2015-05-17T08:07:00Z", "--top", "2", "--timezone", "Asia/Ho_Chi_Minh"});
  ASSERT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.out, kSample + R"(
  page hits from 2015-05-17 15:05:31 to 2015-05-18 07:00:01, Asia/Ho_Chi_Minh

  11  lines, 2 of them unreadable
   6  page hits (GET answered 2xx or 304)
   4  distinct visitors (client and user agent)
   4  distinct clients

Online: visitors with a page hit in the last 300 s
  3  at 2015-05-17 15:07:00, the most
  3  at 2015-05-17 15:07:00

Days, Asia/Ho_Chi_Minh  page hits  visitors
  2015-05-17                    5         4  ########################################
  2015-05-18                    1         1  ########

Busiest second
  1 page hit at 2015-05-17 15:05:31

Top paths
  3  /news/1
  1  /

Top referrers
  2  https://example.org/start
  1  https://example.vn/
)");
}

TEST(ReportTest, AZoneAddsItsDaysToTheJson) {
  const Ran ran = footfall({"analyze", kSample, "--json", "--timezone", "Asia/Ho_Chi_Minh"});
  JsonDocument document;
  ASSERT_TRUE(document.parse(ran.out));
  EXPECT_EQ(document.root().text("timezone"), "Asia/Ho_Chi_Minh");
  EXPECT_EQ(document.root()["page_hits_per_day"].number("2015-05-18"), 1U);
  EXPECT_EQ(document.root()["page_hits_per_day_utc"].number("2015-05-18"), 1U);
}

TEST(ReportTest, WithoutPageHitsWhatHasNoValueIsNull) {
  const Ran ran = footfall({"analyze", kSample, "--json", "--filter", "method=NONE", "--at", "5"});
  ASSERT_EQ(ran.code, kDone);
  JsonDocument document;
  ASSERT_TRUE(document.parse(ran.out));
  EXPECT_FALSE(document.root()["busiest_second"].present());
  EXPECT_FALSE(document.root()["online"]["max_first_at"].present());
  EXPECT_EQ(document.root()["online"]["samples"].items().size(), 1U);
  EXPECT_EQ(footfall({"analyze", kSample, "--filter", "method=NONE"}).code, kDone);
}

TEST(ReportTest, ALogCannotSteerTheTerminal) {
  Report report;
  report.findings.page_hits = 1;
  report.findings.first_s = report.findings.last_s = 0;
  report.findings.paths = {{"/\x1b[31m\xff", 1}};
  EXPECT_NE(report_text(report).find("/\\x1b[31m\u00ff"), std::string::npos);
}

}  // namespace
}  // namespace footfall::cli
