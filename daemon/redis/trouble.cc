// SPDX-License-Identifier: Apache-2.0
#include "redis/trouble.h"

#include <algorithm>
#include <utility>

namespace footfall::redis {

std::optional<TroubleLog::Line> TroubleLog::look(const std::optional<Trouble>& trouble, std::int64_t now_ms) {
  if (trouble) {
    if (!since_ms_) since_ms_ = now_ms;
    last_ms_ = now_ms;
    if (now_ms - *since_ms_ < kGraceMs || !told_.insert(trouble->kind).second) return std::nullopt;
    return Line{false,
                "Redis cannot be used: " + trouble->what + " (hits are counted meanwhile, and it is tried again)"};
  }
  if (!since_ms_ || now_ms - last_ms_ < kSettledMs) return std::nullopt;
  const std::int64_t lasted_s = std::max<std::int64_t>(1, (last_ms_ - *since_ms_ + 500) / 1000);
  since_ms_.reset();
  if (std::exchange(told_, {}).empty()) return std::nullopt;
  return Line{true, "Redis can be used again, after " + std::to_string(lasted_s) + " s"};
}

}  // namespace footfall::redis
