// SPDX-License-Identifier: Apache-2.0
// LogLine: one line of the log, as text for people or as a JSON object for programs.
//
//   text  2026-11-30T12:00:00.123Z warning disk is nearly full
//   json  {"time":"2026-11-30T12:00:00.123Z","level":"warning","event":"disk_low","message":"disk is nearly full"}
//
// Neither can hold a line feed or a terminal's escape: text has '?' for control bytes, JSON escapes them, and has
// U+FFFD for bytes that are no UTF-8. Tested by tests/unit/base/log_line_test.cc, which has simdjson read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace footfall::base::log {

enum class Level { debug, info, warning, error };
std::string_view name_of(Level level);                   // "debug", ...
std::optional<Level> level_from(std::string_view name);  // as name_of() writes it

enum class Format { text, json };
std::optional<Format> format_from(std::string_view name);  // "text", "json"

struct LogLine {
  std::int64_t utc_ms = 0;
  Level level = Level::info;
  std::string_view event;  // snake_case
  std::string_view message;
  std::uint64_t suppressed = 0;  // lines of this event that were held back since the last one that was written
};
// Ends with a line feed.
std::string to_text(const LogLine& line, Format format);

}  // namespace footfall::base::log
