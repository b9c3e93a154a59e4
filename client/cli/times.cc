// SPDX-License-Identifier: Apache-2.0
#include "cli/times.h"

#include <charconv>
#include <chrono>
#include <cstdio>

#include "counting/hit.h"
#include "logs/timestamp.h"

namespace footfall::cli {

base::Result<std::int64_t> parse_time(std::string_view text) {
  std::int64_t seconds = 0;
  const char* const end = text.data() + text.size();
  if (const auto [rest, error] = std::from_chars(text.data(), end, seconds);
      error == std::errc() && rest == end && seconds >= logs::kFirstSecond && seconds <= logs::kLastSecond) {
    return seconds;
  }
  logs::Instant time;
  std::size_t size = 0;
  if (logs::read_iso_time(text, time, size) == logs::TimeFit::good && size == text.size()) return time.utc_s;
  return base::Error{base::Errc::invalid_config,
                     "\"" + std::string(text) +
                         "\" is no time; write 2015-05-28T23:05:56Z, 2015-05-29T06:05:56+07:00, or UTC seconds"};
}

std::string date_text(std::int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()));
  return text;
}

std::string time_text(std::int64_t at_s, std::int32_t offset_s) {
  const std::int64_t local_s = at_s + offset_s;
  const std::int64_t day = counting::floor_div(local_s, 86'400);
  const std::int64_t second = local_s - day * 86'400;
  char text[16];
  std::snprintf(text, sizeof text, " %02d:%02d:%02d", static_cast<int>(second / 3600),
                static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  return date_text(day) + text;
}

}  // namespace footfall::cli
