// SPDX-License-Identifier: Apache-2.0
#include "api/png.h"

#include <random>

#include "unit/api/png_reader.h"

namespace footfall::api {
namespace {

constexpr Palette kPalette{0x010203, 0xffffff, 0xff0080, 0x00ff00};

TEST(Png, IsOneOfEachChunkAndAPalette) {
  const ReadPng png = read_png(encode_png(Canvas(3, 2), kPalette));
  EXPECT_EQ(png.chunks, (std::vector<std::string>{"IHDR", "PLTE", "IDAT", "IEND"}));
  EXPECT_EQ(png.width, 3U);
  EXPECT_EQ(png.height, 2U);
  EXPECT_EQ(png.palette, (std::vector<std::uint32_t>{0x010203, 0xffffff, 0xff0080, 0x00ff00}));
}

TEST(Png, PixelsAreWhereTheyWereSet) {
  Canvas canvas(5, 3);
  canvas.set(0, 0, 1);
  canvas.set(4, 0, 2);
  canvas.fill(1, 1, 2, 2, 3);
  EXPECT_EQ(read_png(encode_png(canvas, kPalette)).art(".x#o"), "x...#\n.oo..\n.oo..\n");
}

TEST(Png, OfAnyWidthAndContentReadsBackAsItWas) {
  const unsigned rng_seed = std::random_device{}();
  SCOPED_TRACE("rng_seed " + std::to_string(rng_seed));
  std::mt19937 rng(rng_seed);
  const auto below = [&rng](unsigned n) { return static_cast<unsigned>(rng() % n); };
  for (unsigned round = 0; round < 50; ++round) {
    Canvas canvas(1 + below(40), 1 + below(20));
    std::string expected;
    for (unsigned y = 0; y < canvas.height(); ++y) {
      for (unsigned x = 0; x < canvas.width(); ++x) {
        const auto colour = static_cast<std::uint8_t>(below(kPaletteMax));
        canvas.set(x, y, colour);
        expected += static_cast<char>('0' + colour);
      }
      expected += '\n';
    }
    ASSERT_EQ(read_png(encode_png(canvas, kPalette)).art("0123"), expected);
  }
}

TEST(Png, ScaledPixelsAreSquares) {
  Canvas canvas(2, 2);
  canvas.set(1, 0, 2);
  EXPECT_EQ(read_png(encode_png(canvas.scaled(2), kPalette)).art(".x#o"), "..##\n..##\n....\n....\n");
}

}  // namespace
}  // namespace footfall::api
