// SPDX-License-Identifier: Apache-2.0
// Backup: a checkpoint and a copy of the history in one file; and a data directory made from it.
//
//   backup    newest checkpoint (read whole, hashed) + copy of history.sqlite -> FILE.partial -> fsync -> FILE
//   restore   all checksums -> DIR.restoring: new incarnation, the checkpoint under it, the history -> DIR
//
// Not in it: the admin token's secret (the daemon makes a new one) and the salts. Without them nobody can tell from a
// backup who visited; after a restore today's visitors and those online are counted anew. The other tokens, as digests,
// are in it.
// The restored checkpoint has the same number, so that the history's rows stay behind it, and no positions: its streams
// begin anew. META names the incarnation that was backed up: see
// NodesStream::inherit().
//
// Threading  write_backup() where the checkpointer does not run meanwhile; restore_backup() anywhere.
// Errors     what, where, what to do; a failed backup or restore leaves nothing behind (a kill leaves FILE.partial or
//            DIR.restoring, which the next one names).
// Cost       the state once in memory, and twice the size of the history on the disk, meanwhile.
// Tested by tests/unit/store/backup_test.cc, tests/integration/backup_test.py.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "counting/site_state.h"
#include "store/data_directory.h"
#include "store/history.h"

namespace footfall::store {

struct BackupSummary {
  std::uint64_t checkpoint = 0;
  std::uint64_t bytes = 0, sites = 0;
  std::string hash;           // of the content, as of newest_s
  std::int64_t newest_s = 0;  // the latest second in any record
  std::int64_t made_s = 0;
};

// Packs the newest checkpoint. exists: there is a file of that name; malformed: the path is in the data directory;
// unavailable: `cancelled` turned true.
base::Result<BackupSummary> write_backup(const DataDirectory& directory, History& history,
                                         const counting::Limits& limits, std::int64_t now_s, const std::string& path,
                                         const std::atomic<bool>& cancelled);

struct RestoreSummary {
  BackupSummary backup;
  std::string incarnation;  // the new one
};

// Makes `target`, which must be absent or an empty directory (exists).
base::Result<RestoreSummary> restore_backup(base::FileSystem& files, const std::string& path, const std::string& target,
                                            const counting::Limits& limits);

}  // namespace footfall::store
