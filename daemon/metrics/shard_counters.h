// SPDX-License-Identifier: Apache-2.0
// ShardCounters: what one shard counts of its own work: the ledger of pings and hits, and its answers.
//
//   received = accepted + the sum of rejected;   accepted = applied = acknowledged       whenever a pass has ended
//
// Threading  the shard writes, any thread reads; no locked instruction. Sums over shards are made by Exposition.
// Tested by tests/unit/metrics/shard_counters_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/router.h"
#include "base/counter.h"
#include "ingest/rules.h"
#include "metrics/durations.h"

namespace footfall::metrics {

// What came of a batch's Idempotency-Key.
enum class KeyOutcome : std::uint8_t {
  claimed,      // it is new, and the batch is looked at
  replayed,     // the stored answer was given again
  in_progress,  // the batch of this key is on its way to the disk
  other_body,
  passed,  // a greater number of its name was counted
  wrong_node,
  malformed,
  full,  // no more names can be kept
  count_
};
std::string_view name_of(KeyOutcome outcome);

inline constexpr std::size_t kKeyOutcomes = static_cast<std::size_t>(KeyOutcome::count_);
inline constexpr std::size_t kRejections = static_cast<std::size_t>(ingest::Rejection::count_);
inline constexpr std::size_t kRoutes = static_cast<std::size_t>(api::Route::count_);
inline constexpr std::size_t kCodeClasses = 4;  // 2xx, 3xx, 4xx, 5xx
// Whether a route has answers of a class at all; those that it never has get no series.
bool has_answers(api::Route route, std::size_t code_class);

struct ShardCounters {
  base::Counter received;                                     // pings judged, items of batches among them
  base::Counter accepted;                                     // hits whose block was durable for the mode
  base::Counter applied;                                      // to the sites' states; added up hit by hit
  std::array<base::Counter, counting::kKinds> applied_kinds;  // of them, by Kind
  base::Counter applied_bots;                                 // of them
  base::Counter counted;                                      // of them, pageviews that added one to a total
  base::Counter acknowledged;                                 // their answers were released, peer present or not
  std::array<base::Counter, kRejections> rejected;            // by Rejection; [none] unused

  std::array<std::array<base::Counter, kCodeClasses>, kRoutes> requests;  // answers, by Route and class of status
  // Of hits that somebody waited for: from the pass that read them until their block was durable for the mode. Of all
  // in `disk` mode, of every 16th block else.
  Durations hit_durations;
  base::Counter passes;  // that had something to journal
  base::Counter journal_failures;
  base::Counter unknown_keys;                          // keys of pings that nobody reads
  std::array<base::Counter, kKeyOutcomes> batch_keys;  // by KeyOutcome
  base::Counter untrusted_forwards;                    // a forwarding field from a peer that is not trusted
  base::Counter sites_in_spike;                        // of those that the shard ticks; a gauge
  base::Counter other_pages, other_labels;  // of them, with a page, or a label, that is (other); no heartbeats
  base::Counter pages_most;                 // of a site that it decided hits of; a gauge
  base::Counter presence_full;              // hits that did not touch presence: online_pairs_max
  base::Counter shed_batches, shed_reads;   // refused because there was too much to do
  base::Counter ledger_mismatch;            // as of the last balance(); must be 0

  void reject(ingest::Rejection reason, std::uint64_t count = 1) {
    rejected.at(static_cast<std::size_t>(reason)).add(count);
  }
  void key(KeyOutcome outcome) { batch_keys.at(static_cast<std::size_t>(outcome)).add(); }
  void answered(api::Route route, int status) {
    const std::size_t code_class = status < 300 ? 0 : status < 400 ? 1 : status < 500 ? 2 : 3;
    requests.at(static_cast<std::size_t>(route)).at(code_class).add();
  }
  std::uint64_t rejected_total() const;
  // At the end of a pass, when nothing is under way: draws the ledger's balance.
  void balance();
};

}  // namespace footfall::metrics
