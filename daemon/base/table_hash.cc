// SPDX-License-Identifier: Apache-2.0
// table_hash: NH over sixteen bytes a step, its 128 bits and the length brought to 64 by multiply-shift, under keys
// that nobody outside knows.
//
//     sum  =  (m0 + k0) (m1 + k1) + (m2 + k2) (m3 + k3) + ...     mod 2^128; m: words of 64 bits, k: as many random
//     last =  (a sum_low + b sum_high + c size + d) / 2^64         mod 2^128; a to d: random, of 128 bits
//     hash = last, its bits stirred (one to one)
//
// Two texts of whatever choice have the same hash with a probability of 2^-63: what SipHash is believed to give, NH is
// proved to, for whoever does not see the hashes. An agent of 110 bytes takes 80 instructions, where SipHash-1-3 takes
// 350; a path of 16 takes 40 for 130. Texts beyond the keys are left to SipHash.
// Of many texts the proof says little: those that differ in a number make arithmetic progressions of `last`, and under
// one set of keys in 200 some places of a table got a third of their share, others nearly double. Hence the stirring:
// five instructions, and 256 places are as even as chance makes them (1,500 sets of keys, paths with numbers). Sources:
// Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC: Fast and Secure Message Authentication" (1999), NH; Dietzfelbinger,
// "Universal hashing and k-wise independent random variables via integer arithmetic" (1996).
#include "base/table_hash.h"

#include <cstddef>
#include <cstring>

#include "base/bytes16.h"
#include "base/hash.h"

namespace footfall::base {
namespace {

__extension__ typedef unsigned __int128 Wide;

std::uint64_t load64(const char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

Wide product(std::uint64_t m0, std::uint64_t m1, const std::uint64_t* key) noexcept {
  return static_cast<Wide>(m0 + key[0]) * (m1 + key[1]);
}

Wide product(const std::uint64_t* key, std::uint64_t by) noexcept {
  return static_cast<Wide>(key[0]) * by + (static_cast<Wide>(key[1] * by) << 64U);
}

// A call of its own would be a fifth of what a path takes.
[[gnu::always_inline]] inline std::uint64_t hash_under(const TableHash::Keys& keys, std::string_view bytes) noexcept {
  const std::size_t size = bytes.size();
  if (size > sizeof keys.words) [[unlikely]]
    return siphash13(process_key(), bytes);
  const char* p = bytes.data();
  const std::uint64_t* key = keys.words.data();
  Wide sum = 0;
  if (size > 16) {
    const char* const last = p + size - 16;
    for (; p < last; p += 16, key += 2) sum += product(load64(p), load64(p + 8), key);
    sum += product(load64(last), load64(last + 8), key);  // of some bytes once more: the size tells of which
  } else if (size >= 8) {
    sum = product(load64(p), load64(p + size - 8), key);
  } else {
    sum = product(load_up_to_8(p, size), 0, key);
  }
  const std::uint64_t* const last = keys.last.data();
  const Wide linear = product(last, static_cast<std::uint64_t>(sum)) +
                      product(last + 2, static_cast<std::uint64_t>(sum >> 64U)) + product(last + 4, size) +
                      (static_cast<Wide>(last[7]) << 64U | last[6]);
  auto hash = static_cast<std::uint64_t>(linear >> 64U);
  hash ^= hash >> 32U;
  hash *= 0x9e3779b97f4a7c15U;  // odd, its bits as good as random: 2^64 by the golden ratio
  return hash ^ hash >> 32U;
}

}  // namespace

TableHash::Keys::Keys() noexcept {
  random_bytes(words.data(), sizeof words);
  random_bytes(last.data(), sizeof last);
}

std::uint64_t TableHash::operator()(std::string_view bytes) const noexcept {
  return hash_under(keys_, bytes);
}

std::uint64_t table_hash(std::string_view bytes) noexcept {
  static const TableHash::Keys keys;
  return hash_under(keys, bytes);
}

}  // namespace footfall::base
