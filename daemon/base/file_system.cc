// SPDX-License-Identifier: Apache-2.0
// PosixFileSystem: the file seam over the system's calls, and the two whole-file helpers. See file_system.h.
#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/descriptor.h"

namespace footfall::base {
namespace {

Errc code_of(int number) {
  switch (number) {
    case ENOENT:
      return Errc::not_found;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Errc::no_room;
    default:
      return Errc::io;
  }
}

// "open /var/lib/footfall/META: Permission denied".
Error call_failed(const char* call, const std::string& path, int number = errno) {
  return {code_of(number), std::string(call) + " " + path + ": " + std::generic_category().message(number)};
}

Descriptor open_retrying(const std::string& path, int flags, mode_t mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

template <class Call>
int retry(Call call) {
  int result = 0;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path) : fd_(std::move(descriptor)), path_(std::move(path)) {}

  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t wrote = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote == 0) errno = ENOSPC;
      if (wrote <= 0) return failed("write");
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
      offset += static_cast<std::uint64_t>(wrote);
    }
    return {};
  }

  Result<std::size_t> read_into(std::uint64_t offset, char* to, std::size_t size) override {
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = pread(fd_.get(), to + have, size - have, static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("read");
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    return have;
  }

  Result<std::uint64_t> size() override {
    struct stat status {};
    if (fstat(fd_.get(), &status) != 0) return failed("stat");
    return static_cast<std::uint64_t>(status.st_size);
  }

  // From extent to extent: of a file that is written from its beginning there is one.
  Result<std::uint64_t> data_end() override {
    auto all = size();
    if (!all) return all;
    constexpr int kExtentsMax = 64;
    std::uint64_t end = 0;
    for (int i = 0; i < kExtentsMax && end < *all; ++i) {
      const off_t data = lseek(fd_.get(), static_cast<off_t>(end), SEEK_DATA);
      if (data < 0) return errno == ENXIO ? end : *all;
      const off_t hole = lseek(fd_.get(), data, SEEK_HOLE);
      if (hole < 0) return *all;
      end = static_cast<std::uint64_t>(hole);
      if (i + 1 == kExtentsMax) return *all;
    }
    return std::min(end, *all);
  }

  int descriptor() const override { return fd_.get(); }

  Result<void> truncate(std::uint64_t size) override {
    if (retry([&] { return ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0) {
      return failed("truncate");
    }
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    if (retry([&] { return fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)); }) == 0) return {};
    if (errno != EOPNOTSUPP && errno != ENOSYS) return failed("fallocate");
    // This file system reserves nothing: grow the file, and a full disk is met by a later write.
    auto now = this->size();
    if (!now) return now.error();
    return *now < size ? truncate(size) : Result<void>{};
  }

  Result<void> sync() override {
    // Not retried after a failure: the kernel may have dropped the dirty pages, and a second fsync would lie.
    if (fdatasync(fd_.get()) != 0) return failed("fdatasync");
    return {};
  }

 private:
  // Names the file as it is called now: a segment is renamed while it is open.
  Error failed(const char* call) const {
    const int number = errno;
    std::array<char, PATH_MAX> now{};
    const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(fd_.get())).c_str(), now.data(), now.size());
    return call_failed(call, size > 0 ? std::string(now.data(), static_cast<std::size_t>(size)) : path_, number);
  }

  Descriptor fd_;
  std::string path_;  // as it was opened
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const int flags = mode == OpenMode::read ? O_RDONLY : mode == OpenMode::read_write ? O_RDWR : O_RDWR | O_CREAT;
    Descriptor fd = open_retrying(path, flags, 0600);
    if (!fd.valid()) return call_failed("open", path);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), path));
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (std::rename(from.c_str(), to.c_str()) != 0) return call_failed("rename", from + " to " + to);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return call_failed("remove", path);
    return {};
  }

  Result<bool> exists(const std::string& path) override {
    struct stat status {};
    if (stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return call_failed("stat", path);
  }

  Result<void> make_directory(const std::string& path) override {
    if (mkdir(path.c_str(), 0700) == 0) return {};
    if (errno == EEXIST) {
      struct stat status {};
      if (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
      errno = EEXIST;
    }
    return call_failed("mkdir", path);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
    if (open == nullptr) return call_failed("open", directory);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(open.get());
      if (entry == nullptr) break;
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return call_failed("readdir", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> sync_directory(const std::string& path) override {
    const Descriptor fd = open_retrying(path, O_RDONLY | O_DIRECTORY, 0);
    if (!fd.valid()) return call_failed("open", path);
    if (fsync(fd.get()) != 0) return call_failed("fsync", path);
    return {};
  }

  Result<std::unique_ptr<File>> lock(const std::string& path) override {
    Descriptor fd = [&path] {
      Descriptor made = open_retrying(path, O_RDWR | O_CREAT, 0600);
      if (made.valid() || errno != EROFS) return made;
      return open_retrying(path, O_RDONLY, 0);  // nobody can write there; a lock of it holds all the same
    }();
    if (!fd.valid()) return call_failed("open", path);
    // flock, not fcntl: it belongs to the open file, so a successor that is sent the descriptor holds it too.
    if (retry([&] { return flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno == EWOULDBLOCK) return Error{Errc::in_use, path + " is locked: stop the process that uses it first"};
      return call_failed("flock", path);
    }
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), path));
  }
};

std::string parent_directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_new_file(FileSystem& files, const std::string& path, std::string_view bytes) {
  auto file = files.open(path, OpenMode::create);
  if (!file) return file.error();
  if (auto r = (*file)->truncate(0); !r) return r;  // left over from a crash
  if (auto r = (*file)->write_at(0, bytes); !r) return r;
  return (*file)->sync();
}

}  // namespace

std::unique_ptr<File> adopt_file(int descriptor, const std::string& path) {
  return std::make_unique<PosixFile>(Descriptor(descriptor), path);
}

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

Result<std::string> File::read_at(std::uint64_t offset, std::size_t size) {
  std::string out(size, '\0');
  const auto have = read_into(offset, out.data(), size);
  if (!have) return have.error();
  out.resize(*have);
  return out;
}

Result<std::string> read_file(FileSystem& files, const std::string& path, std::uint64_t size_max) {
  auto file = files.open(path, OpenMode::read);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  if (*size > size_max) {
    return Error{Errc::too_large,
                 path + " has " + std::to_string(*size) + " bytes, at most " + std::to_string(size_max) + " are read"};
  }
  return (*file)->read_at(0, static_cast<std::size_t>(*size));
}

Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  auto replaced = write_new_file(files, temporary, bytes);
  if (replaced) replaced = files.rename(temporary, path);
  if (!replaced) {
    (void)files.remove(temporary);
    return replaced;
  }
  return files.sync_directory(parent_directory(path));
}

}  // namespace footfall::base
