// SPDX-License-Identifier: Apache-2.0
// LogReader: several files in one format, read as one log, entry by entry.
//
//     LogReader log(format, {"access.log.1.gz", "access.log"});
//     while (log.next() == LogReader::Next::entry) use(log.line());
//
// Tested by tests/unit/logs/log_reader_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "logs/format.h"
#include "logs/line.h"
#include "logs/line_reader.h"

namespace footfall::logs {

// Ownership  owns the open file; line() and text() point into its buffer until the next next().
// Threading  one thread.
// Errors     Next::failed, with error(), which names the file; nothing can be read after it.
class LogReader {
 public:
  LogReader(Format format, std::vector<std::string> paths);

  enum class Next { entry, unreadable, end, failed };
  Next next();

  const Line& line() const { return line_; }           // after Next::entry
  std::string_view text() const { return text_; }      // after Next::entry or Next::unreadable: the line as it stands
  const base::Error& error() const { return error_; }  // after Next::failed
  // Lines read so far over all files, headers included: the number of the present one, from 1.
  std::uint64_t lines() const { return lines_; }

  // For a progress bar: bytes read of all files so far; of how many. 0 if one of them is a pipe.
  std::uint64_t bytes_read() const { return bytes_before_ + (file_ ? file_->bytes_read() : 0); }
  std::uint64_t bytes_total() const { return bytes_total_; }

 private:
  // Opens the next file and reads its header.
  Next next_file();

  Format format_;
  std::vector<std::string> paths_;
  std::size_t paths_used_ = 0;
  std::unique_ptr<LineReader> file_;
  std::uint64_t bytes_before_ = 0;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t lines_ = 0;
  Line line_;
  std::string_view text_;
  base::Error error_{};
};

}  // namespace footfall::logs
