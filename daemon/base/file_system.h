// SPDX-License-Identifier: Apache-2.0
// The file seam: every byte that the daemon keeps goes through FileSystem and File, so that a test can fail, tear and
// reorder writes. PosixFileSystem is the real one.
//
// Errors: Errc::io with call, path (as the file is called now) and errno's text; Errc::no_room where there is no space
// for it; Errc::not_found where a file or directory is absent. Threads: a File may be written by one thread and synced
// by another. Tested by tests/unit/base/file_system_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"

namespace footfall::base {

class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;  // closes

  // Writes all of `bytes` at `offset`, retrying short writes and EINTR.
  virtual Result<void> write_at(std::uint64_t offset, std::string_view bytes) = 0;
  // Reads up to `size` bytes to `to`, and says how many; fewer only at the end of the file.
  virtual Result<std::size_t> read_into(std::uint64_t offset, char* to, std::size_t size) = 0;
  Result<std::string> read_at(std::uint64_t offset, std::size_t size);  // the same
  virtual Result<std::uint64_t> size() = 0;
  // Behind it all is zeros, as far as the file system can tell without reading; size() where it cannot.
  virtual Result<std::uint64_t> data_end() { return size(); }
  virtual Result<void> truncate(std::uint64_t size) = 0;
  // Reserves blocks, so that later writes inside them cannot run out of space; the file grows with zeros, and never
  // shrinks. Where the file system cannot reserve, it only grows.
  virtual Result<void> allocate(std::uint64_t size) = 0;
  // fdatasync: the bytes and the size are on the device when it returns.
  virtual Result<void> sync() = 0;
  // Of the file as it was opened, to be sent to another process; -1: there is none.
  virtual int descriptor() const { return -1; }
};

enum class OpenMode { read, read_write, create };  // create: read_write, made if absent (mode 0600)

class FileSystem {
 public:
  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;  // absent is Errc::not_found
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Result<void> make_directory(const std::string& path) = 0;                 // mode 0700; fine if it is there
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names, sorted
  virtual Result<void> sync_directory(const std::string& path) = 0;
  // An exclusive lock on the file, held until the returned object goes; Errc::in_use if another process has it.
  virtual Result<std::unique_ptr<File>> lock(const std::string& path) = 0;
};

FileSystem& posix_file_system();
// Takes over a descriptor of a file that another process opened.
std::unique_ptr<File> adopt_file(int descriptor, const std::string& path);

// The whole file, up to `size_max` (Errc::too_large beyond).
Result<std::string> read_file(FileSystem& files, const std::string& path, std::uint64_t size_max);
// Replaces the file so that a crash leaves the old or the new one: tmp, fsync, rename, fsync of the directory.
Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view bytes);

}  // namespace footfall::base
