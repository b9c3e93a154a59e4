// SPDX-License-Identifier: Apache-2.0
// The scans of the request parser: how far does a target, a field name, a field value, a host reach.
//
// Each gives the first byte in [p, end) that does not belong, or end. Sixteen bytes a step; for the last ones a table.
// A browser's head is some 600 bytes, most of them values: at a byte a step they would be half of a hit's instructions.
//
// Tested by tests/unit/http/scan_test.cc against the grammar, byte by byte.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/bytes16.h"

namespace footfall::http {

// RFC 9110 5.6.2: tchar.
constexpr bool is_token(unsigned char c) {
  if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) return true;
  switch (c) {
    case '!':
    case '#':
    case '$':
    case '%':
    case '&':
    case '\'':
    case '*':
    case '+':
    case '-':
    case '.':
    case '^':
    case '_':
    case '`':
    case '|':
    case '~':
      return true;
    default:
      return false;
  }
}
// Wider than RFC 3986, as browsers send {}|^`[] in queries; but visible ASCII only, and never a fragment.
constexpr bool is_target(unsigned char c) {
  return c > 0x20 && c < 0x7f && c != '#';
}
// RFC 9110 5.5 without HTAB, at which the scan of a value stops so that its caller looks at control bytes in one place.
constexpr bool is_value(unsigned char c) {
  return c >= 0x20 && c != 0x7f;
}
// A name as in DNS and in practice, or an IPv4 address: RFC 3986 reg-name without sub-delims and percent-encoding.
constexpr bool is_host(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

namespace detail {

template <bool (*kBelongs)(unsigned char)>
constexpr std::array<bool, 256> table() {
  std::array<bool, 256> out{};
  for (unsigned c = 0; c < 256; ++c) out[c] = kBelongs(static_cast<unsigned char>(c));
  return out;
}

template <bool (*kBelongs)(unsigned char)>
inline constexpr std::array<bool, 256> kTable = table<kBelongs>();

template <bool (*kBelongs)(unsigned char)>
inline const char* skip_bytewise(const char* p, const char* end) {
  while (p != end && kTable<kBelongs>[static_cast<unsigned char>(*p)]) ++p;
  return p;
}

}  // namespace detail

inline const char* skip_value(const char* p, const char* end) {
  for (; end - p >= std::ptrdiff_t{base::Bytes16::kSize}; p += base::Bytes16::kSize) {
    const unsigned stop = base::Bytes16::load(p).control();
    if (stop != 0) return p + std::countr_zero(stop);
  }
  return detail::skip_bytewise<is_value>(p, end);
}

inline const char* skip_target(const char* p, const char* end) {
  for (; end - p >= std::ptrdiff_t{base::Bytes16::kSize}; p += base::Bytes16::kSize) {
    const unsigned fine = base::Bytes16::load(p).in(base::ByteRange{0x21, '#' - 1}, base::ByteRange{'#' + 1, 0x7e});
    if (fine != base::Bytes16::kAll) return p + std::countr_one(fine);
  }
  return detail::skip_bytewise<is_target>(p, end);
}

// Letters, digits, '-' and '.' sixteen at a time; what has any other byte goes on with the table.
template <bool (*kBelongs)(unsigned char)>
inline const char* skip_words(const char* p, const char* end) {
  for (; end - p >= std::ptrdiff_t{base::Bytes16::kSize}; p += base::Bytes16::kSize) {
    const unsigned fine = base::Bytes16::load(p).in(base::ByteRange{'a', 'z'}, base::ByteRange{'-', '.'},
                                                    base::ByteRange{'A', 'Z'}, base::ByteRange{'0', '9'});
    if (fine != base::Bytes16::kAll) {
      p += std::countr_one(fine);
      if (!detail::kTable<kBelongs>[static_cast<unsigned char>(*p)]) return p;
      break;
    }
  }
  return detail::skip_bytewise<kBelongs>(p, end);
}
inline const char* skip_name(const char* p, const char* end) {
  return skip_words<is_token>(p, end);
}
inline const char* skip_host(const char* p, const char* end) {
  return skip_words<is_host>(p, end);
}

}  // namespace footfall::http
