// SPDX-License-Identifier: Apache-2.0
// SqliteVfs: sends SQLite's files through a base::FileSystem, so that FaultFs sees the writes, syncs and removals of a
// database, its rollback journal and its write-ahead log.
//
//   sqlite3 --> SqliteVfs --> base::FileSystem     the calls that SQLite's unix VFS makes, in its order: the directory
//       `----> the default VFS                     is synced with the first sync of a new journal or log, and when a
//              (files without a name, time)        removal asks for it; a failure of the former is not reported
//
// Bounds: one connection to a database at a time, so locks always succeed and the log's index is memory of the file's
// own; no mmap. SQLite throws the index away when a first connection opens, as it does after a crash.
// Ownership: the file system outlives this, and this outlives the connections, but for those that end_process() left.
// Threads: those of one connection. Tested by tests/unit/store/history_test.cc and crash_states_test.cc.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/file_system.h"

namespace footfall::testing {

class SqliteVfs {
 public:
  explicit SqliteVfs(base::FileSystem& files);
  ~SqliteVfs();
  SqliteVfs(const SqliteVfs&) = delete;
  SqliteVfs& operator=(const SqliteVfs&) = delete;

  // What sqlite3_open_v2 calls it.
  const char* name() const { return name_.c_str(); }
  // The files that are open now do nothing more: their connections can be closed, and leave what a kill leaves.
  void end_process() { ++process_; }

 private:
  struct Calls;  // what SQLite calls

  base::FileSystem& files_;
  std::string name_;
  std::uint64_t process_ = 0;
  std::unique_ptr<sqlite3_vfs> vfs_;
};

}  // namespace footfall::testing
