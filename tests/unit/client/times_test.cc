// SPDX-License-Identifier: Apache-2.0
// Times and dates as people type and read them.
#include "cli/times.h"

#include <gtest/gtest.h>

namespace footfall::cli {
namespace {

TEST(TimesTest, ReadsRfc3339AndUtcSeconds) {
  EXPECT_EQ(*parse_time("2015-05-28T23:05:56Z"), 1432854356);
  EXPECT_EQ(*parse_time("2015-05-29 06:05:56+07:00"), 1432854356);
  EXPECT_EQ(*parse_time("1432854356"), 1432854356);
  EXPECT_EQ(*parse_time("-1"), -1);
}

TEST(TimesTest, RefusesAnythingElseAndShowsTheForms) {
  for (const char* text : {"", "now", "2015-05-28", "2015-05-28T23:05:56", "2015-02-30T00:00:00Z",
                           "2015-05-28T23:05:56Zx", "1.5", "99999999999999"}) {
    const auto time = parse_time(text);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().code, base::Errc::invalid_config);
    EXPECT_NE(time.error().detail.find("2015-05-28T23:05:56Z"), std::string::npos);
  }
}

TEST(TimesTest, WritesDatesAndTimes) {
  EXPECT_EQ(date_text(0), "1970-01-01");
  EXPECT_EQ(date_text(-1), "1969-12-31");
  EXPECT_EQ(time_text(1432854356), "2015-05-28 23:05:56");
  EXPECT_EQ(time_text(1432854356, 7 * 3600), "2015-05-29 06:05:56");
  EXPECT_EQ(time_text(-1), "1969-12-31 23:59:59");
}

}  // namespace
}  // namespace footfall::cli
