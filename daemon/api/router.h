// SPDX-License-Identifier: Apache-2.0
// Router: a target to a route and what it names. No allocation; the hit routes are tried first.
// Tested by tests/unit/api/router_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/request.h"

namespace footfall::api {

enum class Route : std::uint8_t {
  none,
  hit,
  hit_gif,
  batch,
  stats,
  pages,
  series,
  top,
  refusals,
  live,
  sites,
  widget_html,
  widget_svg,
  widget_png,
  widget_text,
  widget_json,
  script,
  theme_script,
  site_page,
  sites_page,
  asset,
  robots,
  favicon,
  livez,
  readyz,
  preflight,
  method_not_allowed,
  count_
};
// The `route` of footfall_http_requests_total.
std::string_view name_of(Route route);
// It is answered with a file of the program, or with 304.
bool is_file(Route route);

struct Target {
  Route route = Route::none;
  std::string_view site;         // as in the path; site names need no decoding
  std::string_view part;         // of top: the dimension; of asset: its name
  Route resource = Route::none;  // what the path names: the same, but where route is preflight or method_not_allowed
};
// `base_path` is "" or "/prefix"; a target outside it is none, but for /robots.txt and /favicon.ico. OPTIONS of a known
// path is preflight. Where `script_name` is "NAME" and not empty, NAME.js, NAME and NAME.gif are the script, hit and
// hit.gif under another name, beside their own.
Target route_of(http::Method method, std::string_view path, std::string_view base_path,
                std::string_view script_name = {});
std::string_view allowed_methods(Route resource);  // for 405's Allow and for preflights

}  // namespace footfall::api
