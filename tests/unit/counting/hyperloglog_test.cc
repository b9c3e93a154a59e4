// SPDX-License-Identifier: Apache-2.0
// HyperLogLog against std::set counts and a register-by-register reading of Redis's two representations.
#include "counting/hyperloglog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>

#include "base/hash.h"
#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

// The header's 16 bytes; `encoding` 0 dense, 1 sparse.
std::string header(char encoding) {
  return std::string("HYLL") + encoding + std::string(11, '\0');
}

// Register `index` as Redis's documentation of the layout has it, bit by bit.
unsigned register_of(const std::string& dense, unsigned index) {
  unsigned value = 0;
  for (unsigned bit = 0; bit < 6; ++bit) {
    const unsigned position = index * 6 + bit;
    const unsigned byte = static_cast<unsigned char>(dense[16 + position / 8]);
    value |= (byte >> (position % 8) & 1U) << bit;
  }
  return value;
}

HyperLogLog of(std::uint64_t from, std::uint64_t to) {
  HyperLogLog sketch;
  for (std::uint64_t i = from; i < to; ++i) sketch.add("element " + std::to_string(i));
  return sketch;
}

TEST(HyperLogLogTest, EmptyEstimatesZero) {
  EXPECT_EQ(HyperLogLog().estimate(), 0U);
}

TEST(HyperLogLogTest, AnElementRaisesOneRegisterOnce) {
  HyperLogLog sketch;
  EXPECT_TRUE(sketch.add("ann"));
  EXPECT_FALSE(sketch.add("ann"));
  EXPECT_EQ(sketch.estimate(), 1U);
}

TEST(HyperLogLogTest, TheHashChoosesRegisterAndValue) {
  const struct {
    std::uint64_t hash;
    unsigned index, value;
  } kCases[] = {{0, 0, 51},  // no bit but the sentinel
                {UINT64_MAX, 16383, 1},
                {std::uint64_t{1} << 14U, 0, 1},
                {std::uint64_t{1} << 63U | 5U, 5, 50},
                {std::uint64_t{8} << 14U | 77U, 77, 4}};
  for (const auto& expected : kCases) {
    HyperLogLog sketch;
    EXPECT_TRUE(sketch.add_hash(expected.hash));
    const std::string dense = sketch.save();
    for (unsigned index = 0; index < HyperLogLog::kRegisters; ++index) {
      ASSERT_EQ(register_of(dense, index), index == expected.index ? expected.value : 0U) << index;
    }
  }
}

TEST(HyperLogLogTest, AgreesWithAnArrayOfRegisters) {
  std::mt19937_64 random(testing::rng_seed());
  std::array<unsigned, HyperLogLog::kRegisters> registers{};
  HyperLogLog sketch;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t hash = random() & (random() | random());  // long runs of zeros too
    unsigned value = 1;
    for (std::uint64_t rest = hash >> 14U; value <= 50 && (rest & 1U) == 0; rest >>= 1U) ++value;
    unsigned& known = registers[hash % HyperLogLog::kRegisters];
    ASSERT_EQ(sketch.add_hash(hash), value > known);
    known = std::max(known, value);
  }
  const std::string dense = sketch.save();
  ASSERT_EQ(dense.size(), 12'304U);
  for (unsigned i = 0; i < registers.size(); ++i) ASSERT_EQ(register_of(dense, i), registers[i]) << i;
}

TEST(HyperLogLogTest, EstimatesWithinFiveStandardErrors) {
  for (const std::uint64_t count : {10U, 100U, 1'000U, 10'000U, 50'000U, 100'000U, 1'000'000U}) {
    const double allowed = 5 * HyperLogLog::kStandardError * static_cast<double>(count) + 1;
    EXPECT_NEAR(static_cast<double>(of(0, count).estimate()), static_cast<double>(count), allowed);
  }
}

