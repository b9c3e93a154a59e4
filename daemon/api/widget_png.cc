// SPDX-License-Identifier: Apache-2.0
#include "api/widget_png.h"

#include <algorithm>
#include <string_view>

#include "api/pixel_digits.h"

namespace footfall::api {

namespace {

constexpr unsigned kMargin = 4;     // left and right
constexpr unsigned kRowPitch = 14;  // from one row to the next
constexpr unsigned kPointSize = 4;
constexpr unsigned kPointWidth = 7;  // with the gap behind it

// One of the two sizes of digits.
struct Face {
  unsigned height;
  unsigned gap;  // between glyphs
  std::span<const std::string_view> (*rows)(char c);
};

template <const auto& Digits>
std::span<const std::string_view> rows_in(char c) {
  return Digits[std::min(kPixelGlyphs.find(c), kPixelGlyphs.size() - 1)];
}
constexpr Face kLarge{11, 2, rows_in<kLargeDigits>};
constexpr Face kSmall{7, 1, rows_in<kSmallDigits>};

unsigned width_of(const Face& face, std::string_view text) {
  unsigned width = 0;
  for (const char c : text) width += static_cast<unsigned>(face.rows(c).front().size()) + face.gap;
  return width - std::min(width, face.gap);
}

unsigned width_of(const Face& face, const WidgetLine& line) {
  return width_of(face, line.text) + (line.shown == Shown::online ? kPointWidth : 0);
}

void draw(Canvas& canvas, const Face& face, std::string_view text, unsigned x, unsigned y) {
  for (const char c : text) {
    const std::span<const std::string_view> rows = face.rows(c);
    for (unsigned row = 0; row < rows.size(); ++row) {
      for (unsigned column = 0; column < rows[row].size(); ++column) {
        if (rows[row][column] == '#') canvas.set(x + column, y + row, kDigit);
      }
    }
    x += static_cast<unsigned>(rows.front().size()) + face.gap;
  }
}

Canvas framed(unsigned width, unsigned height) {
  Canvas canvas(width, height);
  canvas.fill(0, 0, width, 1, kEdge);
  canvas.fill(0, height - 1, width, 1, kEdge);
  canvas.fill(0, 0, 1, height, kEdge);
  canvas.fill(width - 1, 0, 1, height, kEdge);
  return canvas;
}

Palette palette_of(WidgetTheme theme, const WidgetColour* colour) {
  // A picture of pixels does not know what the visitor's system has.
  const WidgetLook look = look_of(theme == WidgetTheme::automatic ? WidgetTheme::neutral : theme, colour);
  return {look.box, look.edge, look.digit, look.point};
}

}  // namespace

Canvas widget_canvas(std::span<const WidgetLine> lines) {
  const auto widest = [lines](const Face& face) {
    unsigned width = 0;
    for (const WidgetLine& line : lines) width = std::max(width, width_of(face, line));
    return width + 2 * kMargin;
  };
  const Face& face = widest(kLarge) <= kCounterWidth ? kLarge : kSmall;
  const auto rows = static_cast<unsigned>(lines.size());
  Canvas canvas = framed(std::max(kCounterWidth, widest(face)), rows <= 2 ? kCounterHeight : 3 + rows * kRowPitch);
  unsigned y = rows == 1 ? (kCounterHeight - kLarge.height) / 2 : 3;
  for (const WidgetLine& line : lines) {
    const unsigned top = y + (kLarge.height - face.height) / 2;
    draw(canvas, face, line.text, canvas.width() - kMargin - width_of(face, line.text), top);
    if (line.shown == Shown::online) {
      canvas.fill(kMargin, y + (kLarge.height - kPointSize) / 2, kPointSize, kPointSize, kPoint);
    }
    y += kRowPitch;
  }
  return canvas;
}

std::string widget_png(const WidgetOptions& options, std::span<const WidgetLine> lines) {
  const Canvas canvas = widget_canvas(lines);
  return encode_png(options.scale == 1 ? canvas : canvas.scaled(options.scale),
                    palette_of(options.theme, options.colour));
}

std::string notice_png() {
  Canvas canvas = framed(kCounterWidth, kCounterHeight);
  for (unsigned dash = 0; dash < 3; ++dash) canvas.fill(29 + dash * 12, 15, 7, 2, kDigit);
  return encode_png(canvas, palette_of(WidgetTheme::neutral, nullptr));
}

}  // namespace footfall::api
