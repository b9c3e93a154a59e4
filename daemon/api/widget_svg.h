// SPDX-License-Identifier: Apache-2.0
// The counter as an SVG picture. Colours are in a style of its own, so that theme=auto can follow the visitor's system.
//
//   plain    Tổng số lượt truy cập: 41.450.791     a line for each number, on the page's ground
//   badge    [ Tổng số lượt truy cập | 41.450.791 ]   flat, one beside another
//   digits   [4][1][4][5][0][7][9][1]                each in a box, as old counters had them
//
// Widths of text are estimated, and textLength makes the text fit. Tested by tests/unit/api/widget_test.cc against
// tests/unit/api/golden/, and looked at by tests/browser/widget_test.py.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/widget_line.h"
#include "api/widget_options.h"

namespace footfall::api {

// REQUIRES: at least one line.
std::string widget_svg(const WidgetOptions& options, std::span<const WidgetLine> lines);
// A picture of one line of text.
std::string notice_svg(std::string_view words);

}  // namespace footfall::api