TEST(HyperLogLogTest, MergingIsTheUnion) {
  HyperLogLog left = of(0, 3000);
  const HyperLogLog right = of(2000, 5000);
  EXPECT_TRUE(left.merge(right));
  EXPECT_EQ(left, of(0, 5000));
  EXPECT_FALSE(left.merge(right));
}

TEST(HyperLogLogTest, SavedBeginsWithRedissHeaderAndAFreshCardinality) {
  const HyperLogLog sketch = of(0, 1234);
  const std::string bytes = sketch.save();
  EXPECT_EQ(bytes.substr(0, 8), std::string("HYLL\0\0\0\0", 8));
  std::uint64_t cardinality = 0;
  for (unsigned i = 0; i < 8; ++i) {
    cardinality |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[8 + i])) << (8 * i);
  }
  EXPECT_EQ(cardinality, sketch.estimate());
  HyperLogLog loaded;
  ASSERT_TRUE(loaded.load(bytes));
  EXPECT_EQ(loaded, sketch);
}

TEST(HyperLogLogTest, ReadsSparse) {
  // 1,000 zeros; registers 1000 and 1001 are 5; 15,382 zeros; the last three are 32, 1 and 1, less one: 16,384 in all.
  std::string sparse = header(1);
  sparse += std::string("\x43\xe7", 2);            // XZERO 1000
  sparse += static_cast<char>(0x80 | 4 << 2 | 1);  // VAL 5, twice
  sparse += std::string("\x7c\x12", 2);            // XZERO 15,379
  sparse += static_cast<char>(0x80 | 31 << 2);     // VAL 32
  sparse += std::string("\x00", 1);                // ZERO 1
  sparse += static_cast<char>(0x80);               // VAL 1
  HyperLogLog sketch;
  ASSERT_TRUE(sketch.load(sparse));
  const std::string dense = sketch.save();
  EXPECT_EQ(register_of(dense, 999), 0U);
  EXPECT_EQ(register_of(dense, 1000), 5U);
  EXPECT_EQ(register_of(dense, 1001), 5U);
  EXPECT_EQ(register_of(dense, 1002), 0U);
  EXPECT_EQ(register_of(dense, 16381), 32U);
  EXPECT_EQ(register_of(dense, 16382), 0U);
  EXPECT_EQ(register_of(dense, 16383), 1U);
}

// --- malformed bytes ---

TEST(HyperLogLogTest, MalformedBytesAreRefusedAndChangeNothing) {
  const std::string dense = of(0, 10).save();
  std::string wrong_magic = dense;
  wrong_magic[0] = 'X';
  std::string wrong_encoding = dense;
  wrong_encoding[4] = 2;
  const std::string all_zero("\x7f\xff", 2);  // XZERO 16,384
  HyperLogLog sketch = of(0, 5);
  for (const std::string& bytes :
       {std::string(), std::string("HYLL"), wrong_magic, wrong_encoding, dense.substr(0, 12'303), dense + "x",
        dense.substr(0, 16), header(1), header(1) + "\x7f", header(1) + std::string("\x7f\xfe", 2),  // one too few
        header(1) + all_zero + std::string("\x00", 1),                                               // one too many
        header(1) + all_zero + "\x80"}) {
    EXPECT_FALSE(sketch.load(bytes)) << bytes.size();
    EXPECT_EQ(sketch, of(0, 5));
  }
  EXPECT_TRUE(sketch.load(header(1) + all_zero));
  EXPECT_EQ(sketch, HyperLogLog());
}

TEST(HyperLogLogTest, AnyDenseRegistersGiveSomeEstimate) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 50; ++round) {
    std::string bytes = header(0);
    const bool ones = round % 2 == 0;
    for (unsigned i = 0; i < 12'288; ++i) bytes += static_cast<char>(ones ? 0xFF : random());
    HyperLogLog sketch;
    ASSERT_TRUE(sketch.load(bytes));
    EXPECT_EQ(sketch.save().size(), 12'304U);
  }
}

}  // namespace
}  // namespace footfall::counting
