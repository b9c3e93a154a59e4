// SPDX-License-Identifier: Apache-2.0
// LogMark: a place in a log that goes on for ever, and the file in which it lies.
//
// The position counts the bytes of the log since somebody began to follow it, over all its files: it only grows. Which
// file that was is told by its inode and by what stood before the place: the first and the last 1,024 bytes, hashed.
// So a file is known again after it was renamed, copied or packed, and one that took over its inode is not. The first
// ones alone tell a file that lost its end, as a power cut may take it.
//
// As text, "1 inode offset newest print head", it is kept by the daemon with the hits that were counted up to there.
// Tested by tests/unit/client/log_mark_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace footfall::cli {

struct LogMark {
  std::uint64_t position = 0;  // from 1; 0: nowhere
  std::uint64_t inode = 0;     // of the file, as it was read
  std::uint64_t offset = 0;    // in it, unpacked
  std::int64_t newest_ns = 0;  // the latest modification of all files that were read so far, UTC
  std::uint64_t print = 0;     // LogPrint of what stands before the offset
  std::uint64_t head = 0;      // LogPrint of the first kHead bytes; 0: the offset lies before their end
  friend bool operator==(const LogMark&, const LogMark&) = default;
};

// Without the position.
std::string text_of(const LogMark& mark);
std::optional<LogMark> read_mark(std::string_view text, std::uint64_t position);

// What the first `offset` bytes of a file are told by; they are given in order, in pieces of any size.
class LogPrint {
 public:
  static constexpr std::size_t kHead = 1024, kTail = 1024;

  void add(std::string_view bytes);
  std::uint64_t offset() const { return offset_; }
  std::uint64_t value() const;
  std::uint64_t head_value() const;  // the value() of the first kHead bytes; 0: there are fewer
  // The last of the bytes, up to kTail of them.
  std::string_view tail() const { return tail_; }
  // As if the bytes before `offset` had been given, of which these are the first and last ones.
  static LogPrint at(std::uint64_t offset, std::string_view head, std::string_view tail);

 private:
  std::uint64_t offset_ = 0;
  std::string head_, tail_;
};

}  // namespace footfall::cli
