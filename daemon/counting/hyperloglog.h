// SPDX-License-Identifier: Apache-2.0
// HyperLogLog: distinct elements from 2^14 six-bit registers, in Redis's own byte format, so that PFCOUNT and PFMERGE
// read what save() gives, and load() reads what GET gives.
//
// Sparse (run-length opcodes ZERO, XZERO, VAL) is read; what is written is dense: 16 bytes of header ("HYLL", encoding,
// cached cardinality) and 12,288 bytes of registers. Standard error 1.04/sqrt(2^14) = 0.81 %.
// Hash: MurmurHash64A, seed 0xadc83b19, over the eight little-endian bytes of a visitor id. Estimator: Ertl, "New
// cardinality estimation algorithms for HyperLogLog sketches" (2017), the one Redis uses.
// Tested by tests/unit/counting/hyperloglog_test.cc, and by tests/integration against a real Redis.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace footfall::counting {

class HyperLogLog {
 public:
  static constexpr unsigned kRegisters = 1U << 14U;
  static constexpr double kStandardError = 0.0081;

  void add(std::string_view element);
  void add_hash(std::uint64_t murmur);
  void merge(const HyperLogLog& other);
  std::uint64_t estimate() const;

  // Redis's dense representation, 12,304 bytes, with the cached cardinality filled in.
  std::string save() const;
  // Dense or sparse; false (and unchanged) if Redis would not accept it either.
  bool load(std::string_view bytes);

  friend bool operator==(const HyperLogLog&, const HyperLogLog&) = default;

 private:
  std::uint8_t get(unsigned index) const;
  void raise(unsigned index, std::uint8_t value);

  std::array<std::uint8_t, kRegisters * 6 / 8> registers_{};  // six bits each, little-endian bit order, as Redis packs them
};

}  // namespace footfall::counting
