// SPDX-License-Identifier: Apache-2.0
// LogTail: a log as one stream of whole lines that goes on for ever, over its rotations, from any place in it.
//
//     access.log.2.gz   access.log.1   access.log
//     [ ... mark | unread ] [ unread ] [ unread ... -> grows
//
// Which file comes behind another is told by their names (rotated_logs.h), which file a mark lies in by its inode and
// what stands before the place (log_mark.h):
//
//   renamed     another file has the log's name: the old one is read to its end, and until nothing was written to it
//   for
//               `quiet`, since servers go on writing to it until they are told. Then the next
//   truncated   what was read is not there any more: the rest of it is looked for in a rotated copy (copytruncate),
//               then the log is read from its begin
//   while away  the same, from the mark: rotated files that came after it are read, oldest first, gzipped ones too
//
// What cannot be found again, is told: the files that were written to later than all that was read count as unread,
// and the others as read. A file that begins as it did and has lost its end (a power cut takes what was not on the disk
// yet) counts as read up to there. Nothing is told of lines that a server writes to a file that was rotated, after
// `quiet`.
//
// Memory: a buffer of kChunk, which grows to the longest line, at most kLineMax; a longer one is passed over.
// Threading: one thread. Errors: io, corrupt; the same place may be tried again.
// Tested by tests/unit/client/log_tail_test.cc, there also against a random writer that rotates, copies, truncates and
// packs while the reader is killed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "cli/log_file.h"
#include "cli/log_mark.h"
#include "cli/rotated_logs.h"

namespace footfall::cli {

struct LogTailOptions {
  std::string path;
  std::chrono::milliseconds quiet{5'000};
  // How long what was read is looked for before it counts as gone: a copy may be being packed just then.
  std::chrono::milliseconds search{3'000};
  // Where the place is lost positions go on behind this one: what others who read the same log have reached.
  std::uint64_t position_min = 0;
  // For people: what could not be found, or read.
  std::function<void(const std::string&)> tell = [](const std::string&) {};
  std::function<std::int64_t()> now_ns;  // UTC; the system's, unless a test has its own
};

class LogTail {
 public:
  static constexpr std::size_t kChunk = std::size_t{64} << 10U;
  static constexpr std::size_t kLineMax = std::size_t{1} << 20U;

  enum class Begin : std::uint8_t { first_line, next_line };
  // At the log's begin, or behind its last whole line.
  static base::Result<std::unique_ptr<LogTail>> begin(LogTailOptions options, Begin where);
  // Behind the mark.
  static std::unique_ptr<LogTail> resume(LogTailOptions options, const LogMark& mark);

  enum class Next : std::uint8_t {
    lines,     // whole lines, each with its '\n', but for the last one of a file that was cut off there
    too_long,  // one line was passed over
    nothing,   // at present: ask again in a moment
    failed     // error()
  };
  // The lines are views that hold until the next call.
  Next next(std::string_view& lines);
  const base::Error& error() const { return error_; }
  // Behind what next() has given.
  const LogMark& mark() const { return mark_; }

 private:
  explicit LogTail(LogTailOptions options) : options_(std::move(options)) {}
  Next fail(const base::Error& error);
  std::int64_t now_ns() const;
  void use(std::unique_ptr<LogFile> file, std::uint64_t offset, LogPrint print);
  // The rotated files are those that there were when the file was opened.
  bool same_files(const std::vector<RotatedLog>& rotated) const;
  // What stands before `print`'s offset was given.
  void set_mark(LogPrint print);
  Next give_lines(std::size_t size, std::string_view& lines);
  Next pass_over();

  // These give false where there is nothing yet, or error_ is set.
  bool find_place();
  bool go_to_next();
  bool open_at_begin(const std::string& path);
  // Behind the last whole line before the place, in the file of the mark, if that begins as it did.
  bool open_at_lost_end();
  // The file is the same, and what was read of it is not.
  base::Result<bool> replaced();
  // Nothing more will be written to it.
  base::Result<bool> over();
  // Of rotated_logs(): that which comes behind file_; its size: the log itself.
  std::size_t behind(const std::vector<RotatedLog>& rotated);
  // The oldest file that counts as unread where the place is not found.
  std::string unread() const;
  // That in which the place is.
  std::unique_ptr<LogFile> find_rest(LogPrint& print) const;

  LogTailOptions options_;
  LogMark mark_;
  std::unique_ptr<LogFile> file_;          // null: to be found, see find_place()
  LogPrint print_;                         // of what was given of file_
  std::vector<RotatedLog> opened_beside_;  // the rotated files before it was opened
  std::string buffer_;                     // what stands behind it, as far as it was read
  std::size_t given_ = 0;                  // bytes of buffer_ that next() gave last
  std::uint64_t skipped_ = 0;              // of a line that is too long: its bytes before those in the buffer
  bool was_the_log_ = false;               // the file had the log's name while it was read
  std::int64_t rotated_ns_ = 0;            // when it was first seen not to have it any more; 0: it has
  std::int64_t searching_since_ns_ = 0;    // 0: not
  bool failed_ = false;
  base::Error error_{};
};

}  // namespace footfall::cli
