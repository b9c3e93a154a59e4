// SPDX-License-Identifier: Apache-2.0
#include "api/local_dates.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace footfall::api {

namespace {

std::chrono::year_month_day civil(std::int64_t day) {
  return std::chrono::year_month_day{std::chrono::sys_days{std::chrono::days{day}}};
}

std::int64_t day_number(std::chrono::year_month_day date) {
  return std::chrono::sys_days{date}.time_since_epoch().count();
}

}  // namespace

bool take_number(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_date(std::string_view& text) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!take_number(text, 4, year) || !take_char(text, "-") || !take_number(text, 2, month) || !take_char(text, "-") ||
      !take_number(text, 2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || year < 1) return std::nullopt;
  return day_number(date);
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  const std::optional<std::int64_t> day = take_date(text);
  return text.empty() ? day : std::nullopt;
}

std::string date_text(std::int64_t day) {
  const std::chrono::year_month_day date = civil(day);
  std::array<char, 32> buffer{};
  const int size = std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return {buffer.data(), static_cast<std::size_t>(size)};
}

std::int64_t step_begin(DateStep step, std::int64_t day) {
  const std::chrono::year_month_day date = civil(day);
  switch (step) {
    case DateStep::day:
      break;
    case DateStep::week:
      return day - static_cast<std::int64_t>(std::chrono::weekday{std::chrono::sys_days{date}}.iso_encoding()) + 1;
    case DateStep::month:
      return day_number(date.year() / date.month() / std::chrono::day{1});
    case DateStep::year:
      return day_number(date.year() / std::chrono::January / std::chrono::day{1});
  }
  return day;
}

std::int64_t step_after(DateStep step, std::int64_t begin) {
  const std::chrono::year_month_day date = civil(begin);
  switch (step) {
    case DateStep::day:
      break;
    case DateStep::week:
      return begin + 7;
    case DateStep::month:
      return day_number(date + std::chrono::months{1});
    case DateStep::year:
      return day_number(date + std::chrono::years{1});
  }
  return begin + 1;
}

}  // namespace footfall::api
