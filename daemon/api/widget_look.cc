// SPDX-License-Identifier: Apache-2.0
#include "api/widget_look.h"

#include <cstdio>

namespace footfall::api {

namespace {

constexpr WidgetColour kInk = kWidgetColours[0];
constexpr WidgetColour kBadge = kWidgetColours[1];
constexpr WidgetColour kOnline = kWidgetColours[2];

constexpr Rgb kLightText = 0x333333;
constexpr Rgb kDarkText = 0xdddddd;
constexpr Rgb kTextOnBoth = 0x767676;
constexpr Rgb kWhite = 0xffffff;

}  // namespace

std::string hex_of(Rgb colour) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "#%06x", colour & 0xFFFFFFU);
  return text.data();
}

WidgetLook look_of(WidgetTheme theme, const WidgetColour* colour) {
  const WidgetColour& digits = colour != nullptr ? *colour : kInk;
  const WidgetColour& badge = colour != nullptr ? *colour : kBadge;
  // A badge brings its ground along, and old counters were dark ones: both look the same wherever they are.
  WidgetLook look{colour != nullptr ? colour->on_light : kTextOnBoth,
                  0x555555,
                  kWhite,
                  badge.on_light,
                  kWhite,
                  0x161b22,
                  0x30363d,
                  digits.on_dark,
                  kOnline.on_dark};
  if (theme == WidgetTheme::light) {
    look.text = colour != nullptr ? colour->on_light : kLightText;
    look.box = 0xf6f8fa;
    look.edge = 0xc4ccd4;
    look.digit = digits.on_light;
    look.point = kOnline.on_light;
  } else if (theme == WidgetTheme::dark) {
    look.text = colour != nullptr ? colour->on_dark : kDarkText;
    look.label_box = 0x30363d;
  }
  return look;
}

}  // namespace footfall::api
