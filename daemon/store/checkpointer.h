// SPDX-License-Identifier: Apache-2.0
// Checkpointer: a thread at low priority that makes checkpoints by recovery itself, each minute if anything changed,
// and whenever the journal that a start would replay has reached its bound. The live state is not touched.
//
//   ask the shards to roll their segments (hit streams first, control last) -> recover() through those segments ->
//   compare the ledger with what the shards have -> closed days to the history (one transaction) -> write checkpoint
//   N+1 -> tell the live side which days are closed -> recycle segments behind checkpoint N -> remove checkpoint N-1 ->
//   take the reserve again
//
// A run that failed leaves the segments that it had closed to the next one, so that trying again closes none.
// A disk that the journal has filled frees itself: the checkpoint goes into the reserve (store/reserve.h) and is made
// of the closed segments that there are. While a stream finds no room the same state is written again under the next
// number, so that what lies between the two last checkpoints is behind both, and is freed too.
// Tested by tests/unit/store/checkpointer_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/backup.h"
#include "store/history.h"
#include "store/ledger.h"
#include "store/recovery.h"
#include "store/reserve.h"

namespace footfall::store {

struct ClosedDay {
  sites::SiteId site;
  counting::Epoch epoch;
  counting::Day day;
};

// How the checkpointer reaches the live side. Called on the checkpointer's thread; each call returns when it is done.
// That thread runs only when nothing else wants to: an implementation posts to the threads concerned, and takes no
// site's lock here.
struct LiveSide {
  // Closes every hit stream's segment, then the control stream's; answers the closed segments. Of a stream that cannot
  // begin another, the last one that is closed and that nothing makes void.
  std::function<base::Result<ClosedStreams>()> roll;
  // These days are in the history now, and closed in the checkpoint of that number: fold and forget them in the live
  // state. Called for each checkpoint, mostly without days.
  std::function<void(std::uint64_t, const std::vector<ClosedDay>&)> days_closed;
  // Segments up to these numbers may be recycled.
  std::function<void(const std::map<journal::StreamId, std::uint64_t>&)> recycle;
  // Of the journal: replayed by the start, and appended since.
  std::function<std::uint64_t()> journal_bytes;
  // A stream takes nothing: its disk is full, or failed.
  std::function<bool()> stream_failed;
  std::set<std::string> saturated = {};  // sites of the ledger at the start, which told of them
};

struct CheckpointLimits {
  std::int32_t interval_s = 60;
  std::uint64_t journal_bytes_max = 32U << 20U;  // since the last one; makes one before the interval has passed
  // What the history forgets, once a day: rankings of days, and audit entries, that are older. 0: nothing.
  std::int32_t rankings_kept_days = 0, audit_kept_days = 0;
};

struct CheckpointStats {
  std::uint64_t checkpoints = 0, failures = 0;
  std::uint64_t failures_in_a_row = 0;
  std::uint64_t journal_bytes = 0;  // since the last one: what a start would replay
  std::int64_t last_utc_s = 0;
  double last_duration_s = 0;
  std::uint64_t ledger_checks = 0;
  Ledger ledger;  // as of the last check; its mismatches those of the last check that found any
};

// Of the calling thread: for those that replay beside counting.
void lower_priority();

class Checkpointer {
 public:
  Checkpointer(const DataDirectory& directory, const counting::Limits& limits, History& history, Reserve& reserve,
               const base::Clock& clock, LiveSide live, const CheckpointLimits& triggers);
  ~Checkpointer();  // stops; a checkpoint under way is given up
  void start();
  void stop();
  // The same, and the thread may still end.
  void begin_stop();
  // Makes one now, on the calling thread (tests).
  base::Result<void> run_once();
  // Makes one, also if nothing changed and there is none yet, and packs it into a new file (store/backup.h), on the
  // calling thread; unavailable if stop() comes meanwhile.
  base::Result<BackupSummary> backup(const std::string& path);
  CheckpointStats stats() const;
  // From now on. Any thread.
  void set_limits(const CheckpointLimits& triggers);
  // Waits for the run under way, a backup's too; none is begun while what this answers is there. It goes on the thread
  // that asked.
  std::unique_lock<std::mutex> pause();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::store
