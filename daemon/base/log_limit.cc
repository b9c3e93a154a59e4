// SPDX-License-Identifier: Apache-2.0
#include "base/log_limit.h"

#include <utility>

namespace footfall::base::log {

std::optional<std::uint64_t> LogLimit::take(std::string_view event, std::int64_t now_s) {
  const std::uint32_t lines_max = lines_max_.load(std::memory_order_relaxed);
  const MutexLock lock(mutex_);
  const auto [found, first] = minutes_.try_emplace(event, Minute{now_s, 0, 0});
  Minute& minute = found->second;
  if (now_s - minute.began_s >= 60) {
    minute.began_s = now_s;
    minute.lines = 0;
  }
  if (lines_max != 0 && minute.lines >= lines_max) {
    ++minute.suppressed;
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  ++minute.lines;
  return std::exchange(minute.suppressed, 0);
}

}  // namespace footfall::base::log
