// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposition.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <boost/version.hpp>
#include <limits>
#include <sstream>
#include <string_view>

#include "redis/replicator.h"

namespace footfall::metrics {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<std::string_view, kCodeClasses> kCodeClassNames{"2xx", "3xx", "4xx", "5xx"};

ClientMetric metric_of(MetricType type, double value) {
  ClientMetric metric;
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

// Families are written down in the order in which they are shown.
class Families {
 public:
  template <class Number>
  void counter(std::string_view name, std::string_view help, Number value) {
    begin(MetricType::Counter, name, help);
    add(value, {});
  }
  template <class Number>
  void gauge(std::string_view name, std::string_view help, Number value) {
    begin(MetricType::Gauge, name, help);
    add(value, {});
  }
  // Followed by add() for each combination of labels.
  void begin(MetricType type, std::string_view name, std::string_view help) {
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_.push_back(std::move(family));
  }
  template <class Number>
  void add(Number value, std::vector<ClientMetric::Label> labels) {
    ClientMetric metric = metric_of(families_.back().type, static_cast<double>(value));
    metric.label = std::move(labels);
    families_.back().metric.push_back(std::move(metric));
  }
  // What took how long, of all shards together.
  void histogram(std::string_view name, std::string_view help, const std::vector<const Durations*>& parts) {
    begin(MetricType::Histogram, name, help);
    ClientMetric::Histogram& out = families_.back().metric.emplace_back().histogram;
    for (const Durations* part : parts) out.sample_sum += static_cast<double>(part->sum_ms()) / 1000;
    for (std::size_t i = 0; i < Durations::kBuckets; ++i) {
      for (const Durations* part : parts) out.sample_count += part->in_bucket(i);
      const double bound = i < Durations::kBoundsMs.size() ? static_cast<double>(Durations::kBoundsMs.at(i)) / 1000
                                                           : std::numeric_limits<double>::infinity();
      out.bucket.push_back({out.sample_count, bound});
    }
  }
  // A summary without quantiles.
  void summary(std::string_view name, std::string_view help, std::uint64_t count, double sum) {
    begin(MetricType::Summary, name, help);
    ClientMetric::Summary& out = families_.back().metric.emplace_back().summary;
    out.sample_count = count;
    out.sample_sum = sum;
  }
  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

template <class Get>
std::uint64_t sum(const std::vector<const ShardCounters*>& shards, Get get) {
  std::uint64_t total = 0;
  for (const ShardCounters* shard : shards) total += get(*shard).get();
  return total;
}

constexpr std::array<std::string_view, counting::kKinds> kKindNames{"pageview", "event", "heartbeat"};

void ledger(Families& out, const std::vector<const ShardCounters*>& shards, const Facts& facts) {
  out.counter("footfall_hits_received_total", "Pings that were judged, items of batches among them.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.received; }));
  out.counter("footfall_hits_accepted_total", "Hits whose block was durable for the mode.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.accepted; }));
  out.counter("footfall_hits_applied_total", "Hits that were added to the counts.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.applied; }));
  out.counter("footfall_hits_acknowledged_total", "Hits whose answer was released.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.acknowledged; }));
  out.begin(MetricType::Counter, "footfall_hits_rejected_total", "Pings that were not accepted, by reason.");
  for (std::size_t reason = 1; reason < kRejections; ++reason) {
    const std::string name(ingest::name_of(static_cast<ingest::Rejection>(reason)));
    out.add(sum(shards, [reason](const ShardCounters& s) -> const base::Counter& { return s.rejected.at(reason); }),
            {{"reason", name}});
  }
  out.begin(MetricType::Counter, "footfall_hits_kind_total", "Hits that were added to the counts, by kind.");
  for (std::size_t kind = 0; kind < counting::kKinds; ++kind) {
    out.add(sum(shards, [kind](const ShardCounters& s) -> const base::Counter& { return s.applied_kinds.at(kind); }),
            {{"kind", std::string(kKindNames.at(kind))}});
  }
  out.counter("footfall_hits_bot_total", "Hits of crawlers among them.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.applied_bots; }));
  out.counter("footfall_hits_counted_total", "Pageviews among them that added one to a site's total.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.counted; }));
  out.gauge("footfall_sites_in_spike",
            "Sites whose latest whole minute had far more hits than those of the three hours before.",
            sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.sites_in_spike; }));
  out.gauge("footfall_ledger_mismatch",
            "How far counts of the same hits disagree: after a pass, at the start, at a checkpoint; must be 0.",
            sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.ledger_mismatch; }) +
                facts.ledger_mismatch);
  out.counter("footfall_ledger_checks_total", "Starts and checkpoints that compared the journal with the counts.",
              facts.ledger_checks);
  out.begin(MetricType::Gauge, "footfall_ledger_hits", "Hits since the data began, as of the last of them.");
  out.add(facts.ledger_stream_hits, {{"in", "streams"}});
  out.add(facts.ledger_site_hits, {{"in", "sites"}});
  out.gauge("footfall_saturated_sites",
            "Sites whose numbers stood at 2^64 - 1, where they end, as of the last of them; should be 0.",
            facts.saturated_sites);
}

std::uint64_t answered_in_all(const std::vector<const ShardCounters*>& shards) {
  std::uint64_t total = 0;
  for (std::size_t route = 0; route < kRoutes; ++route) {
    for (std::size_t code_class = 0; code_class < kCodeClasses; ++code_class)
      total += sum(shards,
                   [=](const ShardCounters& s) -> const base::Counter& { return s.requests.at(route).at(code_class); });
  }
  return total;
}

void requests(Families& out, const std::vector<const ShardCounters*>& shards, const Facts& facts,
              std::uint64_t answered) {
  out.begin(MetricType::Counter, "footfall_http_requests_total", "Answers, by route and class of status.");
  for (std::size_t route = 0; route < kRoutes; ++route) {
    const std::string name(api::name_of(static_cast<api::Route>(route)));
    for (std::size_t code_class = 0; code_class < kCodeClasses; ++code_class) {
      if (!has_answers(static_cast<api::Route>(route), code_class)) continue;
      out.add(sum(shards,
                  [=](const ShardCounters& s) -> const base::Counter& { return s.requests.at(route).at(code_class); }),
              {{"route", name}, {"code_class", std::string(kCodeClassNames.at(code_class))}});
    }
  }
  out.gauge("footfall_http_requests_in_flight", "Requests that were read and are not answered yet.",
            facts.requests_begun > answered ? facts.requests_begun - answered : 0);
  std::vector<const Durations*> hit_durations;
  hit_durations.reserve(shards.size());
  for (const ShardCounters* shard : shards) hit_durations.push_back(&shard->hit_durations);
  out.histogram("footfall_hit_duration_seconds",
                "From when a ping was read until its hit was durable for the mode: all in disk mode, a sample else.",
                hit_durations);
  out.begin(MetricType::Counter, "footfall_http_parse_errors_total",
            "Requests that were not HTTP as we read it, came too late or found no room, by reason.");
  for (std::size_t error = 1; error < kParseErrors; ++error) {
    out.add(facts.parse_errors.at(error),
            {{"reason", std::string(http::name_of(static_cast<http::ParseError>(error)))}});
  }
  out.gauge("footfall_http_body_bytes", "Memory of requests whose bodies are not complete.", facts.body_memory);
  out.gauge("footfall_http_body_bytes_max", "What it may be, of all shards together (--body-memory-max).",
            facts.body_memory_max);
  out.gauge(
      "footfall_http_queue_delay_seconds",
      "How long a connection that has something waits for its turn, where that is longest, as of the last second.",
      facts.queue_delay_s);
  out.gauge("footfall_overload_state", "1 while a shard sheds batches and costly reads, since others wait too long.",
            facts.overloaded ? 1 : 0);
  out.begin(MetricType::Counter, "footfall_shed_total",
            "Requests that were answered 503 because of that, or since they stood in their socket, by kind.");
  out.add(sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.shed_batches; }),
          {{"kind", "batch"}});
  out.add(sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.shed_reads; }), {{"kind", "read"}});
  out.gauge("footfall_http_connections", "Open connections of the public listeners.", facts.connections);
  out.gauge("footfall_http_connections_max",
            "How many there may be: --connections-max of each shard, or what descriptors leave.",
            facts.connections_max);
  out.counter("footfall_http_connections_accepted_total", "Connections that were accepted.",
              facts.connections_accepted);
  out.begin(MetricType::Counter, "footfall_http_connections_refused_total",
            "Connections that found no place: --connections-max are open, or the process has no descriptor.");
  out.add(facts.refused_by_limit, {{"reason", "limit"}});
  out.add(facts.refused_without_descriptor, {{"reason", "descriptors"}});
  out.begin(MetricType::Counter, "footfall_http_timeouts_total",
            "Connections that were closed since the client took too long, by what was waited for.");
  out.add(facts.head_timeouts, {{"for", "head"}});
  out.add(facts.body_timeouts, {{"for", "body"}});
  out.add(facts.idle_timeouts, {{"for", "next request"}});
  out.add(facts.send_timeouts, {{"for", "reading"}});
  if (facts.tls_expires_s != 0) {
    out.begin(
        MetricType::Counter, "footfall_tls_handshakes_total",
        "TLS handshakes that were completed, on all listeners: full ones, and those that went on with a session.");
    out.add(facts.tls_handshakes - facts.tls_resumed, {{"kind", "full"}});
    out.add(facts.tls_resumed, {{"kind", "resumed"}});
    out.begin(MetricType::Counter, "footfall_tls_failures_total",
              "TLS connections that failed, mostly in their handshake, by reason.");
    for (std::size_t failure = 0; failure < kTlsFailures; ++failure) {
      out.add(facts.tls_failures.at(failure),
              {{"reason", std::string(base::name_of(static_cast<base::TlsFailure>(failure)))}});
    }
    out.gauge("footfall_tls_certificate_expires_timestamp_seconds", "When the certificate expires, or one above it.",
              facts.tls_expires_s);
  }
  out.counter("footfall_ping_unknown_keys_total", "Keys of pings that nobody reads.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.unknown_keys; }));
  out.counter("footfall_untrusted_forwards_total",
              "Requests with a forwarding field from a peer that is not a trusted proxy.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.untrusted_forwards; }));
  out.gauge("footfall_live_subscribers", "Readers of live streams.", facts.subscribers);
  out.counter("footfall_live_events_total", "Events that were sent to them.", facts.live_events);
  out.counter("footfall_live_evicted_total", "Readers that were cut because they took nothing.", facts.live_evicted);
  out.counter("footfall_admin_failed_attempts_total", "Admin requests with a wrong or expired token.",
              facts.admin_failed_attempts);
  out.counter("footfall_public_failed_attempts_total", "Requests of the public listener with a wrong or expired token.",
              facts.public_failed_attempts);
  out.counter("footfall_limited_attempts_total",
              "Requests with a token that were told to wait, since too many wrong ones had come.",
              facts.admin_limited_attempts + facts.public_limited_attempts);
}

void state(Families& out, const std::vector<const ShardCounters*>& shards, const Facts& facts) {
  out.gauge("footfall_sites", "Registered sites.", facts.sites);
  std::uint64_t pages_most = facts.pages_most_at_start;
  for (const ShardCounters* shard : shards) pages_most = std::max(pages_most, shard->pages_most.get());
  out.begin(MetricType::Gauge, "footfall_tracked_series", "Pages of the site that has most of them.");
  out.add(pages_most, {{"kind", "pages"}});
  out.begin(MetricType::Gauge, "footfall_tracked_series_max",
            "What one may have: pages of a site, labels of a site, day and dimension (--pages-max, --labels-max).");
  out.add(facts.pages_max, {{"kind", "pages"}});
  out.add(facts.labels_max, {{"kind", "labels"}});
  out.begin(MetricType::Counter, "footfall_series_overflow_total",
            "Hits that count in (other), since there was no more place for their page, or for one of their labels.");
  out.add(sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.other_pages; }),
          {{"kind", "pages"}});
  out.add(sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.other_labels; }),
          {{"kind", "labels"}});
  out.gauge("footfall_online", "Visitors online, summed over the sites.", facts.online);
  out.gauge("footfall_online_pairs", "Pairs of visitor and page that presence holds.", facts.online_pairs);
  out.gauge("footfall_online_pairs_max", "How many there may be (--online-pairs-max).", facts.online_pairs_max);
  out.counter("footfall_presence_full_total", "Hits that did not touch presence because it was full.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.presence_full; }));
}

