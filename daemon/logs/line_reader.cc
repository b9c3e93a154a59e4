// SPDX-License-Identifier: Apache-2.0
#include "logs/line_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace footfall::logs {
namespace {

constexpr std::size_t kBufferSize = std::size_t{256} << 10U;

base::Error io_error(const char* call, const std::string& path) {
  return {base::Errc::io, std::string(call) + " " + path + ": " + std::generic_category().message(errno)};
}

Bytef* zlib_bytes(char* bytes) {
  return reinterpret_cast<Bytef*>(bytes);
}

}  // namespace

base::Result<std::unique_ptr<LineReader>> LineReader::open(const std::string& path) {
  const bool standard_input = path == "-";
  const int descriptor = standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return io_error("open", path);
  std::unique_ptr<LineReader> reader(new LineReader(standard_input ? "standard input" : path, descriptor));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return io_error("fstat", path);
  if (S_ISDIR(status.st_mode)) return base::Error{base::Errc::io, path + " is a directory, not a log file"};
  if (S_ISREG(status.st_mode)) {
    reader->bytes_total_ = static_cast<std::uint64_t>(status.st_size);
    static_cast<void>(::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL));
  }
  // The first two bytes tell gzip; a pipe may bring them one by one.
  std::size_t have = 0;
  while (have < 2) {
    const std::size_t got = reader->read_some(reader->buffer_.data() + have, kBufferSize - have);
    if (got == 0) break;
    have += got;
  }
  if (reader->failed_) return reader->error_;
  if (have >= 2 && reader->buffer_[0] == '\x1f' && reader->buffer_[1] == '\x8b') {
    reader->packed_.resize(kBufferSize);
    std::memcpy(reader->packed_.data(), reader->buffer_.data(), have);
    auto stream = std::make_unique<z_stream>();
    if (inflateInit2(stream.get(), 15 + 16) != Z_OK) return base::Error{base::Errc::io, path + ": zlib has no memory"};
    stream->next_in = zlib_bytes(reader->packed_.data());
    stream->avail_in = static_cast<uInt>(have);
    reader->gzip_ = std::move(stream);
  } else {
    reader->filled_ = have;
  }
  return reader;
}

LineReader::LineReader(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor), buffer_(kBufferSize) {}

LineReader::~LineReader() {
  if (gzip_) inflateEnd(gzip_.get());
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

bool LineReader::fail(base::Errc code, const std::string& what) {
  failed_ = true;
  error_ = {code, path_ + ": " + what};
  return false;
}

std::size_t LineReader::read_some(char* out, std::size_t size) {
  while (true) {
    const ssize_t got = ::read(descriptor_, out, size);
    if (got >= 0) {
      bytes_read_ += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
    if (errno == EINTR) continue;
    failed_ = true;
    error_ = io_error("read", path_);
    return 0;
  }
}

// Moves the unfinished line to the front and makes room behind it.
bool LineReader::make_room() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, filled_ - begin_);
    filled_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (filled_ == buffer_.size()) {
    if (buffer_.size() >= kLineSizeMax) {
      return fail(base::Errc::too_large, "a line is longer than 16 MiB: is this an access log?");
    }
    buffer_.resize(buffer_.size() * 2);
  }
  return true;
}

LineReader::Next LineReader::next_slow(std::string_view& line) {
  while (true) {
    scanned_ = filled_;
    if (ended_ || !make_room() || !fill()) break;
    if (const char* const newline = find(buffer_.data() + scanned_, buffer_.data() + filled_, '\n')) {
      line = take(newline);
      return Next::line;
    }
  }
  if (failed_) return Next::failed;
  ended_ = true;
  if (begin_ == filled_) return Next::end;
  // The last line has no newline.
  line = without_returns(buffer_.data() + begin_, buffer_.data() + filled_);
  begin_ = scanned_ = filled_;
  return Next::line;
}

bool LineReader::fill() {
  if (gzip_) return fill_unpacked();
  const std::size_t got = read_some(buffer_.data() + filled_, buffer_.size() - filled_);
  filled_ += got;
  return got > 0;
}

bool LineReader::fill_unpacked() {
  gzip_->next_out = zlib_bytes(buffer_.data() + filled_);
  const std::size_t room = std::min<std::size_t>(buffer_.size() - filled_, kBufferSize);
  gzip_->avail_out = static_cast<uInt>(room);
  while (gzip_->avail_out == room) {
    if (gzip_->avail_in == 0) {
      const std::size_t got = read_some(packed_.data(), packed_.size());
      if (failed_) return false;
      if (got == 0) {
        if (between_members_) return false;
        return fail(base::Errc::corrupt, "the gzip data end early; the file was cut off, or is still being written");
      }
      gzip_->next_in = zlib_bytes(packed_.data());
      gzip_->avail_in = static_cast<uInt>(got);
    }
    if (between_members_) {
      while (gzip_->avail_in > 0 && *gzip_->next_in == 0) {
        ++gzip_->next_in;
        --gzip_->avail_in;
      }
      if (gzip_->avail_in == 0) continue;
      if (*gzip_->next_in != 0x1f) return fail(base::Errc::corrupt, "other bytes follow the gzip data");
      inflateReset(gzip_.get());
      between_members_ = false;
    }
    const int status = inflate(gzip_.get(), Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      between_members_ = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      return fail(base::Errc::corrupt, std::string("the gzip data are damaged: ") +
                                           (gzip_->msg != nullptr ? gzip_->msg : "the checksum does not hold"));
    }
  }
  filled_ += room - gzip_->avail_out;
  return true;
}

}  // namespace footfall::logs
