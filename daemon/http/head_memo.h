// SPDX-License-Identifier: Apache-2.0
// HeadMemo: the field lines of the last head, with what was found of each, so that the next head's that are the same
// byte for byte need not be read again. Of a browser on its connection that is the whole head, of what a proxy hands on
// half of it.
//
//     bytes    Host: stats.example\r\nConnection: keep-alive\r\nUser-Agent: ...
//     lines    [ at, size, value, field ] ...            in the order of the head: line n is held against line n
//
// Whether a line is well formed, and which field it is, follows from its bytes alone; what follows from the lines
// before it (a repeated field, too many of them) is looked at each time. Cost: a call of memcmp() for a line, instead
// of a scan. Ownership  holds copies. Threading: that of its parser. Tested by tests/unit/http/request_parser_test.cc
// and tests/unit/http/scanner_agreement_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/bytes16.h"
#include "http/request.h"

namespace footfall::http {

class HeadMemo {
 public:
  struct Line {
    std::uint16_t at;        // behind the request line
    std::uint16_t size;      // with its CRLF
    std::uint16_t value_at;  // in the line
    std::uint16_t value_size;
    Field field;  // count_: one that nobody reads
  };

  // Line `n` of the last head; null where it had no more.
  const Line* line(std::size_t n) const { return n < count_ ? lines_.data() + n : nullptr; }
  // How many bytes of [p, end) are those of the last head from that line on.
  std::size_t common(const Line& line, const char* p, const char* end) const {
    const char* const known = bytes_.data() + line.at;
    const std::size_t size = std::min(static_cast<std::size_t>(end - p), size_ - line.at);
    std::size_t n = 0;
    constexpr std::size_t kStep = base::Bytes16::kSize;
    const auto same_at = [p, known](std::size_t at) {
      return base::Bytes16::load(p + at).equal(base::Bytes16::load(known + at));
    };
    while (n + 2 * kStep <= size && (same_at(n) & same_at(n + kStep)) == base::Bytes16::kAll) n += 2 * kStep;
    for (; n + kStep <= size; n += kStep) {
      const unsigned same = same_at(n);
      if (same != base::Bytes16::kAll) return n + static_cast<std::size_t>(std::countr_one(same));
    }
    while (n < size && p[n] == known[n]) ++n;
    return n;
  }

  // The next head in the making: its line `n`, found or new, begins `at` bytes behind the request line.
  void keep(std::size_t n, std::size_t at) { (lines_.data() + n)->at = static_cast<std::uint16_t>(at); }
  void enter(std::size_t n, std::size_t at, std::string_view line, std::string_view value, Field field) {
    changed_ = true;
    if (n >= kLinesMax || at + line.size() > kBytesMax) return;
    lines_[n] = {static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(line.size()),
                 static_cast<std::uint16_t>(value.data() - line.data()), static_cast<std::uint16_t>(value.size()),
                 field};
  }
  // That head is over, after `count` lines, which are `text`; or, with none, it is not to be remembered.
  void finish(std::size_t count, std::string_view text) {
    if (std::exchange(changed_, false)) {
      if (count > kLinesMax || text.size() > kBytesMax) count = 0;
      if (count != 0) std::memcpy(bytes_.data(), text.data(), text.size());
      size_ = text.size();
    }
    count_ = count;
  }

 private:
  static constexpr std::size_t kLinesMax = 32;
  static constexpr std::size_t kBytesMax = 2048;

  std::array<char, kBytesMax> bytes_;
  std::array<Line, kLinesMax> lines_;
  std::size_t count_ = 0;  // lines
  std::size_t size_ = 0;   // bytes
  bool changed_ = false;
};

// That of a parser; it stays where it is when the parser moves away with half a request.
class OwnHeadMemo {
 public:
  OwnHeadMemo() : memo_(std::make_unique<HeadMemo>()) {}
  OwnHeadMemo(OwnHeadMemo&&) noexcept {}
  OwnHeadMemo& operator=(OwnHeadMemo&&) noexcept { return *this; }
  OwnHeadMemo(const OwnHeadMemo&) = delete;
  OwnHeadMemo& operator=(const OwnHeadMemo&) = delete;
  ~OwnHeadMemo() = default;

  HeadMemo* get() const { return memo_.get(); }

 private:
  std::unique_ptr<HeadMemo> memo_;
};

}  // namespace footfall::http
