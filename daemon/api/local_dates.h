// SPDX-License-Identifier: Apache-2.0
// Local dates as texts, "2026-11-23", and the calendar's steps of days. Days are local day numbers (counting::Day),
// wide so that sums do not overflow. Tested by tests/unit/api/local_dates_test.cc, and with the series.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace footfall::api {

enum class DateStep : std::uint8_t { day, week, month, year };  // weeks begin on Monday

// Takes exactly `digits` digits off the front; false if there are fewer.
bool take_number(std::string_view& text, std::size_t digits, int& out);
// Takes one character off the front, if it is one of these.
bool take_char(std::string_view& text, std::string_view any_of);
// Takes a date off the front; nullopt if there is none that exists (0001-01-01 to 9999-12-31).
std::optional<std::int64_t> take_date(std::string_view& text);
// A date and nothing else.
std::optional<std::int64_t> parse_date(std::string_view text);
std::string date_text(std::int64_t day);

// The first day of the step that `day` is in; and of the step after the one that begins at `begin`.
std::int64_t step_begin(DateStep step, std::int64_t day);
std::int64_t step_after(DateStep step, std::int64_t begin);

}  // namespace footfall::api
