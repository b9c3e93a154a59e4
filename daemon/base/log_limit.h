// SPDX-License-Identifier: Apache-2.0
// LogLimit: so many lines of one event a minute, that what happens a thousand times a second leaves the log readable,
// and room in its queue for what else happens. The next line that is let through says how many were held back.
//
// Units      seconds of any steady clock, given by the caller. A minute of an event begins with its first line.
// Ownership  remembers the events' names by reference: they are literals, so they are few as well.
// Threading  any thread.
// Tested by tests/unit/base/log_limit_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/mutex.h"

namespace footfall::base::log {

class LogLimit {
 public:
  void set_lines_max(std::uint32_t a_minute) { lines_max_.store(a_minute, std::memory_order_relaxed); }  // 0: no limit
  // How many lines of `event` were held back since the last one; nullopt: this one is, too.
  std::optional<std::uint64_t> take(std::string_view event, std::int64_t now_s) EXCLUDES(mutex_);
  // Lines held back, of all events.
  std::uint64_t suppressed() const { return suppressed_.load(std::memory_order_relaxed); }

 private:
  struct Minute {
    std::int64_t began_s = 0;
    std::uint32_t lines = 0;
    std::uint64_t suppressed = 0;
  };
  Mutex mutex_;
  std::map<std::string_view, Minute> minutes_ GUARDED_BY(mutex_);  // event -> its latest minute
  std::atomic<std::uint32_t> lines_max_{0};
  std::atomic<std::uint64_t> suppressed_{0};
};

}  // namespace footfall::base::log
