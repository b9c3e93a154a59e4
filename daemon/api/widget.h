// SPDX-License-Identifier: Apache-2.0
// The counter for people: /widget/S as HTML for an iframe, .svg, .txt and .json (also shields.io's endpoint schema).
// Query: lang=vi|en, show=total,online,today,month,year,visitors,peak, style=plain|badge, label.
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
  std::string_view security_fields;  // complete header lines (CSP, nosniff, CORP)
};
base::Result<Widget> widget(const ReadContext& context, WidgetFormat format, std::string_view query);

}  // namespace footfall::api
