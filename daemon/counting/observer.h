// SPDX-License-Identifier: Apache-2.0
// Observer: looks at online once for every whole second that ends, in the live state only.
//
//     second     ... 59 | 60 | 61 | 62 ...            a second is seen when the clock has left it
//     online          3 |  4 |  4 |  2
//     seconds    (60, 4) (62, 2)                      runs of equal values, of the last hour; never saved
//     pending    minute 1: 4 at 60                    the highest of each minute, to be journaled
//
// A minute's highest is told with the first second at which it was so; peaks, hours and days follow from the minutes.
// Between two hits online only falls, so a gap is walked no further than to the second at which nobody is left, and by
// minutes where single seconds are not kept.
// Cost: a second is one Presence::online(); memory 8 bytes a run, at most 3,600 of them.
// Tested by tests/unit/counting/site_state_test.cc against online by brute force at each whole second.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "counting/epoch_counts.h"
#include "counting/hit.h"
#include "counting/peak.h"
#include "counting/presence.h"

namespace footfall::counting {

class Observer {
 public:
  static constexpr std::int64_t kSecondsKept_s = 3600;
  // Minutes that nobody took, as when a log is analysed and nothing is journaled: the oldest are let go.
  static constexpr std::size_t kPendingMax = 4096;

  explicit Observer(bool keep_seconds) : keep_seconds_(keep_seconds) {}

  // The second that has not ended yet; before the first advance, the least of all.
  std::int64_t now_s() const { return now_s_; }
  bool started() const { return now_s_ != INT64_MIN; }
  std::int32_t utc_offset_s() const { return utc_offset_s_; }

  // The clock moves to `now_s`, if that is later, and what ended is seen; raises what it has to in `counts`.
  // Seconds up to `now_s` are of the offset given by the call before. The first call sees nothing.
  void advance(std::int64_t now_s, std::int32_t utc_offset_s, std::int32_t window_s, const Epoch& epoch,
               Presence& presence, EpochCounts& counts);
  // The same when nobody is present.
  void pass(std::int64_t now_s, std::int32_t utc_offset_s);

  // The highest of each minute that began or rose since the last call.
  std::vector<Observation> take() {
    minute_pending_ = false;
    return std::exchange(pending_, {});
  }

  // (second, online) with second in [from_s, to_s), ascending, of the last hour; zeros left out.
  std::vector<std::pair<std::int64_t, std::uint32_t>> seconds(std::int64_t from_s, std::int64_t to_s) const;
  std::size_t memory_bytes() const;

 private:
  struct Run {
    std::uint32_t at_s;  // the lower half of UTC seconds
    std::uint32_t online;
  };
  // The stretch in which the highest is one bucket's, in every step of buckets.
  struct Minute {
    Epoch epoch;
    std::int64_t utc = 0;
    std::int64_t local = 0;
    std::int32_t utc_offset_s = 0;
    friend bool operator==(const Minute&, const Minute&) = default;
  };

  void note_second(std::int64_t at_s, std::uint32_t online);
  void forget_old_seconds();
  void raise(std::int64_t at_s, std::uint32_t online, const Epoch& epoch, EpochCounts& counts);
  std::int64_t full_second(std::uint32_t at_s) const;

  bool keep_seconds_;
  std::int32_t utc_offset_s_ = 0;
  std::int64_t now_s_ = INT64_MIN;
  Minute minute_;                 // of the latest second seen with somebody online
  std::uint32_t minute_max_ = 0;  // its highest so far
  bool minute_pending_ = false;   // the last of pending_ is of this minute
  std::vector<Observation> pending_;
  std::vector<Run> runs_;  // ascending; those before runs_begin_ are forgotten
  std::size_t runs_begin_ = 0;
};

}  // namespace footfall::counting
