// SPDX-License-Identifier: Apache-2.0
// StandingQueue: whether what a connection sends ahead of its answers waits too long in its socket.
//
//   sender's buffers --> [ ..|.. socket ] --> read, so much a pass
//                            marker: behind all that waits; delay = until a read has come to it
//
// QueueDelay is about a connection's turn. Who sends without waiting for answers waits for many turns, and nobody sees
// how much more is in the sender's buffers. So here counts how long the queue stands, as in CoDel (Nichols and
// Jacobson, RFC 8289): a burst is none of it, but a delay that was above kStandingTargetMs all the time for
// kStandingMs. From then on it is to be shed until it is empty, or for as long again: then some of it is taken.
// CoDel sheds one, then the next sooner. Here a part is not enough: behind the socket there is as much as the sender
// has.
//
// Who waits for each answer has no such queue: a read takes all that is there, and begins it anew.
//
// Units      milliseconds in which the loop worked: what waits for the disk while the loop has nothing to do is not
//            waiting for the loop.
// Threading  none of its own: the loop's. Tested by tests/unit/http/standing_queue_test.cc, and with a loop by
//            loop_test.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace footfall::http {

inline constexpr std::int64_t kStandingMs = 100;
inline constexpr std::int64_t kStandingTargetMs = 20;

class StandingQueue {
 public:
  // A read took `got` bytes, and left `behind`.
  void on_read(std::size_t got, std::size_t behind, std::int64_t now_ms) {
    if (behind == 0) {
      *this = {};
      return;
    }
    const bool is_long = left_ != 0 && now_ms - marked_ms_ >= kStandingTargetMs;
    if (is_long && long_since_ms_ == kNone) long_since_ms_ = marked_ms_;
    left_ -= std::min(left_, got);
    if (left_ == 0) {
      if (!is_long && !sheds()) long_since_ms_ = kNone;
      left_ = behind;
      marked_ms_ = now_ms;
    }
    if (sheds() && now_ms - sheds_since_ms_ >= kStandingMs) {
      sheds_since_ms_ = long_since_ms_ = kNone;
    } else if (!sheds() && long_since_ms_ != kNone && now_ms - long_since_ms_ >= kStandingMs) {
      sheds_since_ms_ = now_ms;
    }
  }

  // What can be refused cheaply had better be.
  bool sheds() const { return sheds_since_ms_ != kNone; }

 private:
  static constexpr std::int64_t kNone = -1;

  std::size_t left_ = 0;  // bytes before the marker; 0: there is none
  std::int64_t marked_ms_ = kNone;
  std::int64_t long_since_ms_ = kNone;  // since when the delay is above the target
  std::int64_t sheds_since_ms_ = kNone;
};

}  // namespace footfall::http
