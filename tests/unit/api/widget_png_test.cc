// SPDX-License-Identifier: Apache-2.0
// The pictures are decoded, and the digits that are in their pixels are read by their shapes.
#include "api/widget_png.h"

#include <random>

#include "api/pixel_digits.h"
#include "unit/api/golden.h"
#include "unit/api/png_reader.h"

namespace footfall::api {
namespace {

WidgetLine line(std::string text, Shown shown = Shown::total) {
  return {shown, 0, std::move(text), "", "a number"};
}
ReadPng drawn(std::vector<WidgetLine> lines, std::string_view query = "") {
  const base::Result<WidgetOptions> options = widget_options(query, WidgetFormat::png, {});
  EXPECT_TRUE(options);
  return read_png(widget_png(*options, lines));
}
std::string art(const ReadPng& png) {
  return png.art(".+#o");
}

// The glyphs in a band of rows, from left to right: at each place the widest one whose pixels are exactly there.
template <std::size_t Height>
std::string read_row(const ReadPng& png, unsigned top, const std::array<PixelGlyph<Height>, 13>& face, unsigned gap) {
  const auto is_at = [&](const PixelGlyph<Height>& glyph, std::size_t x) {
    for (std::size_t row = 0; row < Height; ++row) {
      for (std::size_t column = 0; column < glyph[row].size(); ++column) {
        const bool inside = x + column < png.width - 1;
        const bool ink = inside && png.rows[top + row][x + column] == '0' + kDigit;
        if (!inside || ink != (glyph[row][column] == '#')) return false;
      }
    }
    return true;
  };
  std::string text;
  std::size_t blank = 0;
  for (std::size_t x = 1; x < png.width - 1;) {
    std::size_t best = kPixelGlyphs.size() - 1;  // a space
    for (std::size_t i = 0; i + 1 < face.size(); ++i) {
      if (is_at(face[i], x) && (best + 1 == face.size() || face[i][0].size() > face[best][0].size())) best = i;
    }
    if (best + 1 == face.size()) {
      ++blank, ++x;
      continue;
    }
    if (!text.empty() && blank > gap + 1) text += ' ';
    text += kPixelGlyphs[best];
    x += face[best][0].size();
    blank = 0;
  }
  return text;
}
std::string read_large(const ReadPng& png, unsigned top) {
  return read_row(png, top, kLargeDigits, 2);
}
std::string read_small(const ReadPng& png, unsigned top) {
  return read_row(png, top + 2, kSmallDigits, 1);
}

TEST(WidgetPng, TwoNumbersFillTheSizeThatCountersAlwaysHad) {
  const ReadPng png = drawn({line("41450791"), line("048", Shown::online)});
  EXPECT_EQ(png.width, 88U);
  EXPECT_EQ(png.height, 31U);
  EXPECT_EQ(read_large(png, 3), "41450791");
  EXPECT_EQ(read_large(png, 17), "048");
  expect_golden("counter.png.txt", art(png));
}

TEST(WidgetPng, OneNumberStandsInTheMiddle) {
  const ReadPng png = drawn({line("00001234")});
  EXPECT_EQ(png.height, 31U);
  EXPECT_EQ(read_large(png, 10), "00001234");
}

TEST(WidgetPng, AnyNumberReadsBackInBothSizesAndGroupings) {
  const unsigned rng_seed = std::random_device{}();
  SCOPED_TRACE("rng_seed " + std::to_string(rng_seed));
  std::mt19937_64 rng(rng_seed);
  for (unsigned round = 0; round < 200; ++round) {
    const std::uint64_t number = rng() >> rng() % 64;
    for (const sites::Grouping grouping :
         {sites::Grouping::none, sites::Grouping::comma, sites::Grouping::dot, sites::Grouping::space}) {
      const std::string text = sites::group_digits(number, grouping);
      const ReadPng png = drawn({line(text)});
      const bool small = read_small(png, 10) == text;
      ASSERT_TRUE(small || read_large(png, 10) == text) << text << "\n" << art(png);
      EXPECT_TRUE(!small || text.size() > 8) << "small without need: " << text;
      EXPECT_GE(png.width, 88U);
    }
  }
}

TEST(WidgetPng, WhatIsTooLongForTheSmallDigitsMakesItWider) {
  const ReadPng png = drawn({line("18446744073709551615"), line("999", Shown::online)});
  EXPECT_EQ(png.width, 20 * 6 - 1 + 2 * 4U);
  EXPECT_EQ(read_small(png, 3), "18446744073709551615");
  EXPECT_EQ(read_small(png, 17), "999");
}

TEST(WidgetPng, MoreRowsMakeItHigher) {
  const ReadPng png = drawn({line("1"), line("2"), line("3"), line("4")});
  EXPECT_EQ(png.height, 31 + 2 * 14U);
  for (unsigned row = 0; row < 4; ++row) EXPECT_EQ(read_large(png, 3 + row * 14), std::to_string(row + 1));
}

TEST(WidgetPng, ScaleMakesEachPixelASquare) {
  const ReadPng once = drawn({line("41450791")});
  const ReadPng thrice = drawn({line("41450791")}, "scale=3");
  ASSERT_EQ(thrice.width, 264U);
  ASSERT_EQ(thrice.height, 93U);
  for (unsigned y = 0; y < thrice.height; ++y) {
    for (unsigned x = 0; x < thrice.width; ++x) ASSERT_EQ(thrice.rows[y][x], once.rows[y / 3][x / 3]);
  }
}

TEST(WidgetPng, ThemeAndColourAreThePalette) {
  const auto palette = [](std::string_view query) { return drawn({line("1")}, query).palette; };
  const WidgetLook dark = look_of(WidgetTheme::dark, nullptr);
  const WidgetLook light = look_of(WidgetTheme::light, nullptr);
  EXPECT_EQ(palette(""), (std::vector{dark.box, dark.edge, dark.digit, dark.point}));
  EXPECT_EQ(palette("theme=auto"), palette(""));
  EXPECT_EQ(palette("theme=light"), (std::vector{light.box, light.edge, light.digit, light.point}));
  EXPECT_EQ(palette("color=green").at(kDigit), 0x56d364U);
  EXPECT_EQ(palette("color=green&theme=light").at(kDigit), 0x1a7f37U);
}

TEST(WidgetPng, WithoutANumberThereAreDashes) {
  expect_golden("notice.png.txt", art(read_png(notice_png())));
}

}  // namespace
}  // namespace footfall::api
