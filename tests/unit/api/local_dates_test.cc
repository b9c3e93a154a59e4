// SPDX-License-Identifier: Apache-2.0
#include "api/local_dates.h"

#include <gtest/gtest.h>

namespace footfall::api {
namespace {

TEST(LocalDates, AreReadAndWritten) {
  for (const std::string_view text : {"1970-01-01", "2026-11-23", "2024-02-29", "0001-01-01", "9999-12-31"}) {
    const auto day = parse_date(text);
    ASSERT_TRUE(day) << text;
    EXPECT_EQ(date_text(*day), text);
  }
  EXPECT_EQ(parse_date("1970-01-02"), 1);
  for (const std::string_view text :
       {"", "2026-11-31", "2026-13-01", "2026-1-01", "2026-11-23T", "20261123", "0000-01-01"})
    EXPECT_FALSE(parse_date(text)) << text;
}

TEST(LocalDates, ADateIsTakenOffTheFront) {
  std::string_view text = "2026-11-23T10:00";
  EXPECT_TRUE(take_date(text));
  EXPECT_EQ(text, "T10:00");
}

TEST(LocalDates, StepsBeginAndEnd) {
  const std::int64_t day = *parse_date("2026-11-25");
  EXPECT_EQ(date_text(step_begin(DateStep::day, day)), "2026-11-25");
  EXPECT_EQ(date_text(step_begin(DateStep::week, day)), "2026-11-23");
  EXPECT_EQ(date_text(step_begin(DateStep::month, day)), "2026-11-01");
  EXPECT_EQ(date_text(step_begin(DateStep::year, day)), "2026-01-01");
  EXPECT_EQ(step_after(DateStep::day, day), day + 1);
  EXPECT_EQ(date_text(step_after(DateStep::week, *parse_date("2026-11-23"))), "2026-11-30");
  EXPECT_EQ(date_text(step_after(DateStep::month, *parse_date("2026-12-01"))), "2027-01-01");
  EXPECT_EQ(date_text(step_after(DateStep::year, *parse_date("2026-01-01"))), "2027-01-01");
}

}  // namespace
}  // namespace footfall::api
