// SPDX-License-Identifier: Apache-2.0
#include "logs/timestamp.h"

#include <algorithm>

#include "logs/text.h"

namespace footfall::logs {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::size_t kSecondsDigitsMax = 12;  // until the year 33,658

unsigned number(const char* text, std::size_t digits) {
  unsigned value = 0;
  for (std::size_t i = 0; i < digits; ++i) value = value * 10 + digit(text[i]);
  return value;
}

bool all_digits(const char* text, std::size_t count) {
  return std::all_of(text, text + count, is_digit);
}

// "HH:MM:SS"
bool clock_seconds(const char* text, std::int64_t& seconds) {
  const unsigned hour = number(text, 2);
  const unsigned minute = number(text + 3, 2);
  const unsigned second = number(text + 6, 2);
  seconds = std::int64_t{hour} * 3600 + std::int64_t{minute} * 60 + second;
  return hour <= 23 && minute <= 59 && second <= 60;
}

bool is_leap(unsigned year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned days_in_month(unsigned year, unsigned month) {
  constexpr std::array<unsigned, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

}  // namespace

bool days_from_date(unsigned year, unsigned month, unsigned day, std::int64_t& days) {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
  const std::int64_t y = std::int64_t{year} - (month <= 2 ? 1 : 0);
  const std::int64_t era = y / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (std::int64_t{month} + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  days = era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
  return true;
}

// "......:HH:MM:SS", from the byte before the hour.
bool LocalTimeReader::clock_shape(const char* text) {
  return text[14] == ':' && text[17] == ':' && is_digit(text[12]) && is_digit(text[13]) && is_digit(text[15]) &&
         is_digit(text[16]) && is_digit(text[18]) && is_digit(text[19]);
}

TimeFit LocalTimeReader::read_clock(const char* text, Instant& out) const {
  std::int64_t seconds = 0;
  if (!clock_seconds(text + 12, seconds)) return TimeFit::bad_value;
  out = {midnight_s_ + seconds, offset_s_};
  return TimeFit::good;
}

TimeFit LocalTimeReader::read_slow(const char* text, Instant& out) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const bool shape = all_digits(text, 2) && text[2] == '/' && text[3] >= 'A' && text[3] <= 'Z' && lower(text[4]) &&
                     lower(text[5]) && text[6] == '/' && all_digits(text + 7, 4) && text[11] == ':' &&
                     clock_shape(text) && text[20] == ' ' && (text[21] == '+' || text[21] == '-') &&
                     all_digits(text + 22, 4);
  if (!shape) return TimeFit::no_match;
  const auto* const month = std::find(kMonths.begin(), kMonths.end(), std::string_view(text + 3, 3));
  std::int64_t days = 0;
  if (month == kMonths.end() ||
      !days_from_date(number(text + 7, 4), static_cast<unsigned>(month - kMonths.begin()) + 1, number(text, 2), days)) {
    return TimeFit::bad_value;
  }
  const auto offset_s = static_cast<std::int32_t>((number(text + 22, 2) * 60 + number(text + 24, 2)) * 60);
  offset_s_ = text[21] == '-' ? -offset_s : offset_s;
  midnight_s_ = days * 86'400 - offset_s_;
  std::copy(text, text + kSize, last_.begin());
  return read_clock(text, out);
}

TimeFit read_iso_time(std::string_view text, Instant& out, std::size_t& size) {
  // 2015-05-17T08:05:32
  constexpr std::size_t kFixed = 19;
  const char* p = text.data();
  if (text.size() <= kFixed || !all_digits(p, 4) || p[4] != '-' || !all_digits(p + 5, 2) || p[7] != '-' ||
      !all_digits(p + 8, 2) || (p[10] != 'T' && p[10] != 't' && p[10] != ' ') || !all_digits(p + 11, 2) ||
      p[13] != ':' || !all_digits(p + 14, 2) || p[16] != ':' || !all_digits(p + 17, 2)) {
    return TimeFit::no_match;
  }
  const char* const end = p + text.size();
  const char* zone = p + kFixed;
  if (*zone == '.' || *zone == ',') {
    const char* const fraction = ++zone;
    while (zone != end && is_digit(*zone)) ++zone;
    if (zone == fraction) return TimeFit::no_match;
  }
  std::int32_t offset_s = 0;
  if (zone != end && (*zone == 'Z' || *zone == 'z')) {
    ++zone;
  } else if (end - zone >= 5 && (*zone == '+' || *zone == '-') && all_digits(zone + 1, 2)) {
    const std::ptrdiff_t colon = zone[3] == ':' ? 1 : 0;
    if (end - zone < 5 + colon || !all_digits(zone + 3 + colon, 2)) return TimeFit::no_match;
    offset_s = static_cast<std::int32_t>((number(zone + 1, 2) * 60 + number(zone + 3 + colon, 2)) * 60);
    if (*zone == '-') offset_s = -offset_s;
    zone += 5 + colon;
  } else {
    return TimeFit::no_match;
  }
  size = static_cast<std::size_t>(zone - p);
  std::int64_t days = 0;
  std::int64_t seconds = 0;
  if (!days_from_date(number(p, 4), number(p + 5, 2), number(p + 8, 2), days) || !clock_seconds(p + 11, seconds)) {
    return TimeFit::bad_value;
  }
  out = {days * 86'400 + seconds - offset_s, offset_s};
  return TimeFit::good;
}

TimeFit read_seconds(std::string_view text, Instant& out, std::size_t& size) {
  const char* p = text.data();
  const char* const end = p + text.size();
  std::int64_t seconds = 0;
  while (p != end && is_digit(*p) && static_cast<std::size_t>(p - text.data()) < kSecondsDigitsMax) {
    seconds = seconds * 10 + digit(*p++);
  }
  if (p == text.data() || (p != end && is_digit(*p))) return TimeFit::no_match;
  if (end - p >= 2 && *p == '.' && is_digit(p[1])) {
    ++p;
    while (p != end && is_digit(*p)) ++p;
  }
  size = static_cast<std::size_t>(p - text.data());
  out = {seconds, 0};
  return TimeFit::good;
}

}  // namespace footfall::logs
