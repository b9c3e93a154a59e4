// SPDX-License-Identifier: Apache-2.0
#include "cli/log_tail.h"

#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <utility>

namespace footfall::cli {
namespace {

// 0: there is none.
std::uint64_t inode_of(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

// Where the last whole line ends that ends before `before`, at most kLineMax away; 0: there is none.
base::Result<std::uint64_t> end_of_last_line(LogFile& file, std::uint64_t before) {
  std::string text;
  for (std::uint64_t from = before; from > 0 && before - from < LogTail::kLineMax;) {
    const std::uint64_t size = std::min<std::uint64_t>(from, LogTail::kChunk);
    from -= size;
    text.clear();
    if (const auto got = file.read(from, static_cast<std::size_t>(size), text); !got) return got.error();
    const std::size_t newline = text.rfind('\n');
    if (newline != std::string::npos) return from + newline + 1;
  }
  return std::uint64_t{0};
}

}  // namespace

std::int64_t LogTail::now_ns() const {
  if (options_.now_ns) return options_.now_ns();
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);  // by which files are stamped
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

base::Result<std::unique_ptr<LogTail>> LogTail::begin(LogTailOptions options, Begin where) {
  std::unique_ptr<LogTail> tail(new LogTail(std::move(options)));
  const std::string& path = tail->options_.path;
  tail->mark_.position = 1;
  tail->mark_.newest_ns = tail->now_ns();
  tail->mark_.print = LogPrint().value();
  tail->opened_beside_ = rotated_logs(path);
  auto file = LogFile::open(path);
  if (!file && file.error().code != base::Errc::not_found) return file.error();
  if (!file) {
    tail->options_.tell(path + " is not there yet; waiting for it");
    return tail;
  }
  if ((*file)->packed())
    return base::Error{base::Errc::io, path + ": is packed, so nothing is added to it; `footfall import` reads it"};
  std::uint64_t offset = 0;
  if (where == Begin::next_line) {
    const auto status = (*file)->status();
    if (!status) return status.error();
    const auto end = end_of_last_line(**file, status->size);
    if (!end) return end.error();
    offset = *end;
  }
  const auto print = (*file)->print_at(offset);
  if (!print) return print.error();
  tail->use(*std::move(file), offset, print->value_or(LogPrint()));
  tail->set_mark(tail->print_);
  return tail;
}

std::unique_ptr<LogTail> LogTail::resume(LogTailOptions options, const LogMark& mark) {
  std::unique_ptr<LogTail> tail(new LogTail(std::move(options)));
  tail->mark_ = mark;
  return tail;
}

LogTail::Next LogTail::fail(const base::Error& error) {
  failed_ = true;
  error_ = error;
  return Next::failed;
}

void LogTail::use(std::unique_ptr<LogFile> file, std::uint64_t offset, LogPrint print) {
  file_ = std::move(file);
  print_ = offset == 0 ? LogPrint() : std::move(print);
  buffer_.clear();
  given_ = 0;
  skipped_ = 0;
  was_the_log_ = false;
  rotated_ns_ = 0;
  searching_since_ns_ = 0;
}

void LogTail::set_mark(LogPrint print) {
  mark_.position += print.offset() - std::min(print_.offset(), print.offset());
  print_ = std::move(print);
  mark_.inode = file_->inode();
  mark_.offset = print_.offset();
  mark_.print = print_.value();
  mark_.head = print_.head_value();
}

LogTail::Next LogTail::give_lines(std::size_t size, std::string_view& lines) {
  given_ = size;
  lines = std::string_view(buffer_).substr(0, size);
  LogPrint print = print_;
  print.add(lines);
  set_mark(std::move(print));
  return Next::lines;
}

// Of a line that is too long the end is there: its bytes count for the place alone.
LogTail::Next LogTail::pass_over() {
  const std::size_t end = buffer_.find('\n') + 1;
  auto print = file_->print_at(print_.offset() + skipped_ + end);
  if (!print) return fail(print.error());
  if (!*print) return Next::nothing;  // truncated just now: the next read tells
  set_mark(**std::move(print));
  given_ = end;
  skipped_ = 0;
  return Next::too_long;
}

LogTail::Next LogTail::next(std::string_view& lines) {
  failed_ = false;
  buffer_.erase(0, std::exchange(given_, 0));
  while (true) {
    if (file_ == nullptr && !find_place()) return failed_ ? Next::failed : Next::nothing;
    const auto status = file_->status();
    if (!status) return fail(status.error());
    const auto got = file_->read(print_.offset() + skipped_ + buffer_.size(), kChunk, buffer_);
    if (!got) {
      if (got.error().code != base::Errc::corrupt) return fail(got.error());
      options_.tell(got.error().detail + "; its rest is not counted");
      if (!go_to_next()) return failed_ ? Next::failed : Next::nothing;
      continue;
    }
    // Asked after the read: if what was given still stands there, what was read behind it is of the same file.
    const auto gone = replaced();
    if (!gone) return fail(gone.error());
    // Of a file of which nothing was given nothing can be asked: it may have been copied and truncated since it was
    // opened, or been another one when its name was looked up. Then files were renamed.
    if (*gone || (print_.offset() == 0 && !same_files(rotated_logs(options_.path)))) {
      file_.reset();
      continue;
    }
    const std::size_t newline = buffer_.rfind('\n');
    if (newline != std::string::npos) {
      mark_.newest_ns = std::max(mark_.newest_ns, status->modified_ns);
      return skipped_ > 0 ? pass_over() : give_lines(newline + 1, lines);
    }
    if (skipped_ > 0 || buffer_.size() > kLineMax) {
      skipped_ += buffer_.size();
      buffer_.clear();
    }
    if (*got > 0) continue;
    const auto ended = over();
    if (!ended) return fail(ended.error());
    if (!*ended) return Next::nothing;
    if (!buffer_.empty()) {  // nobody will end this line any more
      mark_.newest_ns = std::max(mark_.newest_ns, status->modified_ns);
      return give_lines(buffer_.size(), lines);
    }
    if (!go_to_next()) return failed_ ? Next::failed : Next::nothing;
  }
}

base::Result<bool> LogTail::replaced() {
  if (file_->packed()) return false;
  const auto status = file_->status();
  if (!status) return status.error();
  if (status->size < print_.offset() + skipped_ + buffer_.size()) return true;
  std::string there;
  const std::string_view tail = print_.tail();
  if (const auto got = file_->read(print_.offset() - tail.size(), tail.size(), there); !got) return got.error();
  return there != tail;
}

base::Result<bool> LogTail::over() {
  if (file_->packed()) return true;
  const std::uint64_t log = inode_of(options_.path);
  if (log == file_->inode() || log == 0) {
    was_the_log_ = log != 0 || was_the_log_;
    rotated_ns_ = 0;
    return false;
  }
  const auto status = file_->status();
  if (!status) return status.error();
  const std::int64_t now = now_ns();
  const std::int64_t quiet_ns = std::chrono::nanoseconds(options_.quiet).count();
  if (rotated_ns_ == 0) rotated_ns_ = now;
  const std::int64_t last_ns = std::max(status->modified_ns, status->changed_ns);
  const bool clock_of_another = last_ns > now;  // a file system of the network
  if ((was_the_log_ || clock_of_another) && now - rotated_ns_ < quiet_ns) return false;
  return clock_of_another || now - last_ns >= quiet_ns;
}

bool LogTail::open_at_begin(const std::string& path) {
  auto file = LogFile::open(path);
  if (file) {
    use(*std::move(file), 0, {});
    return true;
  }
  if (file.error().code != base::Errc::not_found) fail(file.error());  // else it was renamed just now
  return false;
}

bool LogTail::same_files(const std::vector<RotatedLog>& rotated) const {
  return std::equal(rotated.begin(), rotated.end(), opened_beside_.begin(), opened_beside_.end(),
                    [](const RotatedLog& a, const RotatedLog& b) { return a.path == b.path && a.inode == b.inode; });
}

std::size_t LogTail::behind(const std::vector<RotatedLog>& rotated) {
  for (std::size_t i = 0; i < rotated.size(); ++i) {
    if (rotated[i].inode == file_->inode()) return i + 1;
  }
  // It was packed since. One of which nothing was given, so that it cannot be told, comes behind that of the mark.
  const bool given = print_.offset() > 0;
  const std::uint64_t offset = given ? print_.offset() : mark_.offset;
  const std::uint64_t value = given ? print_.value() : mark_.print;
  for (std::size_t i = rotated.size(); i-- > 0 && offset > 0;) {
    if (!rotated[i].readable) continue;
    const auto file = LogFile::open(rotated[i].path);
    if (!file) continue;
    const auto print = (*file)->print_at(offset);
    if (print && *print && (*print)->value() == value) return i + 1;
  }
  // It was removed.
  const auto unread = std::find_if(rotated.begin(), rotated.end(),
                                   [&](const RotatedLog& log) { return log.modified_ns > mark_.newest_ns; });
  return static_cast<std::size_t>(unread - rotated.begin());
}

bool LogTail::go_to_next() {
  // Of a copy all was given that the original had, which was written to earlier.
  if (const auto status = file_->status()) mark_.newest_ns = std::max(mark_.newest_ns, status->modified_ns);
  std::vector<RotatedLog> rotated = rotated_logs(options_.path);
  std::size_t next = behind(rotated);
  const std::size_t first = next;
  while (next < rotated.size() && !rotated[next].readable) ++next;
  auto file = LogFile::open(next < rotated.size() ? rotated[next].path : options_.path);
  if (!file) {
    if (file.error().code != base::Errc::not_found) fail(file.error());
    return false;
  }
  if ((*file)->inode() == file_->inode()) return false;  // renamed just now
  for (std::size_t i = first; i < next; ++i)
    options_.tell(rotated[i].path + " is packed in a way that is not read here; its lines are not counted");
  opened_beside_ = std::move(rotated);
  use(*std::move(file), 0, {});
  return true;
}

std::unique_ptr<LogFile> LogTail::find_rest(LogPrint& print) const {
  std::vector<std::string> paths = {options_.path};
  std::vector<RotatedLog> rotated = rotated_logs(options_.path);
  // By its inode first: copies of it may be about. Then the newest.
  std::stable_partition(rotated.begin(), rotated.end(),
                        [&](const RotatedLog& log) { return log.inode != mark_.inode; });
  for (auto log = rotated.rbegin(); log != rotated.rend(); ++log) {
    if (log->readable) paths.push_back(log->path);
  }
  for (const std::string& path : paths) {
    auto file = LogFile::open(path);
    if (!file) continue;
    auto found = (*file)->print_at(mark_.offset);
    if (!found || !*found || (*found)->value() != mark_.print) continue;
    print = **std::move(found);
    return *std::move(file);
  }
  return nullptr;
}

bool LogTail::open_at_lost_end() {
  std::vector<std::string> paths = {options_.path};
  for (const RotatedLog& log : opened_beside_) paths.push_back(log.path);
  for (const std::string& path : paths) {
    if (mark_.head == 0 || inode_of(path) != mark_.inode) continue;
    auto file = LogFile::open(path);
    if (!file || (*file)->packed() || (*file)->inode() != mark_.inode) continue;
    const auto head = (*file)->print_at(LogPrint::kHead);
    if (!head || !*head || (*head)->value() != mark_.head) continue;
    const auto status = (*file)->status();
    const auto end = status ? end_of_last_line(**file, std::min(status->size, mark_.offset))
                            : base::Result<std::uint64_t>(status.error());
    auto print = end ? (*file)->print_at(*end) : base::Result<std::optional<LogPrint>>(end.error());
    if (!print || !*print) {
      if (!print) fail(print.error());
      return false;
    }
    options_.tell(path + " begins as it did, and what was read last, up to its byte " + std::to_string(mark_.offset) +
                  ", is not there any more: it lost its end. Going on at its byte " + std::to_string(*end) +
                  "; lines that were written there since may not be counted");
    use(*std::move(file), *end, **std::move(print));
    // So that whoever keeps marks keeps this one, before there is a line.
    mark_.position = std::max(mark_.position, options_.position_min) + 1;
    set_mark(print_);
    return true;
  }
  return false;
}

std::string LogTail::unread() const {
  for (const RotatedLog& log : opened_beside_) {
    const bool begun = mark_.offset == 0 && log.inode == mark_.inode;
    if (log.readable && (begun || log.modified_ns > mark_.newest_ns)) return log.path;
  }
  return options_.path;
}

bool LogTail::find_place() {
  opened_beside_ = rotated_logs(options_.path);
  if (mark_.offset == 0) return open_at_begin(unread());
  LogPrint print;
  if (std::unique_ptr<LogFile> file = find_rest(print)) {
    use(std::move(file), mark_.offset, std::move(print));
    return true;
  }
  const std::int64_t now = now_ns();
  if (searching_since_ns_ == 0) searching_since_ns_ = now;
  if (now - searching_since_ns_ < std::chrono::nanoseconds(options_.search).count()) return false;
  if (open_at_lost_end()) return true;
  if (failed_) return false;
  const std::string path = unread();
  if (!open_at_begin(path)) return false;
  mark_.position = std::max(mark_.position, options_.position_min);
  options_.tell("what was read last, up to byte " + std::to_string(mark_.offset) + " of a file, is neither in " +
                options_.path +
                " nor in a rotated file: it was truncated or removed, and what may have stood behind it "
                "is not counted; going on at the begin of " +
                path);
  return true;
}

}  // namespace footfall::cli
