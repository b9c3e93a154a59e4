// SPDX-License-Identifier: Apache-2.0
// Saturating: counters stop at 2^64 - 1 instead of starting again, and a total never goes below zero.
//
// Seeds are signed and come in any order, so they are added up in 128 bits: the sum is the same in any order.
// Tested by tests/unit/counting/site_state_test.cc.
#pragma once

#include <cstdint>

namespace footfall::counting {

__extension__ typedef __int128 Wide;  // sums of signed 64-bit amounts

constexpr void add_saturating(std::uint64_t& counter, std::uint64_t amount) {
  if (__builtin_add_overflow(counter, amount, &counter)) counter = UINT64_MAX;
}

constexpr std::uint64_t total_of(std::uint64_t counted, Wide seed) {
  const Wide sum = static_cast<Wide>(counted) + seed;
  if (sum < 0) return 0;
  return sum > static_cast<Wide>(UINT64_MAX) ? UINT64_MAX : static_cast<std::uint64_t>(sum);
}

// As a seed is shown.
constexpr std::int64_t to_i64(Wide seed) {
  if (seed < static_cast<Wide>(INT64_MIN)) return INT64_MIN;
  return seed > static_cast<Wide>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(seed);
}

}  // namespace footfall::counting