void single_sites(Families& out, const std::vector<SiteFacts>& sites) {
  const auto family = [&](MetricType type, std::string_view name, std::string_view help,
                          std::uint64_t SiteFacts::*number) {
    out.begin(type, name, help);
    for (const SiteFacts& site : sites) out.add(site.*number, {{"site", site.name}});
  };
  family(MetricType::Counter, "footfall_site_hits_counted_total",
         "Pageviews that the site counted; a reset begins at 0. --metrics-sites says of how many sites.",
         &SiteFacts::counted);
  family(MetricType::Gauge, "footfall_site_hits", "What the site's counter shows: counted and seeds.",
         &SiteFacts::total);
  family(MetricType::Gauge, "footfall_site_online", "Visitors online.", &SiteFacts::online);
}

void batches(Families& out, const std::vector<const ShardCounters*>& shards, const Facts& facts) {
  out.gauge("footfall_batch_keys", "Names of batches' idempotency keys that are held; --batch-keys-max bounds them.",
            facts.batch_keys);
  out.gauge("footfall_batch_key_bytes", "Memory that they take up or have reserved; --batch-key-memory-max bounds it.",
            facts.batch_key_bytes);
  out.gauge("footfall_batch_keys_max", "How many there may be (--batch-keys-max).", facts.batch_keys_max);
  out.gauge("footfall_batch_key_bytes_max", "What they may take up (--batch-key-memory-max).",
            facts.batch_key_bytes_max);
  out.begin(MetricType::Counter, "footfall_batch_key_requests_total", "Batches with a key, by what came of it.");
  for (std::size_t outcome = 0; outcome < kKeyOutcomes; ++outcome) {
    out.add(sum(shards, [=](const ShardCounters& s) -> const base::Counter& { return s.batch_keys.at(outcome); }),
            {{"outcome", std::string(name_of(static_cast<KeyOutcome>(outcome)))}});
  }
}

