// SPDX-License-Identifier: Apache-2.0
#include "ingest/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

class TextTest : public ::testing::Test {
 protected:
  std::string form(std::string_view raw) {
    std::string_view out;
    return decode_form(raw, arena_, out) ? std::string(out) : "(refused)";
  }
  std::string label(std::string_view raw, std::size_t size_max = 128) {
    return std::string(clean_label(raw, size_max, arena_));
  }
  Arena arena_;
};

TEST_F(TextTest, DecodesPercentAndPlus) {
  EXPECT_EQ(form("a+b%20c%2Fd%c3%A9"), "a b c/d\xC3\xA9");
  EXPECT_EQ(form(""), "");
  EXPECT_EQ(form("plain"), "plain");
  EXPECT_EQ(form("%00"), std::string(1, '\0'));
  EXPECT_EQ(form("%2541"), "%41");  // once, not twice
}

TEST_F(TextTest, RefusesAPercentSignWithoutTwoDigits) {
  for (const char* raw : {"%", "%2", "100%", "%zz", "%2g", "a%+b", "%%41"}) EXPECT_EQ(form(raw), "(refused)") << raw;
}

TEST_F(TextTest, WhatNeedsNoDecodingIsNotCopied) {
  const std::string raw = "plain";
  std::string_view out;
  ASSERT_TRUE(decode_form(raw, arena_, out));
  EXPECT_EQ(out.data(), raw.data());
}

// The definition of RFC 3629, by code points.
bool decodes(std::string_view text, std::size_t size) {
  const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<std::uint8_t>(text[i])}; };
  std::uint32_t point = 0;
  if (size == 1) return byte(0) < 0x80;
  const std::uint32_t marks[] = {0, 0, 0xC0, 0xE0, 0xF0}, masks[] = {0, 0, 0x1F, 0x0F, 0x07},
                      least[] = {0, 0, 0x80, 0x800, 0x10000};
  if ((byte(0) & ~masks[size] & 0xFFU) != marks[size]) return false;
  point = byte(0) & masks[size];
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return false;
    point = point << 6U | (byte(i) & 0x3FU);
  }
  return point >= least[size] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
}

TEST_F(TextTest, Utf8CharactersAreThoseOfTheDefinition) {
  std::mt19937_64 random(testing::rng_seed());
  const std::uint8_t leads[] = {0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
                                0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF};
  for (const std::uint8_t lead : leads) {
    for (int round = 0; round < 5000; ++round) {
      std::string text(1 + random() % 4, '\0');
      text[0] = static_cast<char>(lead);
      for (std::size_t i = 1; i < text.size(); ++i) {
        text[i] = static_cast<char>(random() % 3 == 0 ? random() : 0x80 + random() % 64);
      }
      std::size_t expected = 0;
      for (std::size_t size = 1; size <= text.size(); ++size) {
        if (decodes(text, size)) expected = size;
      }
      ASSERT_EQ(utf8_character(text), expected) << "lead " << int{lead} << " round " << round;
    }
  }
  EXPECT_EQ(utf8_character(""), 0U);
}

TEST_F(TextTest, LabelsAreTrimmedAndHoldNoControlCharacters) {
  EXPECT_EQ(label("  Tet sale\t"), "Tet sale");
  EXPECT_EQ(label("a\nb\x7F"
                  "c\xC2\x85"
                  "d"),
            "a b c d");
  EXPECT_EQ(label("bad \xFF byte"), "bad \xEF\xBF\xBD byte");
  EXPECT_EQ(label(" \n "), "");
  EXPECT_EQ(label("Th\xE1\xBB\x91ng k\xC3\xAA"), "Th\xE1\xBB\x91ng k\xC3\xAA");
}

TEST_F(TextTest, LabelsAreCutBetweenCharacters) {
  EXPECT_EQ(label("abc\xC3\xAA"
                  "f",
                  4),
            "abc");
  EXPECT_EQ(label("abc\xC3\xAA"
                  "f",
                  5),
            "abc\xC3\xAA");
  EXPECT_EQ(label(std::string(1000, 'x')).size(), 128U);
  EXPECT_EQ(label("abc d", 4), "abc");
}

TEST_F(TextTest, LowerCaseIsAsciiOnly) {
  EXPECT_EQ(lower_case("EXAMPLE.Vn\xC3\x8A", arena_), "example.vn\xC3\x8A");
  EXPECT_EQ(lower_case("", arena_), "");
}

}  // namespace
}  // namespace footfall::ingest
