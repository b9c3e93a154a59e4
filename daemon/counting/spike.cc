// SPDX-License-Identifier: Apache-2.0
#include "counting/spike.h"

#include <algorithm>
#include <array>

namespace footfall::counting {

std::optional<Spike> spike_of(std::span<const Cell> minutes, std::int64_t minute_s) {
  Spike spike{minute_s, 0, 0};
  std::array<std::uint64_t, Spike::kMinutesBefore> before{};  // those without a cell had no hit
  std::size_t known = 0;
  for (const Cell& cell : minutes) {
    if (cell.key == minute_s) spike.hits = cell.hits;
    if (cell.key < minute_s && cell.key >= minute_s - Spike::kMinutesBefore * 60 && known < before.size())
      before.at(known++) = cell.hits;
  }
  if (spike.hits < Spike::kHitsMin) return std::nullopt;
  const auto middle = before.begin() + before.size() / 2;
  std::nth_element(before.begin(), middle, before.end());
  spike.usual = *middle;
  return (spike.hits - 1) / Spike::kTimes >= spike.usual ? std::optional(spike) : std::nullopt;
}

}  // namespace footfall::counting
