// SPDX-License-Identifier: Apache-2.0
// Log lines, to standard error. The only door to spdlog, so that its headers are compiled in one file.
//
// Lines never hold a client address, a user agent or a token. Any thread; writing is asynchronous and never blocks the
// caller: when the queue is full the oldest line is dropped and counted. Nor does it hold up an end: see stop().
// Tested by tests/unit/base/log_test.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace footfall::base::log {

enum class Level { debug, info, warning, error };
std::string_view name_of(Level level);                   // "debug", ...
std::optional<Level> level_from(std::string_view name);  // as name_of() writes it

inline constexpr std::chrono::milliseconds kStopWait{5'000};

// Starts the sink; before it, and after stop(), lines go nowhere. stop() writes what is queued first, and for that
// waits so long at most: where nobody reads standard error, the thread that waits for it is left behind, until the
// process ends. Not thread-safe: no other thread may log meanwhile.
void start(Level level);
void stop(std::chrono::milliseconds wait = kStopWait);

// For lines from now on. Any thread.
void set_level(Level level);
Level level();  // info while nothing was started. Any thread.

// One line: control bytes, line feeds among them, are written as '?'.
void write(Level level, std::string_view line);
inline void debug(std::string_view line) {
  write(Level::debug, line);
}
inline void info(std::string_view line) {
  write(Level::info, line);
}
inline void warning(std::string_view line) {
  write(Level::warning, line);
}
inline void error(std::string_view line) {
  write(Level::error, line);
}

// Lines dropped since start: the queue was full, or standard error took them not.
std::uint64_t dropped();

}  // namespace footfall::base::log
