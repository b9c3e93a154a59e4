// SPDX-License-Identifier: Apache-2.0
#include "ingest/rfc3339.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

std::int64_t seconds(std::string_view text) {
  std::int64_t out = INT64_MIN;
  return parse_rfc3339(text, out) ? out : INT64_MIN;
}

TEST(Rfc3339Test, ReadsZonesFractionsAndLetterCase) {
  EXPECT_EQ(seconds("2015-05-28T23:05:56Z"), 1'432'854'356);
  EXPECT_EQ(seconds("2015-05-29T06:05:56+07:00"), 1'432'854'356);
  EXPECT_EQ(seconds("2015-05-28 19:35:56.999-03:30"), 1'432'854'356);
  EXPECT_EQ(seconds("2015-05-28t23:05:56.1z"), 1'432'854'356);
  EXPECT_EQ(seconds("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(seconds("1969-12-31T23:59:59Z"), -1);
  EXPECT_EQ(seconds("2016-12-31T23:59:60Z"), seconds("2017-01-01T00:00:00Z"));
  EXPECT_EQ(seconds("2024-02-29T00:00:00Z") + 86'400, seconds("2024-03-01T00:00:00Z"));
}

TEST(Rfc3339Test, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "2015-05-28",
                           "2015-05-28T23:05:56",
                           "2015-05-28T23:05Z",
                           "2015-13-01T00:00:00Z",
                           "2015-00-01T00:00:00Z",
                           "2015-02-29T00:00:00Z",
                           "2015-04-31T00:00:00Z",
                           "2015-05-28T24:00:00Z",
                           "2015-05-28T23:60:00Z",
                           "2015-05-28T23:05:61Z",
                           "2015-05-28T23:05:56.Z",
                           "2015-05-28T23:05:56+0700",
                           "2015-05-28T23:05:56+24:00",
                           "2015-05-28T23:05:56+07:60",
                           "2015-05-28T23:05:56Zx",
                           "2015-05-28T23:05:56+07:0",
                           "x015-05-28T23:05:56Z",
                           "2015-05-28X23:05:56Z",
                           "+015-05-28T23:05:56Z",
                           "2015-05-28T23:05:56Z "}) {
    EXPECT_EQ(seconds(text), INT64_MIN) << text;
  }
}

TEST(Rfc3339Test, AgreesWithTheSystemsCalendar) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 20'000; ++round) {
    const auto expected = static_cast<std::time_t>(random() % 253'402'300'800ULL);
    std::tm parts{};
    gmtime_r(&expected, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    ASSERT_EQ(seconds(text), expected) << text;
  }
}

}  // namespace
}  // namespace footfall::ingest
