// SPDX-License-Identifier: Apache-2.0
// The counter as a page for an iframe. Each 30 s a small script asks for the page again and takes its list: a page
// that loads itself anew takes a reader's place away. Its policy allows this script alone, by its hash; where none
// runs a meta element loads the page. Its ground is the embedding page's, seen through. A theme declares its
// color-scheme, with which a browser paints an opaque ground of the theme's own wherever the embedding page has the
// other one: what is written stays readable. Tested by tests/unit/api/widget_test.cc against tests/unit/api/golden/,
// and looked at by tests/browser/widget_test.py.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/widget_line.h"
#include "api/widget_options.h"

namespace footfall::api {

std::string widget_html(const WidgetOptions& options, std::string_view site, std::span<const WidgetLine> lines);

}  // namespace footfall::api
