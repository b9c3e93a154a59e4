// SPDX-License-Identifier: Apache-2.0
// LogFile: one file of a log, plain or gzipped, read at an offset of its own bytes.
// Tested by tests/unit/client/log_tail_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/errors.h"
#include "cli/log_mark.h"

struct gzFile_s;

namespace footfall::cli {

// Ownership  owns its descriptor: the file stays the same one, whatever becomes of its name.
// Errors     not_found, io, corrupt (gzip); each names the file. Threading: one thread.
class LogFile {
 public:
  static base::Result<std::unique_ptr<LogFile>> open(const std::string& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  struct Status {
    std::uint64_t inode = 0;
    std::uint64_t size = 0;  // as it lies on the disk
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;  // renamed, too
  };
  base::Result<Status> status() const;
  std::uint64_t inode() const { return inode_; }
  // Packed: it is complete, and its offsets are those of what is unpacked.
  bool packed() const { return gzip_ != nullptr; }
  const std::string& path() const { return path_; }  // as it was opened

  // Appends to `out` up to `size` bytes of those at `offset`: fewer only at the end. Packed, an offset before that of
  // the last read begins anew.
  base::Result<std::size_t> read(std::uint64_t offset, std::size_t size, std::string& out);
  // Of its first `offset` bytes; nullopt if it has fewer.
  base::Result<std::optional<LogPrint>> print_at(std::uint64_t offset);

 private:
  LogFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  base::Error error(const char* call) const;
  base::Result<std::size_t> unpack(std::uint64_t offset, std::size_t size, std::string& out);

  std::string path_;
  int descriptor_;
  std::uint64_t inode_ = 0;
  gzFile_s* gzip_ = nullptr;
  std::uint64_t unpacked_ = 0;  // how much of it was
};

}  // namespace footfall::cli
