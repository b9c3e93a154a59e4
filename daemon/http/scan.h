// SPDX-License-Identifier: Apache-2.0
// The scans of the request parser: how far does a target, a field name, a field value, a host reach.
//
// Each gives the first byte in [p, end) that does not belong, or end. Sixteen bytes a step with SSE2, which every
// x86-64 has; elsewhere, and for the last bytes, a table. A browser's head is some 600 bytes, most of them values:
// at a byte a step they would be half of a hit's instructions.
//
// Tested by tests/unit/http/scan_test.cc against the grammar, byte by byte.
#pragma once

#include <array>
#include <cstdint>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

#if defined(__SSE2__)
inline __m128i load16(const char* p) {
  __m128i x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
inline __m128i at_most(__m128i x, char bound) {  // unsigned
  return _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(bound)), x);
}
inline __m128i between(__m128i x, char low, char width) {  // low <= x < low + width
  return at_most(_mm_sub_epi8(x, _mm_set1_epi8(low)), static_cast<char>(width - 1));
}
inline __m128i equal(__m128i x, char c) {
  return _mm_cmpeq_epi8(x, _mm_set1_epi8(c));
}
inline unsigned mask(__m128i x) {
  return static_cast<unsigned>(_mm_movemask_epi8(x));
}
#endif

}  // namespace detail

inline const char* skip_value(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const __m128i x = detail::load16(p);
    const unsigned stop = detail::mask(_mm_or_si128(detail::at_most(x, 0x1f), detail::equal(x, 0x7f)));
    if (stop != 0) return p + __builtin_ctz(stop);
  }
#endif
  return detail::skip_bytewise<is_value>(p, end);
}

inline const char* skip_target(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const __m128i x = detail::load16(p);
    const unsigned fine = detail::mask(detail::between(x, 0x21, 0x7f - 0x21));
    const unsigned stop = (~fine & 0xffffU) | detail::mask(detail::equal(x, '#'));
    if (stop != 0) return p + __builtin_ctz(stop);
  }
#endif
  return detail::skip_bytewise<is_target>(p, end);
}

// Letters, digits, '-' and '.' sixteen at a time; what has any other byte goes on with the table.
template <bool (*kBelongs)(unsigned char)>
inline const char* skip_words(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const __m128i x = detail::load16(p);
    const __m128i letters = detail::between(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 26);
    const __m128i others = _mm_or_si128(detail::between(x, '0', 10), detail::between(x, '-', 2));
    const unsigned stop = ~detail::mask(_mm_or_si128(letters, others)) & 0xffffU;
    if (stop != 0) {
      p += __builtin_ctz(stop);
      if (!detail::kTable<kBelongs>[static_cast<unsigned char>(*p)]) return p;
      break;
    }
  }
#endif
  return detail::skip_bytewise<kBelongs>(p, end);
}
inline const char* skip_name(const char* p, const char* end) {
  return skip_words<is_token>(p, end);
}
inline const char* skip_host(const char* p, const char* end) {
  return skip_words<is_host>(p, end);
}

}  // namespace footfall::http
