// SPDX-License-Identifier: Apache-2.0
// The counter for people: /widget/S as HTML for an iframe, .svg, .txt and .json (also shields.io's endpoint schema).
// Query: lang=vi|en, show=total,online,today,month,year,visitors,peak, style=plain|badge, label.
//
//   text    Tổng số lượt truy cập: 41.450.791      one line for each of `show`
//           Số người đang truy cập: 48
//   svg     plain: the same lines as a picture; badge: a flat label and value of the first of `show`
//   html    the same lines, loaded anew every 30 s without a script
//   json    the numbers and their texts; style=badge: shields.io's schema alone, which refuses unknown members
//
// Tested by tests/unit/api/widget_test.cc: the seed page's two lines to the byte.
#pragma once

#include <string>
#include <string_view>

#include "api/read_context.h"
#include "base/errors.h"

namespace footfall::api {

enum class WidgetFormat : std::uint8_t { html, svg, text, json };

struct Widget {
  std::string body;
  std::string_view content_type;
  std::string_view security_fields;  // complete header lines
  std::string_view cache_control;
};
// What the caller may not read is left out; denied when nothing is left. malformed names the key.
base::Result<Widget> widget(const ReadContext& context, WidgetFormat format, std::string_view query);

// A picture of one line of text, which nobody caches: what is shown where the counter cannot be.
Widget picture_of(std::string_view words);

}  // namespace footfall::api
