// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"

#include <array>

namespace footfall::api {

namespace {

// In the order of Route.
constexpr std::array<std::string_view, static_cast<std::size_t>(Route::count_)> kNames{
    "none",        "hit",        "hit_gif",
    "batch",       "stats",      "pages",
    "series",      "top",        "refusals",
    "live",        "sites",      "widget_html",
    "widget_svg",  "widget_png", "widget_text",
    "widget_json", "script",     "theme_script",
    "site_page",   "sites_page", "asset",
    "robots",      "favicon",    "livez",
    "readyz",      "preflight",  "method_not_allowed"};

Target of(Route route) {
  return {route, {}, {}, route};
}

Target of_site(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  if (slash == 0 || slash == std::string_view::npos) return {};
  const std::string_view site = rest.substr(0, slash);
  const std::string_view what = rest.substr(slash + 1);
  if (what == "stats") return {Route::stats, site, {}, Route::stats};
  if (what == "live") return {Route::live, site, {}, Route::live};
  if (what == "pages") return {Route::pages, site, {}, Route::pages};
  if (what == "series") return {Route::series, site, {}, Route::series};
  if (what == "refusals") return {Route::refusals, site, {}, Route::refusals};
  if (what.starts_with("top/")) return {Route::top, site, what.substr(4), Route::top};
  return {};
}

// A site's name never ends in one of these extensions (sites::valid_site_name).
Target of_widget(std::string_view rest) {
  if (rest.empty() || rest.find('/') != std::string_view::npos) return {};
  const auto without = [rest](std::string_view extension) { return rest.substr(0, rest.size() - extension.size()); };
  Target target{Route::widget_html, rest, {}, Route::widget_html};
  if (rest.ends_with(".svg")) target = {Route::widget_svg, without(".svg"), {}, Route::widget_svg};
  if (rest.ends_with(".png")) target = {Route::widget_png, without(".png"), {}, Route::widget_png};
  if (rest.ends_with(".txt")) target = {Route::widget_text, without(".txt"), {}, Route::widget_text};
  if (rest.ends_with(".json")) target = {Route::widget_json, without(".json"), {}, Route::widget_json};
  return target.site.empty() ? Target{} : target;
}

// What stands behind `begin`, if it is one step of a path.
std::string_view step_after(std::string_view path, std::string_view begin) {
  if (!path.starts_with(begin)) return {};
  const std::string_view rest = path.substr(begin.size());
  return rest.find('/') == std::string_view::npos ? rest : std::string_view();
}

Target of_path(std::string_view path) {
  constexpr std::string_view kSites = "/v1/sites/";
  constexpr std::string_view kWidget = "/widget/";
  if (path == "/hit") return of(Route::hit);
  if (path == "/hit.gif") return of(Route::hit_gif);
  if (path == "/v1/hits") return of(Route::batch);
  if (path.starts_with(kSites)) return of_site(path.substr(kSites.size()));
  if (path == "/v1/sites") return of(Route::sites);
  if (path.starts_with(kWidget)) return of_widget(path.substr(kWidget.size()));
  if (path == "/footfall.js") return of(Route::script);
  if (path == "/themes.js") return of(Route::theme_script);
  if (path == "/") return of(Route::sites_page);
  if (const std::string_view site = step_after(path, "/sites/"); !site.empty())
    return {Route::site_page, site, {}, Route::site_page};
  if (const std::string_view name = step_after(path, "/assets/"); !name.empty())
    return {Route::asset, {}, name, Route::asset};
  if (path == "/livez") return of(Route::livez);
  if (path == "/readyz") return of(Route::readyz);
  return {};
}

Target of_renamed(std::string_view path, std::string_view script_name) {
  if (script_name.empty() || !path.starts_with('/') || !path.substr(1).starts_with(script_name)) return {};
  const std::string_view rest = path.substr(1 + script_name.size());
  if (rest.empty()) return of(Route::hit);
  if (rest == ".gif") return of(Route::hit_gif);
  if (rest == ".js") return of(Route::script);
  return {};
}

// What is asked for at the root of a host, whatever the prefix is.
Target of_root(std::string_view path) {
  if (path == "/robots.txt") return of(Route::robots);
  if (path == "/favicon.ico") return of(Route::favicon);
  return {};
}

bool fits(http::Method method, Route resource) {
  switch (resource) {
    case Route::hit:
      return method == http::Method::get || method == http::Method::post;  // HEAD would count unseen
    case Route::hit_gif:
    case Route::live:
      return method == http::Method::get;
    case Route::batch:
      return method == http::Method::post;
    default:
      return method == http::Method::get || method == http::Method::head;
  }
}

}  // namespace

std::string_view name_of(Route route) {
  return kNames.at(static_cast<std::size_t>(route));
}

bool is_file(Route route) {
  return route == Route::script || route == Route::theme_script || route == Route::site_page ||
         route == Route::sites_page || route == Route::asset;
}

Target route_of(http::Method method, std::string_view path, std::string_view base_path, std::string_view script_name) {
  Target target;
  if (path.starts_with(base_path)) {
    target = of_path(path.substr(base_path.size()));
    if (target.resource == Route::none) target = of_renamed(path.substr(base_path.size()), script_name);
  }
  if (target.resource == Route::none) target = of_root(path);
  if (target.resource == Route::none) return target;
  if (method == http::Method::options) {
    target.route = Route::preflight;
  } else if (!fits(method, target.resource)) {
    target.route = Route::method_not_allowed;
  }
  return target;
}

std::string_view allowed_methods(Route resource) {
  switch (resource) {
    case Route::none:
      return "";
    case Route::hit:
      return "GET, POST, OPTIONS";
    case Route::hit_gif:
    case Route::live:
      return "GET, OPTIONS";
    case Route::batch:
      return "POST, OPTIONS";
    default:
      return "GET, HEAD, OPTIONS";
  }
}

}  // namespace footfall::api
