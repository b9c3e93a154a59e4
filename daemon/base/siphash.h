// SPDX-License-Identifier: Apache-2.0
// SipHash, for hash.cc, and for texts that begin alike: what they have in common is worked in once.
//
//     SipPrefix24(key, "abc").hash("def")  ==  siphash24(key, "abcdef")
//
// Tested by tests/unit/base/hash_test.cc.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes16.h"
#include "base/hash.h"

namespace footfall::base {

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  explicit SipState(SipKey key) noexcept
      : v0(key.k0 ^ 0x736f6d6570736575U),
        v1(key.k1 ^ 0x646f72616e646f6dU),
        v2(key.k0 ^ 0x6c7967656e657261U),
        v3(key.k1 ^ 0x7465646279746573U) {}

  template <int kRounds>
  void rounds() noexcept {
    for (int i = 0; i < kRounds; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }
  template <int kCompression>
  void word(std::uint64_t m) noexcept {
    v3 ^= m;
    rounds<kCompression>();
    v0 ^= m;
  }
  // `tail`: the last size % 8 bytes, zeros above.
  template <int kCompression, int kFinal>
  std::uint64_t finish(std::uint64_t tail, std::size_t size) noexcept {
    word<kCompression>(tail | (static_cast<std::uint64_t>(size) << 56U));
    v2 ^= 0xff;
    rounds<kFinal>();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

class SipPrefix24 {
 public:
  SipPrefix24(SipKey key, std::string_view prefix) noexcept : state_(key), size_(prefix.size()) {
    for (; prefix.size() >= 8; prefix.remove_prefix(8)) state_.word<2>(load_up_to_8(prefix.data(), 8));
    left_bits_ = static_cast<unsigned>(8 * prefix.size());
    left_ = load_up_to_8(prefix.data(), prefix.size());
  }

  std::size_t size() const noexcept { return size_; }  // of the prefix
  // siphash24() of the prefix and `rest` behind it.
  std::uint64_t hash(std::string_view rest) const noexcept {
    SipState state = state_;
    const char* p = rest.data();
    const char* const end = p + rest.size();
    std::uint64_t left = left_;
    for (; end - p >= 8; p += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, p, sizeof word);
      state.word<2>(left | word << left_bits_);
      left = above(word);
    }
    const auto tail = static_cast<std::size_t>(end - p);
    const std::uint64_t word = load_up_to_8(p, tail);
    left |= word << left_bits_;
    if (left_bits_ + 8 * tail >= 64) {
      state.word<2>(left);
      left = above(word);
    }
    return state.finish<2, 4>(left, size_ + rest.size());
  }

 private:
  // What of a word does not fit behind what is left.
  std::uint64_t above(std::uint64_t word) const noexcept { return left_bits_ == 0 ? 0 : word >> (64 - left_bits_); }

  SipState state_;          // of the whole words
  std::uint64_t left_ = 0;  // behind them
  unsigned left_bits_ = 0;  // of it: 0 to 56
  std::size_t size_;
};

}  // namespace footfall::base
