// SPDX-License-Identifier: Apache-2.0
// BackupFile: one file that holds a few others, each with its length, under one chain of checksums.
//
//   file    header member* end          header: magic, version, where it comes from; end: how many members there were
//
// Every checksum continues the one before it: a member that is damaged, missing, swapped, or of another backup is
// noticed, and so is a file that ends early. The grammar is in FORMAT.md.
// Threading  one thread.
// Errors     corrupt (with the path, what is wrong and what to do), newer_format, io, exists.
// Cost       writing and reading are one pass with 1 MiB at a time.
// Tested by tests/unit/store/backup_test.cc: every bit flip and every length is noticed.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "journal/format.h"

namespace footfall::store {

struct BackupHeader {
  journal::Incarnation incarnation{};  // of the directory that was backed up
  journal::Incarnation slot{};         // under which other nodes knew what it counted
  std::uint64_t checkpoint = 0;        // its number
  std::int64_t made_s = 0, newest_s = 0;
  std::string hash;  // content_hash() of the checkpoint as of newest_s
};

enum class BackupMember : std::uint8_t { end = 0, checkpoint = 1, history = 2 };

class BackupWriter {
 public:
  // exists: `path` is there already.
  static base::Result<BackupWriter> create(base::FileSystem& files, const std::string& path,
                                           const BackupHeader& header);
  // The whole file `from`; unavailable when `cancelled` turns true.
  base::Result<void> add(BackupMember member, const std::string& from, const std::atomic<bool>& cancelled);
  // Ends the file and syncs it; answers its size.
  base::Result<std::uint64_t> finish();

 private:
  BackupWriter(base::FileSystem& files, std::unique_ptr<base::File> file) : files_(files), file_(std::move(file)) {}
  base::Result<void> put(std::string_view bytes);
  base::Result<void> put_checksum();
  base::Result<void> put_head(BackupMember member, std::uint64_t number);

  base::FileSystem& files_;
  std::unique_ptr<base::File> file_;
  std::uint64_t offset_ = 0, members_ = 0;
  std::uint32_t sum_ = 0;
};

class BackupReader {
 public:
  // Reads all of the file, and checks it.
  static base::Result<BackupReader> open(base::FileSystem& files, const std::string& path);
  const BackupHeader& header() const { return header_; }
  std::uint64_t bytes() const { return size_; }
  // Copies a member to the file `to`, and syncs it.
  base::Result<void> extract(BackupMember member, const std::string& to);

 private:
  struct Span {
    std::uint64_t offset = 0, length = 0;
  };
  BackupReader(base::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  base::Error damaged(std::string_view what) const;
  base::Result<std::string> get(std::size_t size);
  base::Result<void> check_sum(std::string_view of);
  base::Result<void> read_header();
  base::Result<void> read_members();

  base::FileSystem& files_;
  std::string path_;
  std::unique_ptr<base::File> file_;
  std::uint64_t size_ = 0, offset_ = 0;
  std::uint32_t sum_ = 0;
  BackupHeader header_;
  std::map<BackupMember, Span> members_;
};

}  // namespace footfall::store
