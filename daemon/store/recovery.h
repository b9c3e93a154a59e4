// SPDX-License-Identifier: Apache-2.0
// Recovery: the last good checkpoint, then the control stream, then each hit stream and what other nodes said, in any
// order. The checkpointer runs the same code each minute, over closed segments only. Deterministic: the same files give
// the same canonical bytes. Tested by tests/unit/store/recovery_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/errors.h"
#include "journal/reader.h"
#include "sites/registry.h"
#include "store/data_directory.h"
#include "store/recovery_progress.h"

namespace footfall::store {

// stream -> how far; what a state includes.
using Positions = std::map<journal::StreamId, journal::Position>;

// What was given up of a stream.
struct LostTail {
  journal::StreamId stream;
  journal::Loss loss;
};

// Two counts of the same hits that differ.
struct LedgerMismatch {
  std::string sentence;  // which site or stream, and both numbers
  std::uint64_t by = 0;
};

struct RecoveredState {
  std::unique_ptr<sites::Registry> registry;
  Positions positions;
  std::uint64_t checkpoint = 0;    // number of the checkpoint it began with; 0: none
  std::int64_t checkpoint_s = 0;   // the latest second in that one
  Positions checkpoint_positions;  // what that one includes
  // stream -> hits that its blocks up to `positions` say they hold, since it began; absent: none.
  std::map<journal::StreamId, std::uint64_t> stream_hits;
  std::uint64_t earlier_hits = 0;          // of the streams of a directory that this one was restored from
  std::vector<LedgerMismatch> mismatches;  // between blocks and the records in them; the rest is check_ledger()'s
  std::uint64_t replayed_blocks = 0;
  std::uint64_t replayed_hits = 0;
  std::uint64_t replayed_bytes = 0;  // of those blocks
  std::uint64_t torn_bytes = 0;
  std::int64_t newest_s = 0;             // the latest second in any record: the clock starts no earlier
  std::vector<sites::Change> changes;    // replayed since the checkpoint, in order: for the audit
  std::set<sites::SiteId> importing;     // sites that had an open import in the checkpoint, or have one now
  std::vector<std::string> warnings;     // a checkpoint that was passed over, a torn tail: for the log and /readyz
  std::vector<journal::CutOff> cut_off;  // last segments that are shorter than they were made
  std::vector<LostTail> lost;            // only if the loss was accepted: set_aside() what it names before writing
};

// Where a replay begins and ends, for those who compare states.
struct ReplayBounds {
  std::uint64_t checkpoint_max = UINT64_MAX;  // begin with this checkpoint or an earlier one
  // stream -> the last block to replay; a stream that is not here is not read. Absent: all of them, to their ends.
  std::optional<std::map<journal::StreamId, std::uint64_t>> through_sequence;
};

// Replays up to the given segments (of streams in `through`; all of them where absent).
// Begins with the newest checkpoint; with the one before, and a warning, if that is damaged. corrupt: neither can be
// read, a block that must be whole is not, a record contradicts the state; newer_format; io.
// `cancelled`: when it turns true the replay ends with Errc::unavailable.
base::Result<RecoveredState> recover(const DataDirectory& directory, const counting::Limits& limits,
                                     const std::map<journal::StreamId, std::uint64_t>* through_segment = nullptr,
                                     const std::atomic<bool>* cancelled = nullptr, const ReplayBounds& bounds = {});

// What a start of the daemon adds.
struct StartOptions {
  bool accept_loss = false;              // corruption ends its stream, and is told in `lost`
  RecoveryProgress* progress = nullptr;  // kept up to date, if given
};
base::Result<RecoveredState> recover(const DataDirectory& directory, const counting::Limits& limits,
                                     const StartOptions& start);

// Goes on from where recover() ended, to the ends of all streams: for a start that read what was closed while another
// process still wrote.
base::Result<void> recover_rest(const DataDirectory& directory, const StartOptions& start, RecoveredState& state);

// For a start, behind recover() and before anybody is told what is there: of the hit streams beyond the first
// `written`, which have a journal::Writer, what was recovered may be in the page cache only; makes it durable.
base::Result<void> make_departed_durable(const DataDirectory& directory, const Positions& positions,
                                         std::size_t written);

}  // namespace footfall::store
