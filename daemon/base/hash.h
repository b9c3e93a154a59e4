// SPDX-License-Identifier: Apache-2.0
// The hashes in use, each for one purpose.
//
//   siphash24     keyed, unpredictable: visitor ids; siphash13 the same for what is not kept
//   table_hash    keyed anew in each process: every table whose keys come from outside
//   murmur64a     Redis's HyperLogLog hash (seed 0xadc83b19), nothing else
//   crc32c        checksums of what is on disk (Castagnoli polynomial; SSE4.2's instruction when the CPU has it,
//                 chosen at run time, tables otherwise)
//   mix64         spreads an integer that is already random enough (splitmix64's finaliser)
//
// Sources: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); table_hash.cc; Appleby's MurmurHash64A;
// RFC 3720 appendix B.4 for CRC-32C's check values. Tested by tests/unit/base/hash_test.cc, by the published vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace footfall::base {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

std::uint64_t siphash24(SipKey key, std::string_view bytes) noexcept;
std::uint64_t siphash13(SipKey key, std::string_view bytes) noexcept;
std::uint64_t murmur64a(std::string_view bytes, std::uint64_t seed) noexcept;
// The same of the word's eight bytes, the lowest first.
std::uint64_t murmur64a(std::uint64_t word, std::uint64_t seed) noexcept;

// Continues from `crc` (0 to begin with), so that a checksum may be computed piece by piece.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0) noexcept;
// Backwards: the `before` for which crc32c(bytes, before) is `crc`. About 10 ns a byte.
std::uint32_t crc32c_before(std::string_view bytes, std::uint32_t crc) noexcept;
// crc32c() without the CPU's instruction: what crc32c() falls back to, and is tested against.
std::uint32_t crc32c_tables(std::string_view bytes, std::uint32_t crc = 0) noexcept;

constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x ^= x >> 30U;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27U;
  x *= 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

// A key drawn at start from the system's generator: tables keyed with it cannot be flooded from outside.
// The same key for the whole process, any thread.
SipKey process_key() noexcept;
// For tables in memory: never stored, never shown (from many hashes its keys could be found out).
std::uint64_t table_hash(std::string_view bytes) noexcept;

// Fills `size` bytes from the system's generator; aborts if the system has none.
void random_bytes(void* out, std::size_t size) noexcept;
std::uint64_t random_u64() noexcept;

}  // namespace footfall::base
