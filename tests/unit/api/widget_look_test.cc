// SPDX-License-Identifier: Apache-2.0
// WCAG 2.2, 1.4.3: text has a contrast of 4.5 : 1 to its ground.
#include "api/widget_look.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace footfall::api {
namespace {

double luminance(Rgb colour) {
  const auto linear = [](unsigned part) {
    const double c = part / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour >> 16U & 0xFFU) + 0.7152 * linear(colour >> 8U & 0xFFU) +
         0.0722 * linear(colour & 0xFFU);
}
double contrast(Rgb a, Rgb b) {
  const double light = std::max(luminance(a), luminance(b));
  const double dark = std::min(luminance(a), luminance(b));
  return (light + 0.05) / (dark + 0.05);
}
constexpr double kReadable = 4.5;
constexpr Rgb kWhite = 0xffffff;
constexpr Rgb kBlack = 0x000000;
constexpr Rgb kDarkGround = 0x121212;  // of browsers

TEST(WidgetLook, EachColourReadsInEachTheme) {
  for (const WidgetTheme theme : {WidgetTheme::neutral, WidgetTheme::light, WidgetTheme::dark}) {
    for (std::size_t i = 0; i <= kWidgetColours.size(); ++i) {
      const WidgetColour* colour = i < kWidgetColours.size() ? &kWidgetColours.at(i) : nullptr;
      const WidgetLook look = look_of(theme, colour);
      SCOPED_TRACE(std::to_string(static_cast<int>(theme)) + " " + (colour ? std::string(colour->name) : "own"));
      EXPECT_GE(contrast(look.label_text, look.label_box), kReadable);
      EXPECT_GE(contrast(look.value_text, look.value_box), kReadable);
      EXPECT_GE(contrast(look.digit, look.box), kReadable);
      EXPECT_GE(contrast(look.point, look.box), 3.0);  // 1.4.11: no text
      if (theme != WidgetTheme::dark) {
        EXPECT_GE(contrast(look.text, kWhite), kReadable);
      }
      if (theme == WidgetTheme::dark) {
        EXPECT_GE(contrast(look.text, kDarkGround), kReadable);
      }
      if (theme == WidgetTheme::neutral && colour == nullptr) {
        EXPECT_GE(contrast(look.text, kBlack), kReadable);
      }
    }
  }
}

TEST(WidgetLook, ColoursAreWrittenAsCssReadsThem) {
  EXPECT_EQ(hex_of(0x0b6bcb), "#0b6bcb");
  EXPECT_EQ(hex_of(0), "#000000");
}

}  // namespace
}  // namespace footfall::api
