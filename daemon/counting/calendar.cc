// SPDX-License-Identifier: Apache-2.0
// calendar_of: the first days of the month and the year that a local day is in.
//
// Days are counted from 1970-01-01 in the proleptic Gregorian calendar. The year is taken to begin in March, so that
// the leap day comes last; 400 years (an era) have 146,097 days.
// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
// Tested by tests/unit/counting/site_state_test.cc against a day-by-day walk.
#include "counting/site_state.h"

namespace footfall::counting {

Calendar calendar_of(Day today) {
  const std::int64_t since_era_origin = std::int64_t{today} + 719'468;  // days since 0000-03-01
  const std::int64_t era = floor_div(since_era_origin, 146'097);
  const std::int64_t day_of_era = since_era_origin - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t year_begin_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100;
  const std::int64_t day_of_year = day_of_era - year_begin_of_era;  // 0: 1 March
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::int64_t month_begin = (153 * month_from_march + 2) / 5;
  const std::int64_t day_of_month = day_of_year - month_begin;

  // 1 January stands 306 days after the 1 March before it; from March on, 59 or 60 days before its year's 1 March.
  std::int64_t days_since_january = day_of_year - 306;
  if (days_since_january < 0) {
    const std::int64_t year = year_of_era + era * 400;
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    days_since_january = day_of_year + 59 + (leap ? 1 : 0);
  }
  Calendar calendar;
  calendar.today = today;
  calendar.month_begin = static_cast<Day>(today - day_of_month);
  calendar.year_begin = static_cast<Day>(today - days_since_january);
  return calendar;
}

}  // namespace footfall::counting
