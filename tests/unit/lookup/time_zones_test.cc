// SPDX-License-Identifier: Apache-2.0
#include "lookup/time_zones.h"

#include <gtest/gtest.h>

#include "base/file_system.h"

namespace footfall::lookup {
namespace {

constexpr std::int64_t kDay = 86'400;

std::shared_ptr<const TimeZone> zone(std::string_view name) {
  auto found = TimeZone::find(name);
  if (!found) throw std::runtime_error(found.error().detail);
  return found.value();
}

class TimeZonesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto there = base::posix_file_system().exists("/usr/share/zoneinfo/Asia/Ho_Chi_Minh");
    if (!there || !there.value()) GTEST_SKIP() << "no tz database on this machine";
  }
};

std::int32_t local_day(const TimeZone& z, std::int64_t t) {
  const std::int64_t local = t + z.offset_at(t);
  return static_cast<std::int32_t>(local >= 0 ? local / kDay : -((-local + kDay - 1) / kDay));
}

TEST_F(TimeZonesTest, HoChiMinhIsSevenHoursAhead) {
  const auto z = zone("Asia/Ho_Chi_Minh");
  EXPECT_EQ(z->name(), "Asia/Ho_Chi_Minh");
  EXPECT_EQ(z->offset_at(1'795'000'000), 7 * 3600);
  EXPECT_EQ(z->day_begin(20'000), 20'000 * kDay - 7 * 3600);
}

TEST_F(TimeZonesTest, AZoneIsLoadedOnce) {
  EXPECT_EQ(zone("Asia/Ho_Chi_Minh"), zone("Asia/Ho_Chi_Minh"));
}

TEST(TimeZonesUtcTest, UtcIsKnownWithoutAnyFile) {
  const auto z = zone("UTC");
  EXPECT_EQ(z->offset_at(0), 0);
  EXPECT_EQ(z->day_begin(-1), -kDay);
  EXPECT_EQ(z->span_at(INT64_MAX - 1).from_s, INT64_MIN);
}

TEST_F(TimeZonesTest, TheSpanHoldsTheSecondThatWasAskedFor) {
  const auto z = zone("Europe/Paris");
  for (std::int64_t t = 0; t < 4'133'980'800; t += 40 * kDay + 12'345) {
    const auto& span = z->span_at(t);
    EXPECT_LE(span.from_s, t);
    EXPECT_GT(span.until_s, t);
  }
  EXPECT_EQ(z->span_at(INT64_MIN).from_s, INT64_MIN);
}

// What day_begin() is by definition: the least t whose local day is `day` or later, found hour by hour, then second by
// second.
std::int64_t slow_day_begin(const TimeZone& z, std::int32_t day) {
  std::int64_t t = (std::int64_t{day} - 2) * kDay;
  while (local_day(z, t) < day) t += 60;
  while (local_day(z, t - 1) >= day) --t;
  return t;
}

TEST_F(TimeZonesTest, DayBeginAgreesWithASearchInZonesThatChangeAtMidnight) {
  // Havana, Sao Paulo, Beirut and Asuncion change at 00:00; St John's did at 00:01; Apia skipped a day.
  for (const char* name : {"America/Havana", "America/Sao_Paulo", "Asia/Beirut", "America/Asuncion", "America/St_Johns",
                           "Pacific/Apia", "Pacific/Kwajalein", "Africa/Cairo", "Europe/Paris", "Asia/Ho_Chi_Minh"}) {
    const auto z = zone(name);
    for (std::int32_t day = 365 * 40; day < 365 * 44; ++day) {  // 2009-12-22 to 2013-12-21
      ASSERT_EQ(z->day_begin(day), slow_day_begin(*z, day)) << name << " day " << day;
    }
  }
}

TEST_F(TimeZonesTest, DaysOfASpringForwardAreTwentyThreeHoursLong) {
  const auto z = zone("America/New_York");
  const std::int32_t day = 19'792;  // 2024-03-10
  EXPECT_EQ(z->day_begin(day + 1) - z->day_begin(day), 23 * 3600);
  EXPECT_EQ(local_day(*z, z->day_begin(day)), day);
  EXPECT_EQ(local_day(*z, z->day_begin(day) - 1), day - 1);
}

TEST_F(TimeZonesTest, ADayThatAZoneSkippedHoldsNoSecond) {
  const auto z = zone("Pacific/Apia");
  const std::int32_t skipped = 15'338;  // 2011-12-30
  EXPECT_EQ(z->day_begin(skipped), z->day_begin(skipped + 1));
}

TEST_F(TimeZonesTest, DayBeginsNeverGoBackAcrossTwoCenturies) {
  for (const char* name : {"America/St_Johns", "Africa/Casablanca", "Antarctica/Troll"}) {
    const auto z = zone(name);
    for (std::int32_t day = -1000; day < 365 * 131; ++day) ASSERT_LE(z->day_begin(day), z->day_begin(day + 1)) << name;
  }
}

// Errors.

TEST_F(TimeZonesTest, AnUnknownNameIsNotFoundAndTheTextShowsTheForm) {
  for (const char* name :
       {"Asia/Hochiminh", "", "/etc/passwd", "../../../etc/passwd", "Asia", "zone.tab", "Asia/", "right/UTC\n"}) {
    const auto found = TimeZone::find(name);
    ASSERT_FALSE(found.has_value()) << name;
    EXPECT_EQ(found.error().code, base::Errc::not_found) << name;
    EXPECT_NE(found.error().detail.find("Asia/Ho_Chi_Minh"), std::string::npos);
  }
}

TEST_F(TimeZonesTest, AZoneThatCountsLeapSecondsIsRefusedWithTheReason) {
  const auto there = base::posix_file_system().exists("/usr/share/zoneinfo/right/UTC");
  if (!there || !there.value()) GTEST_SKIP() << "no right/ zones on this machine";
  const auto found = TimeZone::find("right/UTC");
  ASSERT_FALSE(found.has_value());
  EXPECT_NE(found.error().detail.find("leap seconds"), std::string::npos);
}

}  // namespace
}  // namespace footfall::lookup
