// SPDX-License-Identifier: Apache-2.0
// The counter's colours: a list of names, so that nothing of the caller's gets into a style; each in a tone for light
// grounds and one for dark ones, at a contrast of 4.5 : 1 or more.
// Tested by tests/unit/api/widget_look_test.cc, which computes the contrasts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace footfall::api {

using Rgb = std::uint32_t;       // 0xRRGGBB
std::string hex_of(Rgb colour);  // "#0b6bcb"

// neutral: reads on light and dark alike, where no colour is asked for; automatic: as the visitor's system has it.
enum class WidgetTheme : std::uint8_t { neutral, light, dark, automatic };

struct WidgetColour {
  std::string_view name;  // also one of CSS and of shields.io
  Rgb on_light, on_dark;
};
inline constexpr std::array<WidgetColour, 8> kWidgetColours{{{"black", 0x1f2328, 0xf0f3f6},
                                                             {"blue", 0x0b6bcb, 0x6cb6ff},
                                                             {"green", 0x1a7f37, 0x56d364},
                                                             {"grey", 0x595f66, 0xadb5bd},
                                                             {"orange", 0xb0480a, 0xffb454},
                                                             {"purple", 0x7c3aed, 0xc4a7ff},
                                                             {"red", 0xc1272d, 0xff8f87},
                                                             {"teal", 0x0f766e, 0x4fd1c5}}};

// What is drawn on a ground of one kind.
struct WidgetLook {
  Rgb text;                     // of plain lines, and labels beside digits; the ground is the page's
  Rgb label_box, label_text;    // of a badge
  Rgb value_box, value_text;    // of a badge
  Rgb box, edge, digit, point;  // of digits; the point stands before who is online
};
// REQUIRES: theme is not automatic. `colour` nullptr: each style's own.
WidgetLook look_of(WidgetTheme theme, const WidgetColour* colour);

}  // namespace footfall::api
