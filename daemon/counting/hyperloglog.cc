// SPDX-License-Identifier: Apache-2.0
// HyperLogLog's registers, estimator and bytes; hyperloglog.h has the layout.
//
// Four registers fill three bytes, and never is one spread over more than two of them: walks go by such triples, as
// 24-bit integers. The sparse opcodes:
//
//     ZERO   00xxxxxx            x + 1 registers are 0
//     XZERO  01xxxxxx yyyyyyyy   256 x + y + 1 registers are 0
//     VAL    1vvvvvxx            x + 1 registers are v + 1
//
// Tested by tests/unit/counting/hyperloglog_test.cc and hyperloglog_redis_test.cc.
#include "counting/hyperloglog.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/bytes.h"
#include "base/hash.h"

namespace footfall::counting {
namespace {

constexpr std::string_view kMagic = "HYLL";
constexpr std::uint8_t kDense = 0;
constexpr std::uint8_t kSparse = 1;
constexpr std::size_t kHeaderSize = 16;

constexpr unsigned kIndexBits = 14;
constexpr unsigned kRunBits = 64 - kIndexBits;  // the longest run of zeros that a hash can show

// Ertl's correction for registers that are full: section 5, equation for tau.
double tau(double x) {
  if (x == 0.0 || x == 1.0) return 0.0;
  double weight = 1.0;
  double sum = 1.0 - x;
  for (double before = -1.0; before != sum;) {
    x = std::sqrt(x);
    before = sum;
    weight *= 0.5;
    sum -= (1.0 - x) * (1.0 - x) * weight;
  }
  return sum / 3.0;
}

// ... and for registers that are still empty.
double sigma(double x) {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double weight = 1.0;
  double sum = x;
  for (double before = -1.0; before != sum;) {
    x *= x;
    before = sum;
    sum += x * weight;
    weight += weight;
  }
  return sum;
}

std::uint32_t triple(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8U |
         static_cast<std::uint32_t>(at[2]) << 16U;
}

}  // namespace

std::uint8_t HyperLogLog::get(unsigned index) const {
  const std::size_t byte = std::size_t{index / 4} * 3;
  return static_cast<std::uint8_t>(triple(&registers_[byte]) >> (index % 4 * 6) & 0x3FU);
}

void HyperLogLog::set(unsigned index, std::uint8_t value) {
  std::uint8_t* at = &registers_[std::size_t{index / 4} * 3];
  const unsigned shift = index % 4 * 6;
  const std::uint32_t bits = (triple(at) & ~(0x3FU << shift)) | static_cast<std::uint32_t>(value) << shift;
  at[0] = static_cast<std::uint8_t>(bits);
  at[1] = static_cast<std::uint8_t>(bits >> 8U);
  at[2] = static_cast<std::uint8_t>(bits >> 16U);
}

bool HyperLogLog::raise(unsigned index, std::uint8_t value) {
  if (value <= get(index)) return false;
  set(index, value);
  return true;
}

bool HyperLogLog::add(std::string_view element) {
  return add_hash(base::murmur64a(element, kHashSeed));
}

bool HyperLogLog::add(std::uint64_t element) {
  return add_hash(base::murmur64a(element, kHashSeed));
}

bool HyperLogLog::add_hash(std::uint64_t murmur) {
  const auto index = static_cast<unsigned>(murmur & (kRegisters - 1));
  const std::uint64_t rest = murmur >> kIndexBits | std::uint64_t{1} << kRunBits;  // the sentinel ends every run
  return raise(index, static_cast<std::uint8_t>(std::countr_zero(rest) + 1));
}

bool HyperLogLog::merge(const HyperLogLog& other) {
  bool rose = false;
  for (unsigned index = 0; index < kRegisters; index += 4) {
    const std::size_t byte = std::size_t{index / 4} * 3;
    if (triple(&other.registers_[byte]) == triple(&registers_[byte])) continue;
    for (unsigned i = index; i < index + 4; ++i) rose |= raise(i, other.get(i));
  }
  return rose;
}

std::uint64_t HyperLogLog::estimate() const {
  std::array<std::uint32_t, 64> with_value{};  // register value -> how many registers have it
  for (std::size_t byte = 0; byte < registers_.size(); byte += 3) {
    const std::uint32_t bits = triple(&registers_[byte]);
    ++with_value[bits & 0x3FU];
    ++with_value[bits >> 6U & 0x3FU];
    ++with_value[bits >> 12U & 0x3FU];
    ++with_value[bits >> 18U];
  }
  constexpr double kM = kRegisters;
  constexpr double kAlphaInfinity = 0.721347520444481703680;  // 1 / (2 ln 2)
  double z = kM * tau((kM - with_value[kRunBits + 1]) / kM);
  for (unsigned value = kRunBits; value >= 1; --value) z = 0.5 * (z + with_value[value]);
  z += kM * sigma(with_value[0] / kM);
  const double estimate = kAlphaInfinity * kM * kM / z;
  constexpr double kMax = 9.2e18;  // registers that no hash gives, but bytes from outside might
  return estimate < kMax ? static_cast<std::uint64_t>(std::llround(estimate)) : std::uint64_t{INT64_MAX};
}

std::string HyperLogLog::save() const {
  std::string out;
  out.reserve(kHeaderSize + registers_.size());
  base::ByteWriter writer(out);
  writer.raw(kMagic);
  writer.u8(kDense);
  writer.raw(std::string_view("\0\0\0", 3));
  writer.u64(estimate() & ~(std::uint64_t{1} << 63U));  // top bit clear: the cardinality is fresh
  for (const std::uint8_t byte : registers_) writer.u8(byte);
  return out;
}

bool HyperLogLog::load(std::string_view bytes) {
  if (bytes.size() < kHeaderSize || bytes.substr(0, kMagic.size()) != kMagic) return false;
  const auto encoding = static_cast<std::uint8_t>(bytes[kMagic.size()]);
  const std::string_view body = bytes.substr(kHeaderSize);
  if (encoding == kSparse) return load_sparse(body);
  if (encoding != kDense || body.size() != registers_.size()) return false;
  std::memcpy(registers_.data(), body.data(), registers_.size());
  return true;
}

bool HyperLogLog::load_sparse(std::string_view opcodes) {
  HyperLogLog read;
  unsigned index = 0;
  base::ByteReader reader(opcodes);
  while (reader.remaining() > 0) {
    const unsigned opcode = reader.u8();
    unsigned run = 0;
    std::uint8_t value = 0;
    if ((opcode & 0x80U) != 0) {
      run = (opcode & 0x03U) + 1;
      value = static_cast<std::uint8_t>((opcode >> 2U & 0x1FU) + 1);
    } else if ((opcode & 0x40U) != 0) {
      run = ((opcode & 0x3FU) << 8U | reader.u8()) + 1;
    } else {
      run = (opcode & 0x3FU) + 1;
    }
    if (!reader.ok() || run > kRegisters - index) return false;
    for (; run > 0; --run, ++index) {
      if (value != 0) read.set(index, value);
    }
  }
  if (index != kRegisters) return false;
  *this = read;
  return true;
}

}  // namespace footfall::counting
