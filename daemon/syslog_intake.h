// SPDX-License-Identifier: Apache-2.0
// SyslogIntake: a datagram that carries a line of an access log, to a candidate for the next block.
//
//   datagram -> header, line (logs/syslog_message.h) -> format, filter -> which site -> item -> rules -> candidate
//
// Which site: that of the host in the line (a site's name, or one of its hosts), else that which the tag names, else
// --syslog-site. Who sends is trusted, as the holder of a token of scope ingest is: times, addresses and agents of the
// lines count. What is malformed, or of no site, is in the ledger, what a site refuses also among its refusals; a line
// that is no page hit is no ping.
//
// Ownership  refers to what it is made with, which outlives it. Threading: the shard's thread.
// Tested by tests/unit/server/syslog_intake_test.cc.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "hit_limits.h"
#include "ingest/arena.h"
#include "local_sites.h"
#include "lookup/client_lookup.h"
#include "metrics/shard_counters.h"
#include "metrics/syslog_counters.h"
#include "sites/decide.h"
#include "syslog_options.h"

namespace footfall {

class SyslogIntake {
 public:
  SyslogIntake(const SyslogOptions& options, LocalSites& sites, lookup::ClientLookup& lookup, const HitLimits& limits,
               metrics::ShardCounters& ledger, metrics::SyslogCounters& counters);

  // `options` outlive their being replaced, or this.
  void set_options(const SyslogOptions& options);

  // `cut`: it was longer than what was read of it.
  void take(std::string_view datagram, bool cut, std::int64_t now_ms);
  // What was taken, to be decided; the texts live until clear().
  const std::vector<sites::Candidate>& candidates() const { return candidates_; }
  const std::vector<LocalSite*>& owners() const { return owners_; }  // candidate index -> its site
  void clear();

 private:
  void malformed(logs::SyslogFault fault);
  LocalSite* site_of(const logs::Line& line, std::string_view tag);

  const SyslogOptions* options_;
  LocalSites& sites_;
  lookup::ClientLookup& lookup_;
  const HitLimits& limits_;
  metrics::ShardCounters& ledger_;
  metrics::SyslogCounters& counters_;
  logs::Format format_, json_;
  ingest::Arena arena_;
  std::vector<sites::Candidate> candidates_;
  std::vector<LocalSite*> owners_;
};

}  // namespace footfall
