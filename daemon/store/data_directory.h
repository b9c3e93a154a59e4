// SPDX-License-Identifier: Apache-2.0
// DataDirectory: what lies where, whose it is, and that nobody else uses it.
//
//   META                  format version, incarnation, and the one before where it was restored (replaced atomically)
//   LOCK                  held while a daemon or an offline command uses the directory
//   journal/STREAM/*.seg  the journal
//   journal/damaged/      what a start with --accept-loss gave up (store/set_aside.h)
//   checkpoint/N.ckpt     two generations
//   history.sqlite        closed days, audit
//   salts                 0600: the ratchet (ingest/salts.h)
//   admin-token           0600: written by the first start
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

  const std::string& path() const { return path_; }
  base::FileSystem& files() const { return files_; }
  const journal::Incarnation& incarnation() const { return incarnation_; }
  std::string incarnation_text() const;  // 32 hex digits
  // Under which the counts of the backup were made that this directory began with.
  const std::optional<journal::Incarnation>& restored_from() const { return restored_from_; }
  bool fresh() const { return fresh_; }  // made by this open()
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string journal_directory() const { return file("journal"); }
  std::string damaged_directory() const { return file("journal/damaged"); }
  std::string stream_directory(journal::StreamId stream) const;

 private:
  DataDirectory(base::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  base::Result<void> keep_name(bool was_there);
  base::Result<void> lock();
  base::Result<void> read_or_make_meta();

  base::FileSystem& files_;
  std::string path_;
  std::unique_ptr<base::File> lock_;
  journal::Incarnation incarnation_{};
  std::optional<journal::Incarnation> restored_from_;
  bool fresh_ = false;
};

}  // namespace footfall::store
