// SPDX-License-Identifier: Apache-2.0
// HyperLogLog: distinct elements from 2^14 six-bit registers, in Redis's own byte format, so that PFCOUNT and PFMERGE
// read what save() gives, and load() reads what GET gives.
//
//     "HYLL" | encoding 0 dense, 1 sparse | 3 unused | cardinality, 8 bytes LE; top bit set: stale | registers
//
// Sparse (run-length opcodes ZERO, XZERO, VAL) is read; what is written is dense: 16 bytes of header and 12,288 bytes
// of registers, register i in the six bits from bit 6 i on. Standard error 1.04/sqrt(2^14) = 0.81 %.
// Hash: MurmurHash64A, seed 0xadc83b19, over the eight little-endian bytes of a visitor id: its low 14 bits choose the
// register, the run of zeros above them gives its value. Estimator: Ertl, "New cardinality estimation algorithms for
// HyperLogLog sketches" (2017), the one Redis uses. add() is one load and a compare; estimate() and merge() walk all
// registers (about 10 us).
// Tested by tests/unit/counting/hyperloglog_test.cc, and by hyperloglog_redis_test.cc against a real Redis.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace footfall::counting {

// Units      elements are byte strings, hashes their murmur64a.
// Ownership  holds its registers.
// Threading  none of its own.
// Errors     load() answers false.
class HyperLogLog {
 public:
  static constexpr unsigned kRegisters = 1U << 14U;
  static constexpr double kStandardError = 0.0081;
  static constexpr std::uint64_t kHashSeed = 0xadc83b19U;

  // True if a register rose: only then may the estimate have changed.
  bool add(std::string_view element);
  bool add(std::uint64_t element);  // its eight bytes, the lowest first
  bool add_hash(std::uint64_t murmur);
  bool merge(const HyperLogLog& other);
  std::uint64_t estimate() const;

  // Redis's dense representation, 12,304 bytes, with the cached cardinality filled in.
  std::string save() const;
  // Dense or sparse; false (and unchanged) if Redis would not accept it either. The cached cardinality is not trusted.
  bool load(std::string_view bytes);

  friend bool operator==(const HyperLogLog&, const HyperLogLog&) = default;

 private:
  std::uint8_t get(unsigned index) const;
  void set(unsigned index, std::uint8_t value);
  bool raise(unsigned index, std::uint8_t value);
  bool load_sparse(std::string_view opcodes);

  std::array<std::uint8_t, kRegisters * 6 / 8> registers_{};  // six bits each, little-endian bit order
};

}  // namespace footfall::counting
