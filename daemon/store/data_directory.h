// SPDX-License-Identifier: Apache-2.0
// DataDirectory: what lies where, whose it is, and that nobody else uses it.
//
//   META                  format version, incarnation, where it was restored from, its slot (replaced atomically)
//   LOCK                  held while a daemon or an offline command uses the directory
//   journal/STREAM/*.seg  the journal
//   journal/damaged/      what a start with --accept-loss gave up (store/set_aside.h)
//   checkpoint/N.ckpt     two generations
//   history.sqlite        closed days, audit
//   salts                 0600: the ratchet (ingest/salts.h)
//   take-over             0600: where a successor asks (take_over.h in the folder above); a socket, while a daemon runs
//   admin-token           0600: written by the first start
//   token-request         0600: that the next start is to write another (store/token_request.h)
// Tested by tests/unit/store/data_directory_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/errors.h"
#include "base/file_system.h"
#include "journal/format.h"

namespace footfall::store {

class DataDirectory {
 public:
  // Makes the directory if it is absent. in_use: another process has it; newer_format; io: not writable. Each error
  // names the path and says what to do. `restored_from` is noted in a directory that is made.
  static base::Result<std::unique_ptr<DataDirectory>> open(
      base::FileSystem& files, const std::string& path,
      const std::optional<journal::Incarnation>& restored_from = std::nullopt);

  // For offline reading: changes nothing. not_found: there is no data directory; in_use: a daemon has it.
  static base::Result<std::unique_ptr<DataDirectory>> open_existing(base::FileSystem& files, const std::string& path);

  // For a start that takes over from the daemon that has it: reads what is there, beside that one, and changes nothing.
  // not_found: as open_existing(). Then its lock.
  static base::Result<std::unique_ptr<DataDirectory>> open_beside(base::FileSystem& files, const std::string& path);
  void take_lock(std::unique_ptr<base::File> lock) { lock_ = std::move(lock); }
  // To be sent to a successor, who has it too from then on; -1: there is none.
  int lock_descriptor() const { return lock_ ? lock_->descriptor() : -1; }

  const std::string& path() const { return path_; }
  base::FileSystem& files() const { return files_; }
  const journal::Incarnation& incarnation() const { return incarnation_; }
  std::string incarnation_text() const;  // 32 hex digits
  // The slot of the backup that this directory began with.
  const std::optional<journal::Incarnation>& restored_from() const { return restored_from_; }
  bool fresh() const { return fresh_; }  // made by this open()

  // The id under which other nodes are told what is counted here (store/own_slot.h): the incarnation until it got
  // another.
  const journal::Incarnation& slot() const { return slot_ ? *slot_ : incarnation_; }
  // It was given: this directory is, or was, one of many nodes.
  bool among_nodes() const { return slot_.has_value(); }
  // What the last stop left, to be taken from Redis by who goes on under this slot.
  const std::optional<journal::Incarnation>& ticket() const { return ticket_; }
  // Durable when it returns; else as it was. REQUIRES: no other thread uses this.
  base::Result<void> set_slot(const journal::Incarnation& slot, const std::optional<journal::Incarnation>& ticket);

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string journal_directory() const { return file("journal"); }
  std::string damaged_directory() const { return file("journal/damaged"); }
  std::string stream_directory(journal::StreamId stream) const;

 private:
  DataDirectory(base::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  static base::Result<std::unique_ptr<DataDirectory>> read(base::FileSystem& files, const std::string& path, bool lock);
  base::Result<void> keep_name(bool was_there);
  base::Result<void> lock();
  base::Result<void> read_or_make_meta();
  base::Result<void> write_meta(const std::optional<journal::Incarnation>& slot,
                                const std::optional<journal::Incarnation>& ticket);

  base::FileSystem& files_;
  std::string path_;
  std::unique_ptr<base::File> lock_;
  journal::Incarnation incarnation_{};
  std::optional<journal::Incarnation> restored_from_;
  bool fresh_ = false;
  std::optional<journal::Incarnation> slot_, ticket_;
};

}  // namespace footfall::store
