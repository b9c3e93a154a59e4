// SPDX-License-Identifier: Apache-2.0
// The counter for people: /widget/S as HTML for an iframe, .svg, .png, .txt and .json (also shields.io's endpoint
// schema). What may be asked for is in widget_options.h.
//
//   text    Tổng số lượt truy cập: 41.450.791      one line for each number; with labels=none the number alone
//           Số người đang truy cập: 48
//   svg, html, png   widget_svg.h, widget_html.h, widget_png.h
//   json    the numbers and their texts; style=badge: shields.io's schema alone, which refuses unknown members
//
// Tested by tests/unit/api/widget_test.cc: the seed page's two lines to the byte.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/read_context.h"
#include "api/widget_options.h"
#include "base/errors.h"

namespace footfall::api {

struct Widget {
  std::string body;
  std::string_view content_type;
  std::string_view security_fields;  // complete header lines
  std::string_view cache_control;
};

// Three steps, so that what was rendered can be used again while the numbers stay (WidgetCache).
// What is asked for, and the caller may read: the rest is left out of `show`. malformed names the key; denied when
// nothing is left.
base::Result<WidgetOptions> widget_options_for(const ReadContext& context, WidgetFormat format, std::string_view query);
// Of one moment, in the order of `show`.
std::vector<std::uint64_t> widget_numbers(const ReadContext& context, std::span<const Shown> show);
// REQUIRES: a number for each of options.show.
Widget render_widget(const ReadContext& context, WidgetFormat format, const WidgetOptions& options,
                     std::span<const std::uint64_t> numbers);

// What is shown where the counter cannot be, and nobody caches: a picture of one line of text; one with dashes.
Widget picture_of(std::string_view words);
Widget empty_counter();

}  // namespace footfall::api
