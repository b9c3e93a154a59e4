// SPDX-License-Identifier: Apache-2.0
// SyslogCounters: what one shard counts of the datagrams that came to its syslog sockets.
//
//   datagrams = malformed + filtered + pings;  a ping is in the ledger (shard_counters.h), and so is what is malformed
//
// Threading  the shard writes, any thread reads. Tested by tests/unit/server/syslog_intake_test.cc.
#pragma once

#include <array>

#include "base/counter.h"
#include "logs/syslog_message.h"

namespace footfall::metrics {

inline constexpr std::size_t kSyslogFaults = static_cast<std::size_t>(logs::SyslogFault::count_);

struct SyslogCounters {
  base::Counter datagrams;                             // that were read
  base::Counter filtered;                              // of them, lines that are no page hits
  base::Counter pings;                                 // of them, lines that are
  std::array<base::Counter, kSyslogFaults> malformed;  // of them, by SyslogFault; [none] unused
  base::Counter lost;                                  // that the kernel dropped, since there was no room
};

}  // namespace footfall::metrics
