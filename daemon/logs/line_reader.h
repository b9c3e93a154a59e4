// SPDX-License-Identifier: Apache-2.0
// LineReader: the lines of one file, streamed; gzip is recognised by its first bytes and unpacked on the way.
//
//     file --read 256 KiB--> [ inflate ] --> buffer --memchr--> line, line, line
//
// A gzip file may have several members, as rotated logs are concatenated; zeros may pad its end. One that ends early is
// an error, not a short log. Memory: two buffers of 256 KiB; the second grows to the longest line, at most
// kLineSizeMax. Tested by tests/unit/logs/line_reader_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "logs/text.h"

struct z_stream_s;

namespace footfall::logs {

// Units      bytes.
// Ownership  owns the descriptor (not standard input's) and its buffers.
// Threading  one thread.
// Errors     Next::failed, with error(): io, corrupt (gzip), too_large (a line). Each names the file.
class LineReader {
 public:
  static constexpr std::size_t kLineSizeMax = std::size_t{16} << 20U;

  // "-" is standard input.
  static base::Result<std::unique_ptr<LineReader>> open(const std::string& path);
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader();

  enum class Next { line, end, failed };
  // The next line without its "\n" and the "\r" before it; valid until the next call.
  Next next(std::string_view& line) {
    if (const char* const newline = find(buffer_.data() + scanned_, buffer_.data() + filled_, '\n')) [[likely]] {
      line = take(newline);
      return Next::line;
    }
    return next_slow(line);
  }
  const base::Error& error() const { return error_; }

  // How much of the file was read, as it lies on the disk; and its size, 0 if it is not known (a pipe).
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_total() const { return bytes_total_; }

 private:
  LineReader(std::string path, int descriptor);
  std::string_view take(const char* newline) {
    const char* const begin = buffer_.data() + begin_;
    begin_ = scanned_ = static_cast<std::size_t>(newline - buffer_.data()) + 1;
    return without_returns(begin, newline);
  }
  static std::string_view without_returns(const char* begin, const char* end) {
    while (end != begin && end[-1] == '\r') --end;
    return view(begin, end);
  }
  Next next_slow(std::string_view& line);
  bool make_room();
  // Appends what comes next to buffer_; false at the end, or failed (then failed_).
  bool fill();
  bool fill_unpacked();
  // Reads into `out`: how much; 0 at the end or failed.
  std::size_t read_some(char* out, std::size_t size);
  bool fail(base::Errc code, const std::string& what);

  std::string path_;
  int descriptor_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_total_ = 0;
  bool failed_ = false;
  bool ended_ = false;
  base::Error error_{};

  // [begin_, scanned_) holds no newline; [scanned_, filled_) is not looked at yet.
  std::vector<char> buffer_;
  std::size_t begin_ = 0, scanned_ = 0, filled_ = 0;

  std::vector<char> packed_;  // gzip only: what was read and not unpacked yet
  std::unique_ptr<z_stream_s> gzip_;
  bool between_members_ = false;
};

}  // namespace footfall::logs
