// SPDX-License-Identifier: Apache-2.0
// Bytes16: sixteen bytes at a time, for scans of text. A comparison gives a bit per byte, the lowest for the first.
//
//     text    / t i n - t u c / b a i - 1 2 3
//     == '/'  1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0      unsigned 0x0101
//
// The vectors of gcc and clang: SSE2, which every x86-64 has, or what the processor has instead. One way for all, and
// none chosen at run time: a scan of a head is a few dozen of these steps, a choice would cost as much.
// Tested by tests/unit/base/bytes16_test.cc, and by the scans that are made of it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace footfall::base {

// The `size` bytes at `p`, zeros above; size at most 8. Nothing else is read.
inline std::uint64_t load_up_to_8(const char* p, std::size_t size) noexcept {
  if (size >= 4) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, p, sizeof low);
    std::memcpy(&high, p + (size - 4), sizeof high);
    return low | std::uint64_t{high} << (8 * (size - 4));  // where they overlap they are the same
  }
  std::uint64_t out = 0;
  if (size >= 2) {
    std::uint16_t low = 0;
    std::memcpy(&low, p, sizeof low);
    out = low;
  }
  if (size % 2 != 0) out |= std::uint64_t{static_cast<std::uint8_t>(p[size - 1])} << (8 * (size - 1));
  return out;
}

class Bytes16 {
 public:
  static constexpr std::size_t kSize = 16;
  static constexpr unsigned kAll = 0xFFFF;  // a bit for each

  static Bytes16 load(const char* p) noexcept {
    Bytes16 out;
    std::memcpy(&out.v_, p, kSize);
    return out;
  }
  // The first `size` bytes at `p`, zeros above; size at most 16. Nothing else is read.
  static Bytes16 load(const char* p, std::size_t size) noexcept {
    static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");
    std::uint64_t halves[2] = {};
    if (size < 8) {
      halves[0] = load_up_to_8(p, size);
    } else if (size == kSize) {
      std::memcpy(halves, p, kSize);
    } else {
      std::memcpy(halves, p, 8);
      halves[1] = load_up_to_8(p + 8, size - 8);
    }
    Bytes16 out;
    std::memcpy(&out.v_, halves, kSize);
    return out;
  }

  unsigned equal(char c) const noexcept { return mask(v_ == splat(static_cast<std::uint8_t>(c))); }
  unsigned equal(Bytes16 other) const noexcept { return mask(v_ == other.v_); }
  // Any of four.
  unsigned any_of(char a, char b, char c, char d) const noexcept {
    const auto is = [this](char x) { return v_ == splat(static_cast<std::uint8_t>(x)); };
    return mask(is(a) | is(b) | is(c) | is(d));
  }
  // Of control bytes, DEL among them.
  unsigned control() const noexcept { return mask((v_ <= splat(0x1f)) | (v_ == splat(0x7f))); }
  // In one of the ranges; each is its first and its last byte.
  template <class... Range>
  unsigned in(const Range&... ranges) const noexcept {
    return mask((... | ((v_ - splat(ranges.first)) <= splat(static_cast<std::uint8_t>(ranges.last - ranges.first)))));
  }

 private:
  using Vector [[gnu::vector_size(16)]] = std::uint8_t;

  static Vector splat(std::uint8_t c) noexcept { return Vector{} + c; }
  static unsigned mask(auto truth) noexcept {  // a vector of the same size, all bits of a byte or none
    static_assert(sizeof truth == kSize);
#if defined(__SSE2__)
    __m128i bytes;
    std::memcpy(&bytes, &truth, sizeof bytes);
    return static_cast<unsigned>(_mm_movemask_epi8(bytes));
#else
    std::uint64_t halves[2];
    std::memcpy(halves, &truth, sizeof halves);
    const auto bits = [](std::uint64_t half) {  // the top bit of each byte, gathered in the top byte
      return static_cast<unsigned>(((half & 0x8080808080808080U) >> 7U) * 0x0102040810204080U >> 56U);
    };
    return bits(halves[0]) | bits(halves[1]) << 8U;
#endif
  }

  Vector v_;
};

// A range of bytes for Bytes16::in().
struct ByteRange {
  std::uint8_t first, last;
};

// Bits below `size`; of at most 31.
constexpr unsigned low_bits(std::size_t size) noexcept {
  return (1U << size) - 1U;
}

}  // namespace footfall::base
