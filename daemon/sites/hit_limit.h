// SPDX-License-Identifier: Apache-2.0
// HitLimit: how many hits a second are taken, of a site or of all: a bucket that holds a second's worth. So it takes a
// burst of `per_second`, and over any span of s seconds (s + 1) times as many at most.
//
//     tokens gained each millisecond = per_second thousandths; nothing is rounded
//
// Units      UTC milliseconds, given by the caller.
// Threading  any thread. A lock of its own, since hits are refused before their site's lock is taken; without a limit
//            none is taken.
// Tested by tests/unit/sites/hit_limit_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/mutex.h"

namespace footfall::sites {

class HitLimit {
 public:
  // Takes one; false: there are too many. per_second 0: no limit.
  bool allow(std::uint32_t per_second, std::int64_t now_ms) EXCLUDES(mutex_) {
    if (per_second == 0) return true;
    const std::int64_t full_milli = std::int64_t{per_second} * 1000;
    const base::MutexLock lock(mutex_);
    // Threads read their clocks one after the other: for an older reading nothing has passed.
    const std::int64_t passed_ms = std::clamp<std::int64_t>(now_ms - at_ms_, 0, 1000);
    tokens_milli_ = std::min(full_milli, tokens_milli_ + passed_ms * std::int64_t{per_second});
    at_ms_ = std::max(at_ms_, now_ms);
    if (tokens_milli_ < 1000) return false;
    tokens_milli_ -= 1000;
    return true;
  }

 private:
  base::Mutex mutex_;
  std::int64_t at_ms_ GUARDED_BY(mutex_) = 0;  // of the latest call
  std::int64_t tokens_milli_ GUARDED_BY(mutex_) = 0;
};

}  // namespace footfall::sites
