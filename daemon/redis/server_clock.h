// SPDX-License-Identifier: Apache-2.0
// ServerClock: how far Redis's clock is ahead of ours, from its TIME: of the last eight answers the one that came
// quickest is believed, half of its way there and half back.
//
//     sent ----------> TIME ----------> answered        ahead = TIME - (sent + answered) / 2, wrong by half of the way
//     at most
//
// Nodes put seconds into Redis for one another: they are Redis's. A difference of less than 0.75 s is none, so that
// nodes whose clocks are kept (NTP) write and read the seconds of their own hits; beyond, whole seconds are added. (The
// hits of a node whose clock is wrong by a part of a second may then count for a second longer or less.)
//
// Units      milliseconds and seconds, as named. Threading: none. Errors: none.
// Tested by tests/unit/redis/server_clock_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "redis/reply.h"

namespace footfall::redis {

class ServerClock {
 public:
  static constexpr std::int64_t kTripMsMax = 1000;  // an answer that took longer says too little
  static constexpr std::int64_t kSkewMs = 1000;

  // Of what TIME answered: milliseconds.
  static std::optional<std::int64_t> read(const Reply& time) {
    if (time.elements.size() != 2) return std::nullopt;
    return std::strtoll(time.elements[0].text.c_str(), nullptr, 10) * 1000 +
           std::strtoll(time.elements[1].text.c_str(), nullptr, 10) / 1000;
  }

  void sample(std::int64_t sent_ms, std::int64_t answered_ms, std::int64_t server_ms) {
    const std::int64_t trip_ms = answered_ms - sent_ms;
    if (trip_ms < 0 || trip_ms > kTripMsMax) return;
    samples_[next_++ % samples_.size()] = {trip_ms, server_ms - (sent_ms + answered_ms) / 2};
    const Sample* quickest = &samples_[0];
    for (const Sample& sample : samples_) {
      if (sample.trip_ms < quickest->trip_ms) quickest = &sample;
    }
    ahead_ms_ = quickest->ahead_ms;
    if (std::abs(ahead_ms_ - shift_s_ * 1000) > 750) {
      shift_s_ = (ahead_ms_ + (ahead_ms_ < 0 ? -500 : 500)) / 1000;
    }
  }

  bool known() const { return next_ > 0; }
  std::int64_t ahead_ms() const { return ahead_ms_; }
  // What is added to a second of ours.
  std::int64_t shift_s() const { return shift_s_; }
  bool skewed() const { return std::abs(ahead_ms_) > kSkewMs; }

 private:
  struct Sample {
    std::int64_t trip_ms = INT64_MAX;
    std::int64_t ahead_ms = 0;
  };
  std::array<Sample, 8> samples_;
  std::size_t next_ = 0;
  std::int64_t ahead_ms_ = 0;
  std::int64_t shift_s_ = 0;
};

}  // namespace footfall::redis
