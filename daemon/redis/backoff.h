// SPDX-License-Identifier: Apache-2.0
// Backoff: how long to wait before the next try. From 50 ms it doubles to 1 s; each wait is drawn between half of that
// and all of it, so that many nodes that lost the same server do not come back in step.
//
// A second, since all nodes are to agree 5 s after a server is back: it is tried within this, but for a try that the
// network swallows, which takes as long again or longer, and then the nodes have two flushes to tell each other. A
// hundred nodes make 130 tries a second then, which cost a server less than a hundredth of a core.
//
// Units: milliseconds. Deterministic: the caller gives the random bits. Tested by tests/unit/redis/backoff_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

namespace footfall::redis {

class Backoff {
 public:
  static constexpr std::int64_t kFirstMs = 50;
  static constexpr std::int64_t kLongestMs = 1000;

  std::int64_t next_ms(std::uint64_t random) {
    const std::int64_t span = span_ms_;
    span_ms_ = std::min(span_ms_ * 2, kLongestMs);
    return span / 2 + static_cast<std::int64_t>(random % static_cast<std::uint64_t>(span / 2 + 1));
  }
  void succeeded() { span_ms_ = kFirstMs; }

 private:
  std::int64_t span_ms_ = kFirstMs;
};

}  // namespace footfall::redis
