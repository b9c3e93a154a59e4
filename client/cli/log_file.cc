// SPDX-License-Identifier: Apache-2.0
#include "cli/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace footfall::cli {

base::Error LogFile::error(const char* call) const {
  const int code = errno;
  return {
      code == ENOENT ? base::Errc::not_found : base::Errc::io,
      path_ + ": " + call + ": " + std::generic_category().message(code) +
          (code == EACCES ? "; run this as a user who may read it, such as one of the group that it belongs to" : "")};
}

base::Result<std::unique_ptr<LogFile>> LogFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  std::unique_ptr<LogFile> file(new LogFile(path, descriptor));
  if (descriptor < 0) return file->error("open");
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return file->error("fstat");
  if (!S_ISREG(status.st_mode))
    return base::Error{base::Errc::io, path + ": only a plain file can be followed; `footfall import` reads a pipe"};
  file->inode_ = status.st_ino;
  unsigned char magic[2] = {};
  if (pread(descriptor, magic, sizeof magic, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
    const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return file->error("dup");
    file->gzip_ = gzdopen(copy, "rb");
    if (file->gzip_ == nullptr) {
      close(copy);
      return file->error("gzdopen");
    }
  }
  return file;
}

LogFile::~LogFile() {
  if (gzip_ != nullptr) gzclose_r(gzip_);
  if (descriptor_ >= 0) close(descriptor_);
}

namespace {

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

base::Result<LogFile::Status> LogFile::status() const {
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) return error("fstat");
  return Status{status.st_ino, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
                nanoseconds(status.st_ctim)};
}

base::Result<std::size_t> LogFile::read(std::uint64_t offset, std::size_t size, std::string& out) {
  if (packed()) return unpack(offset, size, out);
  const std::size_t before = out.size();
  out.resize(before + size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = pread(descriptor_, out.data() + before + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const base::Error failed = error("read");
      out.resize(before);
      return failed;
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  out.resize(before + done);
  return done;
}

base::Result<std::size_t> LogFile::unpack(std::uint64_t offset, std::size_t size, std::string& out) {
  const auto take = [&](std::string& to, std::size_t wanted) -> base::Result<std::size_t> {
    const std::size_t before = to.size();
    to.resize(before + wanted);
    const int got = gzread(gzip_, to.data() + before, static_cast<unsigned>(wanted));
    to.resize(before + static_cast<std::size_t>(std::max(got, 0)));
    int code = Z_OK;
    const char* const what = gzerror(gzip_, &code);
    // One that ends early is told at its end, behind what could be unpacked.
    if (got < 0 || (static_cast<std::size_t>(got) < wanted && code != Z_OK && code != Z_STREAM_END))
      return base::Error{base::Errc::corrupt, path_ + ": cannot be unpacked: " + what};
    unpacked_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  };
  if (offset < unpacked_) {
    if (gzrewind(gzip_) != 0) return base::Error{base::Errc::io, path_ + ": cannot be read again from its begin"};
    unpacked_ = 0;
  }
  std::string skipped;
  while (unpacked_ < offset) {
    skipped.clear();
    const auto got = take(skipped, static_cast<std::size_t>(std::min<std::uint64_t>(offset - unpacked_, 64U << 10U)));
    if (!got) return got.error();
    if (*got == 0) return std::size_t{0};
  }
  return take(out, size);
}

base::Result<std::optional<LogPrint>> LogFile::print_at(std::uint64_t offset) {
  std::string head;
  std::string tail;
  const auto head_size = static_cast<std::size_t>(std::min<std::uint64_t>(offset, LogPrint::kHead));
  if (const auto got = read(0, head_size, head); !got) return got.error();
  if (offset <= LogPrint::kHead) {
    tail = head;
  } else {
    const std::uint64_t from = offset - std::min<std::uint64_t>(offset, LogPrint::kTail);
    // In order, so that what is packed is unpacked once.
    if (from < head.size()) tail = head.substr(static_cast<std::size_t>(from));
    const std::uint64_t behind = std::max<std::uint64_t>(from, head.size());
    if (const auto got = read(behind, static_cast<std::size_t>(offset - behind), tail); !got) return got.error();
  }
  if (head.size() < head_size || tail.size() < std::min<std::uint64_t>(offset, LogPrint::kTail))
    return std::optional<LogPrint>();
  return std::optional<LogPrint>(LogPrint::at(offset, head, tail));
}

}  // namespace footfall::cli
