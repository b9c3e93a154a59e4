// SPDX-License-Identifier: Apache-2.0
#include "ingest/rfc3339.h"

#include <date/date.h>

namespace footfall::ingest {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// `digits` digits at `at`; -1 if there are none.
int number(std::string_view text, std::size_t at, std::size_t digits) {
  if (text.size() < at + digits) return -1;
  int out = 0;
  for (const char c : text.substr(at, digits)) {
    if (!is_digit(c)) return -1;
    out = out * 10 + (c - '0');
  }
  return out;
}

}  // namespace

bool parse_rfc3339(std::string_view text, std::int64_t& utc_s) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return false;
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return false;
  const int year = number(text, 0, 4), month = number(text, 5, 2), day = number(text, 8, 2);
  const int hour = number(text, 11, 2), minute = number(text, 14, 2), second = number(text, 17, 2);
  if (year < 0 || month < 0 || day < 0) return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;
  const date::year_month_day calendar_day{date::year{year}, date::month{static_cast<unsigned>(month)},
                                          date::day{static_cast<unsigned>(day)}};
  if (!calendar_day.ok()) return false;

  std::string_view zone = text.substr(19);
  if (zone.front() == '.') {
    std::size_t digits = 1;
    while (digits < zone.size() && is_digit(zone[digits])) ++digits;
    if (digits == 1) return false;
    zone.remove_prefix(digits);
  }
  int offset_s = 0;
  if (zone != "Z" && zone != "z") {
    const int offset_hours = number(zone, 1, 2), offset_minutes = number(zone, 4, 2);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return false;
    if (offset_hours < 0 || offset_hours > 23 || offset_minutes < 0 || offset_minutes > 59) return false;
    offset_s = (offset_hours * 60 + offset_minutes) * 60 * (zone[0] == '-' ? -1 : 1);
  }
  const std::int64_t days = date::sys_days{calendar_day}.time_since_epoch().count();
  utc_s = days * 86'400 + std::int64_t{(hour * 60 + minute) * 60 + second - offset_s};
  return true;
}

}  // namespace footfall::ingest
