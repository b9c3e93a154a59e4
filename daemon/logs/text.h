// SPDX-License-Identifier: Apache-2.0
// What a byte of a log line is, read as latin-1: no byte is lost, and white space includes 0x1c..0x1f, 0x85 and 0xa0.
// Tested through the formats.
#pragma once

#include <array>
#include <cstring>
#include <string_view>

namespace footfall::logs {

inline constexpr std::array<bool, 256> kSpace = [] {
  std::array<bool, 256> table{};
  for (const unsigned byte : {0x09U, 0x0aU, 0x0bU, 0x0cU, 0x0dU, 0x1cU, 0x1dU, 0x1eU, 0x1fU, 0x20U, 0x85U, 0xa0U}) {
    table[byte] = true;
  }
  return table;
}();

inline bool is_space(char c) {
  return kSpace[static_cast<unsigned char>(c)];
}
inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline unsigned digit(char c) {
  return static_cast<unsigned>(c - '0');
}

// The first `c` in [p, end), or null.
inline const char* find(const char* p, const char* end, char c) {
  return static_cast<const char*>(std::memchr(p, c, static_cast<std::size_t>(end - p)));
}

inline std::string_view view(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

// The quote that ends a quoted text whose first byte is at p: the first one that no backslash escapes; or null.
inline const char* closing_quote(const char* p, const char* end) {
  const char* quote = find(p, end, '"');
  while (quote != nullptr) {
    const char* escape = find(p, quote, '\\');
    if (escape == nullptr) return quote;
    p = escape + 2;
    if (p > quote) quote = find(p, end, '"');
  }
  return nullptr;
}

}  // namespace footfall::logs
