// SPDX-License-Identifier: Apache-2.0
// generate: sends traffic over many connections, and measures how long each answer took from the moment at which its
// request was due. In an open loop that moment is the schedule's, whatever the server does: one that stalls is charged
// for all that came meanwhile, which a client that waits for answers hides (Gil Tene's "coordinated omission"). In a
// closed loop it is the moment of sending, or with a connection for each request that of opening it.
//
// Each thread has an epoll set, its share of the connections, and its own traffic. A request that is due goes to the
// connection that has been idle longest; where none is idle, behind others', or, with a connection for each request, to
// one more: visitors who come do not wait for each other. Those that find no room wait, and so does nothing else: they
// are late by the schedule. Within a millisecond of a request's time a thread does not sleep, since its waking up
// would be charged to the server.
//
// What becomes of a hit: acknowledged (answered 2xx), rejected by reason (Footfall-Rejected, or an item of a batch),
// refused by status (4xx: not counted), undecided (5xx, or no answer: it may be counted), or unsent. In an open loop
// a request that is never sent or answered is among the latencies with the time until the end: who gave up after that
// waited at least as long.
// Tested by tests/unit/load/generator_test.cc and, with real daemons, tests/integration/bench_test.py.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <string>

#include "base/errors.h"
#include "load/latency_histogram.h"
#include "load/traffic.h"

namespace footfall::load {

struct GeneratorOptions {
  sockaddr_storage to{};
  socklen_t to_size = 0;
  std::string tls_name;         // whose certificate is expected; empty: no TLS
  std::string tls_authorities;  // a PEM file; empty: those of the system

  unsigned threads = 1;
  unsigned connections = 64;  // over all threads, at least one each
  // The same of an open loop with `reconnect`, which opens more where all are busy; never below `connections`.
  unsigned connections_max = 10'000;
  unsigned pipeline = 1;  // requests in flight on a connection of a closed loop
  bool open_loop = false;
  bool reconnect = false;  // a connection for each request
  bool resume = false;     // each TLS connection goes on with the session of one before
  double seconds = 10;     // of sending
  double in_time_s = 1e9;  // so long after it was due what is acknowledged is late
  double patience_s = 10;  // for what was due in time to be sent, and for answers after the last request
};

struct Generated {
  std::uint64_t requests = 0, hits = 0;  // sent
  std::uint64_t due = 0, unsent = 0;     // hits of the schedule: in time, and of them never sent
  std::uint64_t acknowledged = 0, undecided = 0;
  std::uint64_t in_time = 0;     // of those acknowledged, within `in_time_s` and before the time of sending was over
  std::uint64_t unanswered = 0;  // of those undecided, without any answer
  std::uint64_t bots = 0;        // of those acknowledged in batches, crawlers that are counted apart
  std::map<std::string, std::uint64_t> rejected;    // reason -> hits
  std::map<unsigned, std::uint64_t> statuses;       // status -> answers
  std::uint64_t connects = 0;                       // connections that were opened
  std::uint64_t tls_connects = 0, tls_resumed = 0;  // whose TLS was established; of them, with a session of before
  std::uint64_t behind = 0;                         // requests of an open loop that found no idle connection
  std::uint64_t bytes_sent = 0;                     // of requests, before TLS
  std::int64_t late_ns_max = 0;                     // how long one waited in an open loop until it was sent
  double seconds = 0;                               // from the begin to the last answer
  double offered_s = 0;                             // of them, those in which requests were offered
  std::string trouble;                              // why it ended early; empty: it did not
  // Of requests that were answered; in an open loop of all that were due.
  LatencyHistogram latency;

  void merge(const Generated& other);
};

// Blocks until all is answered; for what is not `patience_s` after the last was sent, it does not wait. Errors: of the
// files that traffic is made of, and of TLS; what goes wrong with connections is in the result.
base::Result<Generated> generate(const GeneratorOptions& options, const TrafficOptions& traffic);

}  // namespace footfall::load
