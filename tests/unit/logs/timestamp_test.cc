// SPDX-License-Identifier: Apache-2.0
// Times of log lines, against the C library.
#include "logs/timestamp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <optional>
#include <random>
#include <string>

namespace footfall::logs {
namespace {

std::optional<std::int64_t> local(LocalTimeReader& reader, const std::string& text) {
  EXPECT_EQ(text.size(), LocalTimeReader::kSize) << text;
  Instant time;
  if (reader.read(text.data(), time) != TimeFit::good) return std::nullopt;
  return time.utc_s;
}

std::optional<std::int64_t> local(const std::string& text) {
  LocalTimeReader reader;
  return local(reader, text);
}

TimeFit fit(const std::string& text) {
  LocalTimeReader reader;
  Instant time;
  return reader.read(text.data(), time);
}

std::optional<std::int64_t> iso(std::string_view text, std::size_t expected_size) {
  Instant time;
  std::size_t size = 0;
  if (read_iso_time(text, time, size) != TimeFit::good) return std::nullopt;
  EXPECT_EQ(size, expected_size) << text;
  return time.utc_s;
}

TEST(LocalTimeTest, AnOffsetIsTakenOff) {
  EXPECT_EQ(local("17/May/2015:08:05:32 +0000"), 1431849932);
  EXPECT_EQ(local("17/May/2015:15:05:32 +0700"), 1431849932);
  EXPECT_EQ(local("17/May/2015:04:35:32 -0330"), 1431849932);
  EXPECT_EQ(local("01/Jan/1970:00:00:00 +9999"), -(99 * 60 + 99) * 60);
}

TEST(LocalTimeTest, ALeapSecondIsTheSecondAfterIt) {
  EXPECT_EQ(local("30/Jun/2015:23:59:60 +0000"), local("01/Jul/2015:00:00:00 +0000"));
  EXPECT_EQ(fit("30/Jun/2015:23:59:61 +0000"), TimeFit::bad_value);
}

TEST(LocalTimeTest, DaysAndHoursThatDoNotExistAreBadValues) {
  for (const char* text : {"32/May/2015:08:05:32 +0000", "00/May/2015:08:05:32 +0000", "29/Feb/2015:08:05:32 +0000",
                           "29/Feb/1900:08:05:32 +0000", "17/Mai/2015:08:05:32 +0000", "17/May/0000:08:05:32 +0000",
                           "17/May/2015:24:05:32 +0000", "17/May/2015:08:60:32 +0000"}) {
    EXPECT_EQ(fit(text), TimeFit::bad_value) << text;
  }
  EXPECT_TRUE(local("29/Feb/2000:08:05:32 +0000"));
}

TEST(LocalTimeTest, WhatBreaksTheGrammarIsNoMatch) {
  const std::string good = "17/May/2015:08:05:32 +0000";
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string text = good;
    text[at] = '#';
    EXPECT_EQ(fit(text), TimeFit::no_match) << text;
    // The same after a good line, which is remembered.
    LocalTimeReader reader;
    Instant time;
    ASSERT_EQ(reader.read(good.data(), time), TimeFit::good);
    EXPECT_EQ(reader.read(text.data(), time), TimeFit::no_match) << text;
  }
  EXPECT_EQ(fit("17/MAY/2015:08:05:32 +0000"), TimeFit::no_match);
  EXPECT_EQ(fit(std::string(12, '\0') + "08:05:32" + std::string(6, '\0')), TimeFit::no_match);
}

TEST(LocalTimeTest, ABadLineDoesNotSpoilWhatIsRemembered) {
  LocalTimeReader reader;
  EXPECT_EQ(local(reader, "17/May/2015:08:05:32 +0000"), 1431849932);
  EXPECT_FALSE(local(reader, "32/May/2015:08:05:32 +0100"));
  EXPECT_EQ(local(reader, "17/May/2015:08:05:33 +0000"), 1431849933);
  EXPECT_EQ(local(reader, "17/May/2015:08:05:33 +0100"), 1431846333);
  EXPECT_EQ(local(reader, "18/May/2015:08:05:33 +0100"), 1431932733);
}

TEST(LocalTimeTest, RandomTimesAreThoseOfTheCLibrary) {
  const char* given = std::getenv("FOOTFALL_SEED");
  const std::uint64_t rng_seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "FOOTFALL_SEED=" << rng_seed << '\n';
  SCOPED_TRACE(rng_seed);
  std::mt19937_64 rng(rng_seed);
  LocalTimeReader reader;
  for (int i = 0; i < 20'000; ++i) {
    // The years 1 to 9999; every other one near the one before, as in a log.
    const std::time_t seconds = std::uniform_int_distribution<std::time_t>(-62'000'000'000, 253'000'000'000)(rng);
    for (const std::time_t t : {seconds, seconds + 1, seconds + 3600}) {
      const int offset_minutes = std::uniform_int_distribution<int>(-14 * 60, 14 * 60)(rng);
      std::tm utc{};
      gmtime_r(&t, &utc);
      char text[64];
      const std::size_t size = std::strftime(text, sizeof text, "%d/%b/%Y:%H:%M:%S ", &utc);
      std::string line(text, size);
      if (line.size() != 21) continue;  // strftime writes years before 1000 shorter
      const int magnitude = std::abs(offset_minutes);
      char offset[16];
      std::snprintf(offset, sizeof offset, "%c%02d%02d", offset_minutes < 0 ? '-' : '+', magnitude / 60,
                    magnitude % 60);
      EXPECT_EQ(local(reader, line + offset), t - std::int64_t{offset_minutes} * 60) << line << offset;
    }
  }
}

TEST(IsoTimeTest, ZoneMayBeZOrAnOffsetWithOrWithoutColon) {
  EXPECT_EQ(iso("2015-05-17T08:05:32Z", 20), 1431849932);
  EXPECT_EQ(iso("2015-05-17T08:05:32+00:00 rest", 25), 1431849932);
  EXPECT_EQ(iso("2015-05-17 15:05:32.250+0700", 28), 1431849932);
  EXPECT_EQ(iso("2015-05-17T04:35:32-03:30", 25), 1431849932);
}

TEST(IsoTimeTest, WithoutZoneOrWithAnImpossibleDayItIsNoTime) {
  for (const char* text : {"2015-05-17T08:05:32", "2015-05-17T08:05:32.", "2015-05-17T08:05:32+0",
                           "2015-05-17T08:05:32+00:", "2015-05-17T08:05:32+00:0", "2015-02-30T08:05:32Z",
                           "2015-5-17T08:05:32Z", "", "2015-05-17T25:05:32Z"}) {
    EXPECT_FALSE(iso(text, 0)) << text;
  }
}

TEST(SecondsTest, TheFractionIsCutOff) {
  Instant time;
  std::size_t size = 0;
  ASSERT_EQ(read_seconds("1431849932.999 x", time, size), TimeFit::good);
  EXPECT_EQ(time.utc_s, 1431849932);
  EXPECT_EQ(size, 14U);
  ASSERT_EQ(read_seconds("1431849932", time, size), TimeFit::good);
  EXPECT_EQ(read_seconds("x", time, size), TimeFit::no_match);
  EXPECT_EQ(read_seconds("", time, size), TimeFit::no_match);
  EXPECT_EQ(read_seconds("9999999999999", time, size), TimeFit::no_match);
}

}  // namespace
}  // namespace footfall::logs
