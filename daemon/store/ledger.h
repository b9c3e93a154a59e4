// SPDX-License-Identifier: Apache-2.0
// Ledger: hits are counted in several places that know nothing of each other. Here they are compared.
//
//   one count                                            the other                          compared
//   a stream: what its blocks' headers say               what their records hold            by each replay
//   a stream: what a replay of closed segments found     what its shard had applied         at each checkpoint
//   everything: hits of all streams, since they began    hits that were added to sites      at starts and checkpoints
//   a site: counted, the sum of its pages                its days' sum                      at starts and checkpoints
//   a site: bots                                         its days' sum                      at starts and checkpoints
//
// What a shard compares at the end of a pass is in metrics/shard_counters.h. All of it is footfall_ledger_mismatch.
// Since it looks at every site, it also finds those whose numbers stand at the end (counting/saturating.h).
// Cost: a walk over the days of every site, beside the replay that it follows.
// Tested by tests/unit/store/ledger_test.cc, which tampers with each count.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "journal/format.h"
#include "store/recovery.h"

namespace footfall::store {

// A stream whose segments were closed, as its shard sees it.
struct ClosedStream {
  struct Applied {
    std::uint64_t sequence = 0;  // of the last block in them
    std::uint64_t hits = 0;      // up to there, since the stream began, that its shard has applied
  };
  std::uint64_t segment = 0;  // the last closed one
  // None of a stream whose segment could not be closed now: what its shard has is beyond `segment`.
  std::optional<Applied> applied;
};
using ClosedStreams = std::map<journal::StreamId, ClosedStream>;

struct Ledger {
  std::uint64_t stream_hits = 0, site_hits = 0;  // of everything
  std::vector<LedgerMismatch> mismatches;        // empty: it balances
  // Names of registered sites whose total, or what they counted, is 2^64 - 1: it does not go on from there.
  std::set<std::string> saturated;
  std::uint64_t by() const;  // how far it does not, summed
};

// Of a state that was replayed; with `closed`, also against what the shards had. Takes each site's lock in turn.
Ledger check_ledger(const RecoveredState& state, const ClosedStreams& closed = {});

// A line in the log for what does not balance, and for each saturated site that is not among those of `before`.
void tell(const Ledger& ledger, const std::set<std::string>& before = {});

}  // namespace footfall::store
