// SPDX-License-Identifier: Apache-2.0
// The reader of time zone files: against the date library for every zone and transition up to 2037, against calendar
// facts beyond, and against broken bytes.
#include "lookup/tzif.h"

#include <date/tz.h>
#include <gtest/gtest.h>

#include <random>

#include "base/file_system.h"
#include "support/rng_seed.h"

namespace footfall::lookup {
namespace {

std::string file_of(const std::string& zone) {
  const auto bytes = base::read_file(base::posix_file_system(), "/usr/share/zoneinfo/" + zone, 1U << 20U);
  return bytes ? bytes.value() : std::string();
}

std::int32_t offset_at(const std::vector<OffsetSpan>& spans, std::int64_t utc_s) {
  for (const auto& span : spans) {
    if (utc_s >= span.from_s && utc_s < span.until_s) return span.offset_s;
  }
  ADD_FAILURE() << "no span holds " << utc_s;
  return 0;
}

std::int64_t utc(int year, unsigned month, unsigned day, int hour = 0) {
  return std::int64_t{
             date::sys_days{date::year{year} / date::month{month} / date::day{day}}.time_since_epoch().count()} *
             86'400 +
         hour * 3600;
}

class TzifTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (file_of("UTC").empty()) GTEST_SKIP() << "no tz database on this machine";
  }
  std::vector<OffsetSpan> spans(const std::string& zone) {
    auto parsed = parse_tzif(file_of(zone), 2100);
    EXPECT_TRUE(parsed.has_value()) << zone << (parsed ? "" : parsed.error().detail);
    return parsed ? parsed.value() : std::vector<OffsetSpan>{{}};
  }
};

TEST_F(TzifTest, EveryZoneAgreesWithTheDateLibraryUntil2037) {
  std::size_t zones = 0;
  for (const auto& zone : date::get_tzdb().zones) {
    const std::string bytes = file_of(zone.name());
    if (bytes.empty() || zone.name().rfind("right/", 0) == 0) continue;
    const auto parsed = parse_tzif(bytes, 2100);
    ASSERT_TRUE(parsed.has_value()) << zone.name() << ": " << parsed.error().detail;
    ++zones;
    for (std::int64_t t = 0; t < utc(2037, 1, 1);) {
      const auto info = zone.get_info(date::sys_seconds{std::chrono::seconds{t}});
      EXPECT_EQ(offset_at(parsed.value(), t), info.offset.count()) << zone.name() << " at " << t;
      const std::int64_t end = info.end.time_since_epoch().count();
      if (end < utc(2037, 1, 1)) {
        EXPECT_EQ(offset_at(parsed.value(), end - 1), info.offset.count()) << zone.name();
      }
      t = end;
    }
  }
  EXPECT_GT(zones, 300U);
}

TEST_F(TzifTest, SpansTouchOneAnotherAndDiffer) {
  for (const char* zone : {"America/New_York", "Asia/Ho_Chi_Minh", "Africa/Casablanca", "UTC", "Europe/Dublin"}) {
    const auto all = spans(zone);
    EXPECT_EQ(all.front().from_s, INT64_MIN);
    EXPECT_EQ(all.back().until_s, INT64_MAX);
    for (std::size_t i = 1; i < all.size(); ++i) {
      EXPECT_EQ(all[i].from_s, all[i - 1].until_s) << zone;
      EXPECT_LT(all[i].from_s, all[i].until_s) << zone;
      EXPECT_NE(all[i].offset_s, all[i - 1].offset_s) << zone;
    }
  }
}

TEST_F(TzifTest, DaylightSavingGoesOnBehindTheLastTransitionOfTheFile) {
  const auto new_york = spans("America/New_York");
  EXPECT_EQ(offset_at(new_york, utc(2050, 7, 1)), -4 * 3600);
  EXPECT_EQ(offset_at(new_york, utc(2050, 1, 1)), -5 * 3600);
  // Second Sunday of March 2050 is the 13th; 02:00 EST is 07:00 UTC.
  EXPECT_EQ(offset_at(new_york, utc(2050, 3, 13, 7) - 1), -5 * 3600);
  EXPECT_EQ(offset_at(new_york, utc(2050, 3, 13, 7)), -4 * 3600);
  const auto dublin = spans("Europe/Dublin");  // its winter is the "daylight saving", an hour back
  EXPECT_EQ(offset_at(dublin, utc(2099, 7, 1)), 3600);
  EXPECT_EQ(offset_at(dublin, utc(2099, 12, 1)), 0);
  const auto sydney = spans("Australia/Sydney");
  EXPECT_EQ(offset_at(sydney, utc(2060, 1, 15)), 11 * 3600);
  EXPECT_EQ(offset_at(sydney, utc(2060, 7, 15)), 10 * 3600);
}

