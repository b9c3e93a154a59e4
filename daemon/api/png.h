// SPDX-License-Identifier: Apache-2.0
// Canvas: a small picture of up to four colours, and its bytes as PNG (ISO 15948): a palette, two bits for a pixel.
// zlib does the deflating. Tested by tests/unit/api/png_test.cc, which decodes them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "api/widget_look.h"

namespace footfall::api {

inline constexpr std::size_t kPaletteMax = 4;
using Palette = std::array<Rgb, kPaletteMax>;

class Canvas {
 public:
  // All of colour 0.
  Canvas(unsigned width, unsigned height) : width_(width), height_(height), pixels_(std::size_t{width} * height) {}

  unsigned width() const { return width_; }
  unsigned height() const { return height_; }
  std::uint8_t at(unsigned x, unsigned y) const { return pixels_.at(std::size_t{y} * width_ + x); }
  // REQUIRES: inside, and a colour of the palette.
  void set(unsigned x, unsigned y, std::uint8_t colour) { pixels_.at(std::size_t{y} * width_ + x) = colour; }
  void fill(unsigned x, unsigned y, unsigned width, unsigned height, std::uint8_t colour);
  // Each pixel as a square of `scale` by `scale`.
  Canvas scaled(unsigned scale) const;

 private:
  unsigned width_, height_;
  std::vector<std::uint8_t> pixels_;  // row by row
};

std::string encode_png(const Canvas& canvas, const Palette& palette);

}  // namespace footfall::api
