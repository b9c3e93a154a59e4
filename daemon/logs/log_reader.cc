// SPDX-License-Identifier: Apache-2.0
#include "logs/log_reader.h"

#include <sys/stat.h>

#include <utility>

namespace footfall::logs {
namespace {

// 0 if one is no regular file.
std::uint64_t total_size(const std::vector<std::string>& paths) {
  std::uint64_t total = 0;
  for (const std::string& path : paths) {
    struct stat status {};
    if (path == "-" || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return 0;
    total += static_cast<std::uint64_t>(status.st_size);
  }
  return total;
}

}  // namespace

LogReader::LogReader(Format format, std::vector<std::string> paths)
    : format_(std::move(format)), paths_(std::move(paths)), bytes_total_(total_size(paths_)) {}

LogReader::Next LogReader::next() {
  while (true) {
    if (file_) {
      switch (file_->next(text_)) {
        case LineReader::Next::line:
          ++lines_;
          return format_.read(text_, line_) ? Next::entry : Next::unreadable;
        case LineReader::Next::failed:
          error_ = file_->error();
          return Next::failed;
        case LineReader::Next::end:
          break;
      }
    }
    if (const Next opened = next_file(); opened != Next::entry) return opened;
  }
}

LogReader::Next LogReader::next_file() {
  if (file_) {
    bytes_before_ += file_->bytes_read();
    file_.reset();
  }
  if (paths_used_ == paths_.size()) return Next::end;
  const std::string& path = paths_[paths_used_++];
  auto opened = LineReader::open(path);
  if (!opened) {
    error_ = opened.error();
    return Next::failed;
  }
  file_ = *std::move(opened);
  if (!format_.has_header()) return Next::entry;
  switch (file_->next(text_)) {
    case LineReader::Next::line:
      ++lines_;
      if (auto header = format_.read_header(text_); !header) {
        error_ = {header.error().code, path + ": " + header.error().detail};
        return Next::failed;
      }
      break;
    case LineReader::Next::failed:
      error_ = file_->error();
      return Next::failed;
    case LineReader::Next::end:
      break;
  }
  return Next::entry;
}

}  // namespace footfall::logs
