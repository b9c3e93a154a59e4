// SPDX-License-Identifier: Apache-2.0
#include "base/bytes16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::base {
namespace {

template <class Belongs>
unsigned bits_of(const std::string& text, const Belongs& belongs) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (belongs(static_cast<std::uint8_t>(text[i]))) bits |= 1U << i;
  }
  return bits;
}

void expect_same_as_by_byte(Bytes16 bytes, const std::string& text) {
  EXPECT_EQ(bytes.equal('/'), bits_of(text, [](unsigned c) { return c == '/'; }));
  EXPECT_EQ(bytes.any_of('&', '=', '%', '+'),
            bits_of(text, [](unsigned c) { return c == '&' || c == '=' || c == '%' || c == '+'; }));
  EXPECT_EQ(bytes.control(), bits_of(text, [](unsigned c) { return c < 0x20 || c == 0x7F; }));
  EXPECT_EQ(bytes.in(ByteRange{'a', 'z'}, ByteRange{0, 3}, ByteRange{0xF0, 0xFF}),
            bits_of(text, [](unsigned c) { return (c >= 'a' && c <= 'z') || c <= 3 || c >= 0xF0; }));
}

TEST(Bytes16Test, EveryByteInEveryPlaceIsToldApart) {
  for (unsigned c = 0; c < 256; ++c) {
    for (std::size_t at = 0; at < Bytes16::kSize; ++at) {
      std::string text(Bytes16::kSize, '!');
      text[at] = static_cast<char>(c);
      expect_same_as_by_byte(Bytes16::load(text.data()), text);
    }
  }
}

TEST(Bytes16Test, RandomBytesAreToldApart) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 2000; ++round) {
    std::string text(Bytes16::kSize, '\0');
    for (char& c : text) c = random() % 2 == 0 ? "/&=%+az\x03"[random() % 8] : static_cast<char>(random());
    expect_same_as_by_byte(Bytes16::load(text.data()), text);
    std::string other = text;
    other[random() % other.size()] = static_cast<char>(random());
    unsigned same = 0;
    for (std::size_t i = 0; i < text.size(); ++i) same |= (text[i] == other[i] ? 1U : 0U) << i;
    EXPECT_EQ(Bytes16::load(text.data()).equal(Bytes16::load(other.data())), same);
  }
}

// From memory that ends with them, so that a sanitizer sees a byte too many.
TEST(Bytes16Test, FewBytesAreFollowedByZeros) {
  const std::string all = "0123456789abcdef";
  for (std::size_t size = 0; size <= Bytes16::kSize; ++size) {
    const auto exact = std::make_unique<char[]>(size);
    std::copy_n(all.begin(), size, exact.get());
    std::string padded = all.substr(0, size);
    padded.resize(Bytes16::kSize);
    const Bytes16 bytes = Bytes16::load(exact.get(), size);
    for (std::size_t i = 0; i < Bytes16::kSize; ++i)
      EXPECT_NE(bytes.equal(padded[i]) & 1U << i, 0U) << size << " " << i;
    if (size > 8) continue;
    std::uint64_t word = 0;
    std::copy_n(padded.begin(), 8, static_cast<char*>(static_cast<void*>(&word)));
    EXPECT_EQ(load_up_to_8(exact.get(), size), word) << size;
  }
}

}  // namespace
}  // namespace footfall::base
