// SPDX-License-Identifier: Apache-2.0
// Verify: reads a whole data directory, changes nothing, and says what is in it and what is wrong with it.
//
//   each checkpoint      read to its end; the older one, replayed to the newer one's positions, is the newer one
//   each stream          every segment from the oldest checkpoint on, every block, every record
//   the ledger           of each checkpoint, and of the whole (ledger.h)
//   history.sqlite       SQLite's own check; it is not behind the newest checkpoint
//   salts                a start can read it, and nobody else can; it is not of a day that has not come
//   a live moment        if one is given: replayed to its positions, the state has its hash
//
// Units      UTC seconds; counts are as of the latest second in any record, or of the moment.
// Threading  one thread; nobody else uses the directory (DataDirectory::open_existing holds its lock).
// Errors     what is damaged is a line of `problems`, and the reading goes on where it can.
// Cost       reads each file about twice; the state twice in memory.
// Tested by tests/unit/store/verify_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/moment.h"
#include "store/recovery.h"

namespace footfall::store {

struct VerifiedStream {
  std::string name;                                    // "control", "hits-000"
  std::uint64_t segments = 0;                          // files, those included that the checkpoints cover
  std::uint64_t blocks = 0, hits = 0, torn_bytes = 0;  // behind the oldest readable checkpoint
  std::uint64_t sequence = 0;                          // of the last block
};

struct VerifyReport {
  std::string incarnation;
  std::vector<std::uint64_t> checkpoints;  // that could be read, ascending
  std::vector<VerifiedStream> streams;
  // The recovered state; its hash is empty if it could not be recovered. As of newest_s, or as the moment given.
  Moment state;
  std::int64_t newest_s = 0;
  bool differs = false;               // from the moment that was given
  std::vector<std::string> problems;  // sentences: what, where, what to do. Empty: the directory is whole
  std::vector<std::string> warnings;  // what a start would cut or pass over without losing what was acknowledged
};

// `now_s`: of the wall clock, for what cannot be of the future; it is never taken to be before the latest record.
// `live`: the state is replayed to its positions instead of to the end, and compared with it. conflict is a problem of
// the report: the directory is another one, or has left the positions behind.
VerifyReport verify(const DataDirectory& directory, const counting::Limits& limits, std::int64_t now_s,
                    const Moment* live = nullptr);

}  // namespace footfall::store
