// SPDX-License-Identifier: Apache-2.0
// Spike: a minute with far more hits than those of the hours before. It is told, and never taken out of any number:
// whether a program or a headline made it no counter knows.
//
//     hits                                      #
//          .  :  .  :  .  .  :  .  .  .  :  .   #     at least kHitsMin, and more than kTimes the median of
//          |----------- three hours ----------|  the minute       kMinutesBefore minutes, those without a hit among
//          them
//
// The median, since one spike must not hide the next; what lasts is the usual after half of the three hours.
// Cost: a copy of 180 numbers and their median, about a microsecond.
// Tested by tests/unit/counting/spike_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "counting/buckets.h"

namespace footfall::counting {

struct Spike {
  static constexpr std::int64_t kMinutesBefore = 180;
  static constexpr std::uint64_t kHitsMin = 300;  // below it a quiet site would be in one at every link
  static constexpr std::uint64_t kTimes = 10;

  std::int64_t minute_s = 0;  // UTC second at which the minute began
  std::uint64_t hits = 0;     // counted pageviews in it
  std::uint64_t usual = 0;    // the median of the minutes before
  friend bool operator==(const Spike&, const Spike&) = default;
};

// `minutes`: cells with a key in [minute_s - kMinutesBefore * 60, minute_s], ascending; others are passed over.
std::optional<Spike> spike_of(std::span<const Cell> minutes, std::int64_t minute_s);

}  // namespace footfall::counting
