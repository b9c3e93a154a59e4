// SPDX-License-Identifier: Apache-2.0
// History: what is only looked at, no longer counted with: closed days' rankings and the audit log, in SQLite.
//
// Every row carries the number of the checkpoint that produced it. A checkpoint that is made from number B first
// deletes the rows of numbers beyond B, which an attempt that did not finish may have left: so each hit is there
// exactly once. Losing the file loses no total. Threading: one connection per thread that uses it; a reader may be made
// while the checkpointer writes (WAL). Tested by tests/unit/store/history_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/file_system.h"
#include "counting/hit.h"
#include "sites/changes.h"

namespace footfall::store {

struct HistoryRow {
  sites::SiteId site;
  counting::Epoch epoch;
  counting::Day day = 0;
  counting::Dimension dimension = counting::Dimension::page;
  std::string label;
  std::uint64_t count = 0;
};

struct AuditEntry {
  std::string id;
  std::int64_t at_s = 0;
  std::string actor, action, site, reason, before, after;
};

class History {
 public:
  // `vfs` names what SQLite reaches its files through; null: the system's own. A test's fails, and writes down.
  static base::Result<std::unique_ptr<History>> open(const std::string& path, const char* vfs = nullptr);
  ~History();
  // For a start, before the first open(), when nobody else has the file: writes the bytes of SQLite's log again, and
  // syncs them. After a sync that failed the kernel calls pages clean that the device has not; a process that ended
  // then left them to be read, and SQLite would append behind what a power cut takes away.
  static base::Result<void> write_log_anew(base::FileSystem& files, const std::string& path);

  // One transaction: deletes what is beyond `base_checkpoint`, adds the rows and the audit entries under `checkpoint`.
  base::Result<void> record(std::uint64_t base_checkpoint, std::uint64_t checkpoint,
                            const std::vector<HistoryRow>& rows, const std::vector<AuditEntry>& audit);
  // Deletes rankings of days before `rankings_before`, and audit entries of before `audit_before_s`; INT32_MIN and
  // INT64_MIN: none. One transaction; a scan of the rankings.
  base::Result<void> forget_before(counting::Day rankings_before, std::int64_t audit_before_s);
  // Deletes what is beyond `checkpoint`. For a start, with the checkpoint that recovery began with: days that an
  // attempt which did not finish had closed are open again, and would be read twice until the next checkpoint.
  base::Result<void> forget_beyond(std::uint64_t checkpoint) { return record(checkpoint, checkpoint, {}, {}); }
  // For a while, so that another process may have the file alone; nothing else is called between the two.
  void close();
  base::Result<void> reopen();
  // The `limit` largest labels over [from, to] and the given epochs, as checkpoints up to `through` wrote them.
  base::Result<std::vector<HistoryRow>> top(sites::SiteId site, const std::vector<counting::Epoch>& epochs,
                                            counting::Dimension dimension, counting::Day from, counting::Day to,
                                            std::size_t limit, std::uint64_t through = INT64_MAX);
  // The same of one label: a row for each day that has it, ascending. Costs a look for each day and epoch.
  base::Result<std::vector<HistoryRow>> days_of(sites::SiteId site, const std::vector<counting::Epoch>& epochs,
                                                counting::Dimension dimension, std::string_view label,
                                                counting::Day from, counting::Day to,
                                                std::uint64_t through = INT64_MAX);
  base::Result<std::vector<AuditEntry>> audit(std::size_t limit);
  // Reads the whole file and checks it. Answers the latest checkpoint that wrote here; corrupt says what is wrong.
  base::Result<std::uint64_t> check();
  // A consistent copy, without a write-ahead log. `path` is absent.
  base::Result<void> copy_to(const std::string& path);

 private:
  History();
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string path_;
};

}  // namespace footfall::store
