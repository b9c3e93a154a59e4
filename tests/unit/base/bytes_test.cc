// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support/rng_seed.h"

namespace footfall::base {
namespace {

template <class Write>
std::string written(Write write) {
  std::string out;
  ByteWriter writer(out);
  write(writer);
  return out;
}

TEST(BytesTest, FixedIntegersAreLittleEndian) {
  EXPECT_EQ(written([](ByteWriter& w) { w.u16(0x0102); }), "\x02\x01");
  EXPECT_EQ(written([](ByteWriter& w) { w.u32(0x01020304); }), "\x04\x03\x02\x01");
  EXPECT_EQ(written([](ByteWriter& w) { w.u64(0x0102030405060708U); }), "\x08\x07\x06\x05\x04\x03\x02\x01");
}

TEST(BytesTest, VarintsTakeSevenBitsAByte) {
  EXPECT_EQ(written([](ByteWriter& w) { w.varint(0x7f); }), "\x7f");
  EXPECT_EQ(written([](ByteWriter& w) { w.varint(0x80); }), "\x80\x01");
  EXPECT_EQ(written([](ByteWriter& w) { w.varint(300); }), "\xac\x02");
  EXPECT_EQ(written([](ByteWriter& w) { w.varint(UINT64_MAX); }).size(), 10U);
  EXPECT_EQ(written([](ByteWriter& w) { w.svarint(-1); }), "\x01");
  EXPECT_EQ(written([](ByteWriter& w) { w.svarint(1); }), "\x02");
}

TEST(BytesTest, WhatIsWrittenIsReadBack) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t wide = random() >> (random() % 64);
    const auto number = static_cast<std::int64_t>(random()) >> (random() % 64);
    const std::string text(random() % 300, static_cast<char>(random()));
    const std::string bytes = written([&](ByteWriter& w) {
      w.u8(static_cast<std::uint8_t>(wide));
      w.u16(static_cast<std::uint16_t>(wide));
      w.u32(static_cast<std::uint32_t>(wide));
      w.u64(wide);
      w.varint(wide);
      w.svarint(number);
      w.string(text);
    });
    ByteReader reader(bytes);
    EXPECT_EQ(reader.u8(), static_cast<std::uint8_t>(wide));
    EXPECT_EQ(reader.u16(), static_cast<std::uint16_t>(wide));
    EXPECT_EQ(reader.u32(), static_cast<std::uint32_t>(wide));
    EXPECT_EQ(reader.u64(), wide);
    EXPECT_EQ(reader.varint(), wide);
    EXPECT_EQ(reader.svarint(), number);
    EXPECT_EQ(reader.string(), text);
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(BytesTest, ExtremesOfSignedNumbersSurvive) {
  for (const std::int64_t v : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    const std::string bytes = written([v](ByteWriter& w) { w.svarint(v); });
    EXPECT_EQ(ByteReader(bytes).svarint(), v);
  }
}

// ---- Errors ----

TEST(BytesTest, AFailedReaderStaysFailedAndGivesZeros) {
  ByteReader reader(std::string_view("\x01\x02\x03", 3));
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0U);
  EXPECT_EQ(reader.varint(), 0U);
  EXPECT_EQ(reader.string(), "");
  EXPECT_FALSE(reader.at_end());
}

TEST(BytesTest, EveryTruncationOfARecordIsNoticed) {
  const std::string bytes = written([](ByteWriter& w) {
    w.varint(1'000'000);
    w.string("hello");
    w.u64(7);
  });
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader reader(std::string_view(bytes).substr(0, size));
    reader.varint();
    reader.string();
    reader.u64();
    EXPECT_FALSE(reader.ok()) << size;
  }
}

TEST(BytesTest, AVarintOfMoreThanSixtyFourBitsIsRefused) {
  EXPECT_EQ(ByteReader("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").varint(), UINT64_MAX);
  ByteReader too_wide("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  too_wide.varint();
  EXPECT_FALSE(too_wide.ok());
  ByteReader too_long(std::string_view("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11));
  too_long.varint();
  EXPECT_FALSE(too_long.ok());
}

TEST(BytesTest, AStringLongerThanTheRestIsRefused) {
  const std::string bytes = written([](ByteWriter& w) {
    w.varint(UINT64_MAX);
    w.raw("abc");
  });
  ByteReader reader(bytes);
  EXPECT_EQ(reader.string(), "");
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace footfall::base
