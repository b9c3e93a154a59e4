// SPDX-License-Identifier: Apache-2.0
// The counter as a PNG picture of 88 by 31 pixels, the size that such counters always had: digits alone, a row for each
// number, a point before who is online.
//
//     +------------------------+      Larger by scale=, by more than two rows, and where a number is too long for the
//     |            41450791    |      small digits (from 13 on).
//     | o               048    |
//     +------------------------+
//
// Tested by tests/unit/api/widget_png_test.cc, which reads the digits back.
#pragma once

#include <span>
#include <string>

#include "api/png.h"
#include "api/widget_line.h"
#include "api/widget_options.h"

namespace footfall::api {

inline constexpr unsigned kCounterWidth = 88;
inline constexpr unsigned kCounterHeight = 31;

// Colours of its canvas: ground, edge, digits, point.
enum CounterInk : std::uint8_t { kGround, kEdge, kDigit, kPoint };

// Before it is scaled.
Canvas widget_canvas(std::span<const WidgetLine> lines);
std::string widget_png(const WidgetOptions& options, std::span<const WidgetLine> lines);
// The same with dashes: there is no number to show.
std::string notice_png();

}  // namespace footfall::api