void changes(Families& out, const Facts& facts) {
  out.begin(MetricType::Gauge, "footfall_changes",
            "Seeds, resets and other changes that were ever applied: whole, or by their ids alone.");
  out.add(facts.changes_remembered, {{"state", "remembered"}});
  out.add(facts.changes_past, {{"state", "past"}});
  out.gauge("footfall_changes_past_bytes", "Memory of the ids of past changes; no bound but how many were made.",
            facts.changes_past_bytes);
}

void storage(Families& out, const std::vector<const ShardCounters*>& shards, const Facts& facts) {
  out.counter("footfall_journal_bytes_total", "Bytes appended to the journal.", facts.journal_bytes);
  out.counter("footfall_journal_blocks_total", "Passes that had something to journal.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.passes; }));
  out.counter("footfall_journal_write_failures_total", "Blocks that could not be written.",
              sum(shards, [](const ShardCounters& s) -> const base::Counter& { return s.journal_failures; }));
  out.counter("footfall_journal_syncs_total", "Groups of blocks that were made durable, or failed to be.",
              facts.journal_syncs);
  out.counter("footfall_journal_sync_failures_total", "Those that failed.", facts.journal_sync_failures);
  out.counter("footfall_journal_sync_seconds_total", "Time that they took, summed.", facts.journal_sync_seconds);
  out.counter("footfall_hits_durable_total", "Hits in blocks that are on the device.", facts.durable_hits);
  out.gauge("footfall_unsynced_hits", "Hits in blocks that are written, and not on the device yet.",
            facts.unsynced_hits);
  out.gauge("footfall_unsynced_hits_max", "How many may wait, of all shards together; pings beyond are answered 503.",
            facts.unsynced_hits_max);
  out.gauge("footfall_journal_streams_failed", "Streams that take no writes at present.", facts.journal_streams_failed);
  out.gauge("footfall_journal_uncovered_bytes", "Of the journal, since the last checkpoint: what a start would replay.",
            facts.journal_uncovered_bytes);
  out.gauge("footfall_reserve_bytes", "Preallocated for checkpoints and a stop on a full disk; 0: given up.",
            facts.reserve_bytes);
  out.gauge("footfall_disk_free_bytes", "Free on the file system of the data directory.", facts.disk_free_bytes);
  out.counter("footfall_checkpoints_total", "Checkpoints that were made.", facts.checkpoints);
  out.counter("footfall_checkpoint_failures_total", "Checkpoints that failed.", facts.checkpoint_failures);
  out.gauge("footfall_checkpoint_failures_in_a_row", "Those since the last that was made; 0 if it was the latest try.",
            facts.checkpoint_failures_in_a_row);
  out.gauge("footfall_checkpoint_duration_seconds", "How long the last checkpoint took.", facts.checkpoint_duration_s);
  out.gauge("footfall_checkpoint_last_timestamp_seconds", "When the last checkpoint was made; 0: none yet.",
            facts.checkpoint_last_s);
  out.gauge("footfall_recovery_duration_seconds", "How long reading the data directory took at start.",
            facts.recovery_duration_s);
  out.gauge("footfall_recovery_replayed_blocks", "Blocks that were replayed at start.", facts.recovery_blocks);
  out.gauge("footfall_recovery_replayed_hits", "Hits that were replayed at start.", facts.recovery_hits);
  out.gauge("footfall_recovery_torn_bytes", "Bytes of a torn tail that were cut at start.", facts.recovery_torn_bytes);
  out.gauge("footfall_recovery_lost_blocks", "Blocks that --accept-loss gave up at start.", facts.recovery_lost_blocks);
  out.gauge("footfall_recovery_lost_hits", "Hits in those of them whose header could be read.",
            facts.recovery_lost_hits);
}

void syslog(Families& out, const Facts& facts) {
  const auto sum_of = [&](const auto& counter_of) {
    std::uint64_t total = 0;
    for (const SyslogCounters* counters : facts.syslog) total += counter_of(*counters).get();
    return total;
  };
  out.counter("footfall_syslog_datagrams_total", "Datagrams that were read.",
              sum_of([](const SyslogCounters& s) -> const base::Counter& { return s.datagrams; }));
  out.counter("footfall_syslog_filtered_total", "Of them, lines that are no page hits.",
              sum_of([](const SyslogCounters& s) -> const base::Counter& { return s.filtered; }));
  out.counter("footfall_syslog_pings_total", "Of them, page hits; what became of them is in footfall_hits_*.",
              sum_of([](const SyslogCounters& s) -> const base::Counter& { return s.pings; }));
  out.begin(MetricType::Counter, "footfall_syslog_malformed_total", "Of them, those that carry no line, by reason.");
  for (std::size_t fault = 1; fault < kSyslogFaults; ++fault) {
    out.add(sum_of([fault](const SyslogCounters& s) -> const base::Counter& { return s.malformed.at(fault); }),
            {{"reason", std::string(logs::name_of(static_cast<logs::SyslogFault>(fault)))}});
  }
  out.counter("footfall_syslog_lost_total", "Datagrams that the kernel dropped because the receive buffer was full.",
              sum_of([](const SyslogCounters& s) -> const base::Counter& { return s.lost; }));
  out.gauge("footfall_syslog_buffer_bytes", "Receive buffers of the syslog sockets.", facts.syslog_buffer_bytes);
}

void redis(Families& out, const Facts& facts) {
  out.gauge("footfall_redis_up", "1 if every slot has a master that answers.", facts.redis_up ? 1 : 0);
  out.begin(MetricType::Counter, "footfall_redis_commands_total", "Commands, by whether Redis answered them.");
  out.add(facts.redis_answered, {{"result", "answered"}});
  out.add(facts.redis_unavailable, {{"result", "unavailable"}});
  out.begin(MetricType::Counter, "footfall_redis_errors_total", "Error replies of Redis, by class.");
  for (const auto& [name, count] : facts.redis_errors) out.add(count, {{"class", std::string(name)}});
  out.summary("footfall_redis_roundtrip_seconds",
              "From a command until its reply, where nothing else of the connection was waited for.",
              facts.redis_round_trips, static_cast<double>(facts.redis_round_trip_ms) / 1000);
  out.counter("footfall_redis_connects_total", "Connections to Redis that were made.", facts.redis_connects);
  out.counter("footfall_snapshots_total", "Snapshots of this node that Redis has taken.", facts.snapshots);
  out.counter("footfall_snapshot_failures_total", "Snapshots that it has not.", facts.snapshot_failures);
  out.gauge("footfall_snapshot_last_timestamp_seconds",
            "When the last one was taken; 0: none yet. Of several nodes one takes each: the greatest tells.",
            facts.snapshot_last_s);
}

void replication(Families& out, const Facts& facts) {
  const redis::ReplicatorCounters& counters = *facts.replication;
  out.gauge("footfall_replicated_hits",
            "Counted hits, and bots, of this run that Redis has acknowledged; since its slot began.",
            counters.replicated.get());
  out.begin(MetricType::Counter, "footfall_replication_flushes_total",
            "Rounds of reading from Redis what other nodes say, and telling them what changed here.");
  out.add(counters.flushes.get(), {{"result", "done"}});
  out.add(counters.failed_flushes.get(), {{"result", "failed"}});
  out.counter("footfall_replication_slot_writes_total", "Writes of what this node counted of a site.",
              counters.slot_writes.get());
  out.counter("footfall_replication_slots_read_total", "Values that Redis sent, of this node and others.",
              counters.slots_read.get());
  out.counter("footfall_replication_slots_learnt_total", "Values of other nodes that were taken.",
              counters.slots_learnt.get());
  out.counter("footfall_replication_changes_told_total", "Changes that other nodes were told.",
              counters.change_writes.get());
  out.counter("footfall_replication_changes_adopted_total", "Changes of other nodes that were adopted.",
              counters.changes_adopted.get());
  out.counter("footfall_replication_resyncs_total", "Rounds that looked at every site.", counters.resyncs.get());
  out.counter("footfall_replication_losses_total", "Times that Redis had lost data; it was written again.",
              counters.losses.get());
  out.counter("footfall_replication_unreadable_total", "Values in Redis that are none of a node, or a later release's.",
              counters.unreadable.get());
  out.counter("footfall_replication_conflicts_total",
              "Times that Redis had more under this node's incarnation than it counted.", counters.ahead.get());
  out.gauge("footfall_replication_dirty_sites", "Sites with counts that other nodes were not told yet.",
            facts.replication_dirty);
  out.gauge("footfall_replication_lag_seconds", "Since this node and Redis last knew the same.",
            facts.replication_lag_s);
  if (facts.redis_clock_ahead_s) {
    out.gauge("footfall_redis_clock_ahead_seconds",
              "How far Redis's clock is ahead of this node's: who is online is so by Redis's.",
              *facts.redis_clock_ahead_s);
  }
}

void process(Families& out, const Facts& facts) {
  const ProcessFacts process = read_process();
  out.gauge("footfall_ready", "1 if the node takes traffic.", facts.ready ? 1 : 0);
  out.counter("footfall_reload_failures_total", "Reloads that left the configuration as it was, since it was wrong.",
              facts.reload_failures);
  out.gauge("footfall_config_last_reload_successful", "1 if the last reload took the configuration, or none was tried.",
            facts.last_reload_succeeded ? 1 : 0);
  out.gauge("footfall_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read and taken: a start or a reload.", facts.last_reload_success_s);
  out.counter("footfall_log_lines_dropped_total",
              "Log lines that were dropped: the queue was full, or standard error took them not.",
              facts.log_lines_dropped);
  out.counter("footfall_log_lines_suppressed_total",
              "Log lines that were held back: more than --log-rate of one event came within a minute.",
              facts.log_lines_suppressed);
  out.counter("footfall_clock_steps_total", "Times that the wall clock was set by more than a second while we ran.",
              facts.clock_steps);
  out.gauge("footfall_stall_seconds_max", "The longest that the process did not come to its task of each second.",
            facts.stall_s_max);
  out.gauge("footfall_shard_slice_seconds_max",
            "The longest that a shard worked at once on anything but requests, in CPU time of its thread.",
            facts.slice_s_max);
  out.begin(MetricType::Gauge, "footfall_build_info", "Always 1; what runs, by its labels.");
  out.add(1, {{"version", facts.version},
              {"revision", facts.revision},
              {"compiler", __VERSION__},
              {"boost", BOOST_LIB_VERSION},
              {"hiredis", facts.hiredis},
              {"openssl", facts.openssl},
              {"durability", facts.durability}});
  out.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", process.cpu_seconds);
  out.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            process.start_time_seconds);
  out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", process.resident_bytes);
  out.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", process.virtual_bytes);
  out.gauge("process_open_fds", "Number of open file descriptors.", process.open_fds);
  out.gauge("process_max_fds", "Maximum number of open file descriptors.", process.max_fds);
  out.gauge("process_threads", "Number of threads.", process.threads);
}

}  // namespace

Exposition::Exposition(std::vector<const ShardCounters*> shards, std::function<Facts()> facts)
    : shards_(std::move(shards)), facts_(std::move(facts)) {
  read_process();  // opens what it needs, while there are descriptors
}

std::vector<MetricFamily> Exposition::Collect() const {
  const std::uint64_t answered = answered_in_all(shards_);  // before what was begun, which is never less
  const Facts facts = facts_();
  Families out;
  ledger(out, shards_, facts);
  requests(out, shards_, facts, answered);
  state(out, shards_, facts);
  if (!facts.site_series.empty()) single_sites(out, facts.site_series);
  batches(out, shards_, facts);
  changes(out, facts);
  storage(out, shards_, facts);
  if (!facts.syslog.empty()) syslog(out, facts);
  if (facts.redis) redis(out, facts);
  if (facts.replication != nullptr) replication(out, facts);
  process(out, facts);
  return out.take();
}

std::string Exposition::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, Collect());
  return std::move(out).str();
}

}  // namespace footfall::metrics
