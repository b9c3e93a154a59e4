// SPDX-License-Identifier: Apache-2.0
// SipHash and MurmurHash64A. See hash.h for what each is for; CRC32C is in crc32c.cc, random numbers are in random.cc.
#include "base/hash.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace footfall::base {
namespace {

std::uint64_t load64(const char* at) noexcept {
  std::uint64_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return v;
}

// The last size % 8 bytes, little-endian, zeros above.
std::uint64_t load_tail(std::string_view bytes) noexcept {
  const std::size_t size = bytes.size() % 8;
  std::uint64_t v = 0;
  if (size != 0) std::memcpy(&v, bytes.data() + (bytes.size() - size), size);
  return v;
}

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int count) noexcept {
    for (int i = 0; i < count; ++i) {
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
  void word(std::uint64_t m, int compression_rounds) noexcept {
    v3 ^= m;
    rounds(compression_rounds);
    v0 ^= m;
  }
};

template <int kCompression, int kFinal>
std::uint64_t siphash(SipKey key, std::string_view bytes) noexcept {
  SipState state{key.k0 ^ 0x736f6d6570736575U, key.k1 ^ 0x646f72616e646f6dU, key.k0 ^ 0x6c7967656e657261U,
                 key.k1 ^ 0x7465646279746573U};
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) state.word(load64(bytes.data() + i), kCompression);
  state.word(load_tail(bytes) | (static_cast<std::uint64_t>(bytes.size()) << 56U), kCompression);
  state.v2 ^= 0xff;
  state.rounds(kFinal);
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace

std::uint64_t siphash24(SipKey key, std::string_view bytes) noexcept {
  return siphash<2, 4>(key, bytes);
}
std::uint64_t siphash13(SipKey key, std::string_view bytes) noexcept {
  return siphash<1, 3>(key, bytes);
}

std::uint64_t murmur64a(std::string_view bytes, std::uint64_t seed) noexcept {
  constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995U;
  constexpr unsigned kShift = 47;
  std::uint64_t h = seed ^ (bytes.size() * kMultiplier);
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    std::uint64_t k = load64(bytes.data() + i) * kMultiplier;
    k ^= k >> kShift;
    h = (h ^ (k * kMultiplier)) * kMultiplier;
  }
  if (bytes.size() != whole) h = (h ^ load_tail(bytes)) * kMultiplier;
  h ^= h >> kShift;
  h *= kMultiplier;
  return h ^ (h >> kShift);
}

}  // namespace footfall::base
