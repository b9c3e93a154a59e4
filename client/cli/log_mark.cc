// SPDX-License-Identifier: Apache-2.0
#include "cli/log_mark.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/hash.h"

namespace footfall::cli {
namespace {

constexpr base::SipKey kKey{0x666f6f7466616c6cU, 2};  // a fixed one: the mark outlives the process

template <class T>
bool read_word(std::string_view& text, T& out, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.empty()) return true;
  if (text.front() != ' ' || text.size() == 1) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string text_of(const LogMark& mark) {
  std::array<char, 34> prints{};
  std::snprintf(prints.data(), prints.size(), "%016llx %016llx", static_cast<unsigned long long>(mark.print),
                static_cast<unsigned long long>(mark.head));
  return "1 " + std::to_string(mark.inode) + " " + std::to_string(mark.offset) + " " + std::to_string(mark.newest_ns) +
         " " + prints.data();
}

std::optional<LogMark> read_mark(std::string_view text, std::uint64_t position) {
  LogMark mark;
  mark.position = position;
  unsigned version = 0;
  if (!read_word(text, version) || version != 1 || !read_word(text, mark.inode) || !read_word(text, mark.offset) ||
      !read_word(text, mark.newest_ns) || !read_word(text, mark.print, 16) || !read_word(text, mark.head, 16) ||
      !text.empty())
    return std::nullopt;
  return mark;
}

void LogPrint::add(std::string_view bytes) {
  head_.append(bytes.substr(0, kHead - std::min(head_.size(), kHead)));
  if (bytes.size() >= kTail) {
    tail_ = bytes.substr(bytes.size() - kTail);
  } else {
    tail_.erase(0, tail_.size() - std::min(tail_.size(), kTail - bytes.size()));
    tail_ += bytes;
  }
  offset_ += bytes.size();
}

std::uint64_t LogPrint::value() const {
  std::string told = head_;
  // The last bytes that are none of the first.
  if (offset_ > kHead)
    told += std::string_view(tail_).substr(tail_.size() - std::min<std::uint64_t>(offset_ - kHead, tail_.size()));
  return base::siphash13(kKey, told);
}

std::uint64_t LogPrint::head_value() const {
  return head_.size() < kHead ? 0 : base::siphash13(kKey, head_);
}

LogPrint LogPrint::at(std::uint64_t offset, std::string_view head, std::string_view tail) {
  LogPrint print;
  print.offset_ = offset;
  print.head_ = head.substr(0, kHead);
  print.tail_ = tail.substr(tail.size() - std::min(tail.size(), kTail));
  return print;
}

}  // namespace footfall::cli
