// SPDX-License-Identifier: Apache-2.0
// SipHash and MurmurHash64A. See hash.h for what each is for; CRC32C is in crc32c.cc, random numbers are in random.cc.
#include "base/hash.h"

#include <cstddef>
#include <cstring>

#include "base/siphash.h"

namespace footfall::base {
namespace {

std::uint64_t load64(const char* at) noexcept {
  std::uint64_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return v;
}

template <int kCompression, int kFinal>
std::uint64_t siphash(SipKey key, std::string_view bytes) noexcept {
  SipState state(key);
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) state.word<kCompression>(load64(bytes.data() + i));
  return state.finish<kCompression, kFinal>(load_up_to_8(bytes.data() + whole, bytes.size() - whole), bytes.size());
}

constexpr std::uint64_t kMurmur = 0xc6a4a7935bd1e995U;
constexpr unsigned kMurmurShift = 47;

std::uint64_t murmur_step(std::uint64_t h, std::uint64_t k) noexcept {
  k *= kMurmur;
  k ^= k >> kMurmurShift;
  return (h ^ (k * kMurmur)) * kMurmur;
}

std::uint64_t murmur_end(std::uint64_t h) noexcept {
  h ^= h >> kMurmurShift;
  h *= kMurmur;
  return h ^ (h >> kMurmurShift);
}

}  // namespace

std::uint64_t siphash24(SipKey key, std::string_view bytes) noexcept {
  return siphash<2, 4>(key, bytes);
}
std::uint64_t siphash13(SipKey key, std::string_view bytes) noexcept {
  return siphash<1, 3>(key, bytes);
}

std::uint64_t murmur64a(std::string_view bytes, std::uint64_t seed) noexcept {
  std::uint64_t h = seed ^ (bytes.size() * kMurmur);
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) h = murmur_step(h, load64(bytes.data() + i));
  if (bytes.size() != whole) h = (h ^ load_up_to_8(bytes.data() + whole, bytes.size() - whole)) * kMurmur;
  return murmur_end(h);
}

std::uint64_t murmur64a(std::uint64_t word, std::uint64_t seed) noexcept {
  return murmur_end(murmur_step(seed ^ (sizeof word * kMurmur), word));
}

}  // namespace footfall::base
