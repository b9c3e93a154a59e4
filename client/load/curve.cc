// SPDX-License-Identifier: Apache-2.0
#include "load/curve.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

#include "logs/line_reader.h"

namespace footfall::load {
namespace {

constexpr std::size_t kMinutesMax = 10'000'000;  // 19 years

// "1998-04-30 21:30:00" in minutes.
std::optional<std::int64_t> minute_of(const std::string& period) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  // NOLINTNEXTLINE(cert-err34-c): what is read is checked below
  if (std::sscanf(period.c_str(), "%4d-%2u-%2u%*1[ T]%2d:%2d", &year, &month, &day, &hour, &minute) != 5) return {};
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || hour < 0 || minute < 0) return {};
  return std::chrono::sys_days(date).time_since_epoch().count() * 1440LL + hour * 60LL + minute;
}

}  // namespace

Curve::Curve(std::vector<std::uint64_t> counts) : first_(std::move(counts)) {
  std::uint64_t sum = 0;
  for (std::uint64_t& count : first_) sum += std::exchange(count, sum);
  first_.push_back(sum);
}

base::Result<Curve> Curve::read(const std::string& path, const std::string& from, double scale) {
  const auto reader = logs::LineReader::open(path);
  if (!reader) return reader.error();
  std::vector<std::uint64_t> counts;
  std::int64_t first = 0;
  double carried = 0;
  std::uint64_t number = 0;
  while (true) {
    std::string_view line;
    const logs::LineReader::Next next = (*reader)->next(line);
    if (next == logs::LineReader::Next::failed) return (*reader)->error();
    if (next == logs::LineReader::Next::end) break;
    ++number;
    const auto malformed = [&](const char* why) {
      return base::Error{base::Errc::malformed, path + ", line " + std::to_string(number) + ": " + why +
                                                    "; a line is 1998-06-30 21:00:00,118744"};
    };
    const std::size_t comma = line.rfind(',');
    const std::string period(line.substr(0, comma));
    std::uint64_t count = 0;
    const char* const end = line.data() + line.size();
    const auto [stopped, error] = comma == std::string_view::npos
                                      ? std::from_chars(end, end, count)
                                      : std::from_chars(line.data() + comma + 1, end, count);
    const auto minute = minute_of(period);
    if (number == 1 && !minute) continue;  // the names of the columns
    if (!minute || error != std::errc() || stopped != end) return malformed("no minute and count");
    if (counts.empty()) {
      if (!from.empty() && period < from) continue;
      first = *minute;
    }
    if (*minute < first + static_cast<std::int64_t>(counts.size()) && !counts.empty())
      return malformed("the minute is not behind the one before");
    if (static_cast<std::size_t>(*minute - first) >= kMinutesMax)
      return malformed("more than 19 years after the first");
    counts.resize(static_cast<std::size_t>(*minute - first), 0);
    carried += static_cast<double>(count) * scale;
    const auto whole = static_cast<std::uint64_t>(carried);
    carried -= static_cast<double>(whole);
    counts.push_back(whole);
  }
  Curve curve(std::move(counts));
  if (curve.hits() == 0)
    return base::Error{base::Errc::malformed, path + ": no hits" + (from.empty() ? "" : " from \"" + from + "\" on")};
  return curve;
}

double Curve::due_s(std::uint64_t number) const {
  const auto above = std::upper_bound(first_.begin(), first_.end(), number);
  const auto minute = static_cast<std::size_t>(above - first_.begin()) - 1;
  const auto within =
      static_cast<double>(number - first_[minute]) / static_cast<double>(first_[minute + 1] - first_[minute]);
  return 60 * (static_cast<double>(minute) + within);
}

}  // namespace footfall::load
