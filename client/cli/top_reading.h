// SPDX-License-Identifier: Apache-2.0
// What footfall top knows: readings of a daemon, one each second, and what goes on between them.
//
//   GET /v1/sites ----+
//                     +--> Reading --> TopHistory (the latest kSpan_s) --> TopState: numbers and rates
//   GET /metrics -----+
//
// A rate is the difference between the newest reading and the oldest that is kept, by the seconds between them. A
// number that fell (a day that ended, a daemon that began anew) has none until the next.
// Ownership  values alone. Threading: none of its own. Tested by tests/unit/client/top_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"

namespace footfall::cli {

struct SiteNumbers {
  std::string site;
  std::uint64_t online = 0, today = 0, total = 0;  // today: hits
};

using Metrics = std::map<std::string, double, std::less<>>;  // name{labels}, as it is written -> value

struct Reading {
  double at_s = 0;  // of a clock that is never set
  std::vector<SiteNumbers> sites;
  std::uint64_t more = 0;          // sites that were not listed
  std::optional<Metrics> metrics;  // absent: they could not be read
  std::string no_metrics;          // why
  double answered_s = 0;           // how long the list of sites took
};

// The daemon's list of sites, into `reading`. malformed: it is none.
base::Result<void> read_sites(std::string_view json, Reading& reading);
// The text format of Prometheus; lines that are none are passed over.
Metrics parse_metrics(std::string_view text);
// Of all series of a name: the sum of their values. Absent: there is none.
std::optional<double> sum_of(const Metrics& metrics, std::string_view name);

enum class TopOrder { online, today, total, hits, name };

struct SiteState {
  SiteNumbers now;
  std::optional<double> hits_per_s;  // views
};

struct DaemonState {
  std::string version;
  double up_s = 0;
  std::optional<double> accepted_per_s, rejected_per_s;  // pings
  std::optional<double> cpu;                             // cores
  std::optional<double> sync_s;                          // a sync of the journal took, on average
  double queue_s = 0, stall_s = 0;  // connections wait for their turn; the longest that a thread stood still
  double resident_bytes = 0, descriptors = 0, connections = 0, streams = 0;
  bool ready = false, shedding = false;
  std::uint64_t mismatches = 0;      // of the ledger
  std::uint64_t streams_failed = 0;  // of the journal
};

struct TopState {
  std::vector<SiteState> sites;  // in order
  std::uint64_t more = 0;
  std::optional<DaemonState> daemon;
  std::string no_metrics;
  double answered_s = 0;
  std::uint64_t online = 0, today = 0;  // of all that are listed
};

class TopHistory {
 public:
  static constexpr double kSpan_s = 5;

  void add(Reading reading);
  // REQUIRES: add() was called.
  TopState state(TopOrder order) const;

 private:
  std::deque<Reading> readings_;  // oldest first
};

}  // namespace footfall::cli
