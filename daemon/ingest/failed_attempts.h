// SPDX-License-Identifier: Apache-2.0
// FailedAttempts: wrong tokens, by client prefix (IPv4 address, IPv6 /64) and in all.
//
//     shut_out()?  ->  is the token known?  ->  no: failed()
//
// A prefix may send 20 wrong ones at once, and 20 a minute; beyond that none of its tokens is looked at, so that it
// cannot go on guessing. Nobody else notices. Who is on this machine (local) is never shut out: behind that address are
// all of its users, and its owner. In all 600 at once, and 600 a minute: beyond that wrong ones are told to wait, right
// ones are taken, wherever they come from. The table is bounded, as that of RateLimit; a prefix that was replaced in it
// begins anew.
//
// Threading  none of its own; a counter of it may be read by any thread.
// Tested by tests/unit/ingest/failed_attempts_test.cc.
#pragma once

#include <cstdint>

#include "base/counter.h"
#include "ingest/client_address.h"
#include "ingest/rate_limit.h"

namespace footfall::ingest {

struct Asker {
  Address address;
  bool local = false;  // a loopback peer or unix socket that forwards for nobody
};

class FailedAttempts {
 public:
  static constexpr std::uint32_t kPerMinute = 20;  // of a prefix
  static constexpr std::uint32_t kPerMinuteInAll = 600;

  // No token of who asks is looked at. Counted.
  bool shut_out(const Asker& who, std::int64_t now_ms);
  // A token was wrong, or has expired. False: this one is to be told to wait. Counted.
  bool failed(const Asker& who, std::int64_t now_ms);

  const base::Counter& wrong() const { return wrong_; }      // tokens
  const base::Counter& limited() const { return limited_; }  // requests that were told to wait

 private:
  // A RateLimit gains whole tokens a second: an attempt costs so many that 20 a minute come out of one.
  static constexpr std::uint32_t kCost = 60 / kPerMinute;

  RateLimit by_prefix_{1, kCost* kPerMinute, 4096};
  RateLimit in_all_{kPerMinuteInAll / 60, kPerMinuteInAll, 1};
  base::Counter wrong_, limited_;
};

}  // namespace footfall::ingest
