// SPDX-License-Identifier: Apache-2.0
// Exposition: /metrics. One Collectable that sums the shards' counters and asks the server for the rest when it is
// scraped; nothing is computed between scrapes.
//
// Label sets are fixed and all zeros are there from the start, so the number of series does not depend on what comes
// in: about 230, never over 300. (But those of single sites, three each, of as many sites as were asked for: none.)
// Threading  any thread: it reads single-writer counters; `facts` is called on the scraping thread. Tested by
// tests/unit/metrics/exposition_test.cc, which has promtool check the text.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/tls.h"
#include "http/request_parser.h"
#include "metrics/process.h"
#include "metrics/shard_counters.h"
#include "metrics/syslog_counters.h"

namespace footfall::redis {
struct ReplicatorCounters;
}  // namespace footfall::redis

namespace footfall::metrics {

inline constexpr std::size_t kParseErrors = static_cast<std::size_t>(http::ParseError::count_);
inline constexpr std::size_t kTlsFailures = static_cast<std::size_t>(base::TlsFailure::count_);

// One site of those that have series of their own.
struct SiteFacts {
  std::string name;
  std::uint64_t total = 0, counted = 0;  // what the counter shows; without seeds
  std::uint64_t online = 0;
};

// What the server knows, as of a scrape. Totals are since the start of the process unless said otherwise.
struct Facts {
  std::string version, revision;
  std::string hiredis, openssl;  // of the libraries
  std::string durability = "disk";

  // What may be at most, of what is told beside it: 0 is not known.
  std::uint64_t connections_max = 0, body_memory_max = 0, unsynced_hits_max = 0, online_pairs_max = 0;
  std::uint64_t batch_keys_max = 0, batch_key_bytes_max = 0;

  // Of the public listeners: each is answered once, and counted then in ShardCounters::requests.
  std::uint64_t requests_begun = 0;
  std::uint64_t connections = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t refused_by_limit = 0, refused_without_descriptor = 0;  // connections
  // Connections that were closed for waiting too long: for a head, for a body, for a next request, for who does not
  // read.
  std::uint64_t head_timeouts = 0, body_timeouts = 0, idle_timeouts = 0, send_timeouts = 0;
  std::uint64_t body_memory = 0;                           // bytes of requests whose bodies are not complete
  double queue_delay_s = 0;                                // of the shard where it is longest
  bool overloaded = false;                                 // a shard is
  std::array<std::uint64_t, kParseErrors> parse_errors{};  // by ParseError; [none] unused
  // Of all listeners; 0: no certificate, and no series about TLS.
  std::int64_t tls_expires_s = 0;                          // UTC
  std::uint64_t tls_handshakes = 0, tls_resumed = 0;       // complete ones; of them, with a session of before
  std::array<std::uint64_t, kTlsFailures> tls_failures{};  // by base::TlsFailure
  std::uint64_t subscribers = 0, live_events = 0, live_evicted = 0;

  std::uint64_t sites = 0;
  std::uint64_t pages_most_at_start = 0;        // of a site
  std::uint64_t pages_max = 0, labels_max = 0;  // of a site; of a site, day and dimension
  std::uint64_t online = 0;                     // of all sites, summed
  std::uint64_t online_pairs = 0;               // (visitor, page) pairs in memory
  std::vector<SiteFacts> site_series;

  std::uint64_t batch_keys = 0, batch_key_bytes = 0;  // held
  // Changes that were ever applied: whole; by their ids alone, and what these take.
  std::uint64_t changes_remembered = 0, changes_past = 0, changes_past_bytes = 0;

  std::uint64_t journal_bytes = 0;  // appended
  std::uint64_t unsynced_hits = 0;  // decided, and waiting for the disk
  std::uint64_t journal_syncs = 0, journal_sync_failures = 0;
  double journal_sync_seconds = 0;           // summed
  std::uint64_t journal_streams_failed = 0;  // that take no writes at present

  std::uint64_t journal_uncovered_bytes = 0;  // by a checkpoint: what a start would replay
  std::uint64_t reserve_bytes = 0, disk_free_bytes = 0;

  // What starts and checkpoints compared (store/ledger.h).
  std::uint64_t ledger_checks = 0, ledger_mismatch = 0;
  std::uint64_t ledger_stream_hits = 0, ledger_site_hits = 0;  // as of the last of them
  std::uint64_t saturated_sites = 0;                           // the same

  std::uint64_t durable_hits = 0;  // since the start
  std::uint64_t checkpoints = 0, checkpoint_failures = 0, checkpoint_failures_in_a_row = 0;
  double checkpoint_duration_s = 0;    // of the last
  std::int64_t checkpoint_last_s = 0;  // UTC; 0: none yet

  std::vector<const SyslogCounters*> syslog;  // of each shard; empty: no socket, and no series about it
  std::uint64_t syslog_buffer_bytes = 0;      // of all sockets

  bool redis = false;  // the daemon was given one: else no series about it
  bool redis_up = false;
  std::uint64_t redis_answered = 0, redis_unavailable = 0, redis_connects = 0;
  std::uint64_t redis_round_trips = 0, redis_round_trip_ms = 0;          // summed
  std::vector<std::pair<std::string_view, std::uint64_t>> redis_errors;  // class, replies
  // With other nodes; nullptr: it counts for itself, and there are no series about it.
  const redis::ReplicatorCounters* replication = nullptr;
  std::size_t replication_dirty = 0;
  double replication_lag_s = 0;
  std::optional<double> redis_clock_ahead_s;
  std::uint64_t snapshots = 0, snapshot_failures = 0;
  std::int64_t snapshot_last_s = 0;

  double recovery_duration_s = 0;
  std::uint64_t recovery_blocks = 0, recovery_hits = 0, recovery_torn_bytes = 0;
  std::uint64_t recovery_lost_blocks = 0, recovery_lost_hits = 0;  // that --accept-loss gave up

  std::uint64_t reload_failures = 0;
  bool last_reload_succeeded = true;       // or there was none
  std::int64_t last_reload_success_s = 0;  // UTC
  std::uint64_t admin_failed_attempts = 0, public_failed_attempts = 0;
  std::uint64_t admin_limited_attempts = 0, public_limited_attempts = 0;
  std::uint64_t log_lines_dropped = 0, log_lines_suppressed = 0;
  std::uint64_t clock_steps = 0;
  double stall_s_max = 0;
  double slice_s_max = 0;
  bool ready = false;
};

class Exposition final : public prometheus::Collectable {
 public:
  // `shards` outlive this.
  Exposition(std::vector<const ShardCounters*> shards, std::function<Facts()> facts);
  std::vector<prometheus::MetricFamily> Collect() const override;
  // Prometheus text format 0.0.4.
  std::string text() const;

 private:
  std::vector<const ShardCounters*> shards_;
  std::function<Facts()> facts_;
};

}  // namespace footfall::metrics
