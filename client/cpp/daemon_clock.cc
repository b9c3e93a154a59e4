// SPDX-License-Identifier: Apache-2.0
#include "cpp/daemon_clock.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>

#include "cpp/hit_encoder.h"

namespace footfall::client {
namespace {

std::int64_t ms_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

std::optional<unsigned> number(std::string_view digits) {
  unsigned value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::optional<std::int64_t> second_of(std::string_view date) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view kForm = "Sun, 06 Nov 1994 08:49:37 GMT";
  if (date.size() != kForm.size() || date.substr(25) != " GMT" || date[19] != ':' || date[22] != ':')
    return std::nullopt;
  const auto day = number(date.substr(5, 2));
  const auto* const month = std::find(kMonths.begin(), kMonths.end(), date.substr(8, 3));
  const auto year = number(date.substr(12, 4));
  const auto hour = number(date.substr(17, 2));
  const auto minute = number(date.substr(20, 2));
  const auto second = number(date.substr(23, 2));
  if (!day || month == kMonths.end() || !year || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day at{std::chrono::year(static_cast<int>(*year)),
                                       std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
                                       std::chrono::day(*day)};
  if (!at.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(at).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60 + *second;
}

}  // namespace

LocalClock::LocalClock()
    : begin_ms_(std::clamp(ms_of(CLOCK_REALTIME), kStampMin * 1000, kStampMax * 1000) - ms_of(CLOCK_BOOTTIME)) {}

std::int64_t LocalClock::now_ms() const {
  return begin_ms_ + ms_of(CLOCK_BOOTTIME);
}

void DaemonClock::learn(std::int64_t sent_ms, std::int64_t received_ms, std::string_view date) {
  const std::optional<std::int64_t> second = second_of(date);
  if (!second) return;
  difference_ms_ = std::clamp(difference_ms_, *second * 1000 - received_ms, (*second + 1) * 1000 - sent_ms);
}

std::int64_t DaemonClock::difference_s() const {
  const std::int64_t nearest = difference_ms_ + 500;
  return nearest >= 0 ? nearest / 1000 : -((999 - nearest) / 1000);
}

}  // namespace footfall::client
