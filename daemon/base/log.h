// SPDX-License-Identifier: Apache-2.0
// Log lines, to standard error. The only door to spdlog, so that its headers are compiled in one file.
//
// Lines never hold a client address, a user agent or a token. Any thread; writing is asynchronous and never blocks the
// caller: when the queue is full the oldest line is dropped and counted. Nor does it hold up an end: see stop().
// Tested by tests/unit/base/log_test.cc, tests/integration/log_test.py.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/log_line.h"

namespace footfall::base::log {

// What happened, for programs: it stays the same while messages change. A literal in snake_case, or it does not
// compile; all of them are in deploy/runbook.md.
class Event {
 public:
  consteval Event(const char* name) : name_(name) {
    for (const char c : name_) {
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) throw "an event is named in snake_case";
    }
  }
  std::string_view name() const { return name_; }

 private:
  std::string_view name_;
};

inline constexpr std::chrono::milliseconds kStopWait{5'000};

// Starts the sink; before it, and after stop(), lines go nowhere. stop() writes what is queued first, and for that
// waits so long at most: where nobody reads standard error, the thread that waits for it is left behind, until the
// process ends. Not thread-safe: no other thread may log meanwhile.
void start(Level level, Format format = Format::text, std::uint32_t event_lines_max = 0);
void stop(std::chrono::milliseconds wait = kStopWait);

// For lines from now on. Any thread.
void set_level(Level level);
Level level();  // info while nothing was started. Any thread.
void set_format(Format format);
void set_event_lines_max(std::uint32_t a_minute);  // lines of one event; 0: no limit

// One line, unless too many of its event were written within the minute.
void write(Level level, Event event, std::string_view message);
inline void debug(Event event, std::string_view message) {
  write(Level::debug, event, message);
}
inline void info(Event event, std::string_view message) {
  write(Level::info, event, message);
}
inline void warning(Event event, std::string_view message) {
  write(Level::warning, event, message);
}
inline void error(Event event, std::string_view message) {
  write(Level::error, event, message);
}

// Lines dropped since start: the queue was full, or standard error took them not.
std::uint64_t dropped();
// Lines held back since start: too many of their event came within a minute.
std::uint64_t suppressed();

}  // namespace footfall::base::log