// A file of the given rule alone, as `zic -b slim` writes for a zone that never changed otherwise.
std::string file_with_rule(const std::string& rule) {
  std::string block = "TZif2" + std::string(15 + 3 * 4, '\0') + std::string("\0\0\0\0", 4) +
                      std::string("\0\0\0\1", 4) + std::string("\0\0\0\4", 4) + std::string(6, '\0') +
                      std::string("XXX\0", 4);
  return block + block + "\n" + rule + "\n";
}

TEST(TzifRuleTest, ReadsEveryFormOfRule) {
  const auto at = [](const std::string& rule, std::int64_t utc_s) {
    const auto parsed = parse_tzif(file_with_rule(rule), 2100);
    if (!parsed) {
      ADD_FAILURE() << rule << ": " << parsed.error().detail;
      return -1;
    }
    return offset_at(parsed.value(), utc_s);
  };
  EXPECT_EQ(at("<+07>-7", utc(2026, 1, 1)), 7 * 3600);
  EXPECT_EQ(at("<-0330>3:30<-0230>,M3.2.0,M11.1.0", utc(2026, 7, 1)), -9000);
  EXPECT_EQ(at("<-0330>3:30<-0230>,M3.2.0,M11.1.0", utc(2026, 1, 1)), -12'600);
  // J60 is 1 March in every year, 59 counts 29 February.
  EXPECT_EQ(at("AAA0BBB,J60/0,J300", utc(2024, 3, 1) - 1), 0);
  EXPECT_EQ(at("AAA0BBB,J60/0,J300", utc(2024, 3, 1)), 3600);
  EXPECT_EQ(at("AAA0BBB,59/0,300", utc(2024, 2, 29) - 1), 0);
  EXPECT_EQ(at("AAA0BBB,59/0,300", utc(2024, 2, 29)), 3600);
  EXPECT_EQ(at("AAA0BBB,59/0,300", utc(2023, 3, 1) - 1), 0);
  EXPECT_EQ(at("AAA0BBB,59/0,300", utc(2023, 3, 1)), 3600);
  // Negative and large hours (RFC 8536): 26 October 2025 is the last Sunday; one hour before its midnight.
  EXPECT_EQ(at("AAA0BBB,M3.5.0/0,M10.5.0/-1", utc(2025, 10, 25, 22) - 1), 3600);
  EXPECT_EQ(at("AAA0BBB,M3.5.0/0,M10.5.0/-1", utc(2025, 10, 25, 22)), 0);
  EXPECT_EQ(at("AAA0BBB,M3.4.4/50,M10.4.4/50", utc(2025, 3, 29, 2)), 3600);
}

TEST(TzifRuleTest, RefusesWhatBreaksTheGrammar) {
  for (const char* rule :
       {"AA0", "AAA", "AAA25", "AAA0BBB", "AAA0BBB,M13.1.0,M1.1.0", "AAA0BBB,M0.1.0,M1.1.0", "AAA0BBB,M1.6.0,M1.1.0",
        "AAA0BBB,M1.1.7,M1.1.0", "AAA0BBB,J0,J1", "AAA0BBB,J1,J366", "AAA0BBB,M1.1.0", "AAA0BBB,M1.1.0,M2.1.0,",
        "<AAA0", "AAA0:60", "AAA0BBB,M1.1.0/168,M2.1.0"}) {
    EXPECT_FALSE(parse_tzif(file_with_rule(rule), 2100).has_value()) << rule;
  }
  EXPECT_FALSE(parse_tzif("", 2100).has_value());
  EXPECT_FALSE(parse_tzif("not a time zone", 2100).has_value());
}

TEST_F(TzifTest, EveryTruncationIsRefusedOrReadAndNeverReadsPastTheEnd) {
  const std::string whole = file_of("Europe/Paris");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    EXPECT_FALSE(parse_tzif(cut, 2100).has_value()) << size;
  }
}

TEST_F(TzifTest, FlippedBytesNeverBreakTheInvariants) {
  const std::uint64_t seed = testing::rng_seed();
  std::mt19937_64 random(seed);
  const std::string whole = file_of("Europe/Paris");
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (int flips = 0; flips < 3; ++flips) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto parsed = parse_tzif(bytes, 2100);
    if (!parsed) continue;
    ASSERT_FALSE(parsed.value().empty());
    for (std::size_t i = 1; i < parsed.value().size(); ++i) {
      ASSERT_EQ(parsed.value()[i].from_s, parsed.value()[i - 1].until_s) << "seed " << seed << " round " << round;
    }
  }
}

}  // namespace
}  // namespace footfall::lookup
