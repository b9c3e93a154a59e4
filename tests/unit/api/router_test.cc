// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"

#include <gtest/gtest.h>

#include <set>

namespace footfall::api {
namespace {

using http::Method;

void expect(Method method, std::string_view path, Route route, std::string_view site = "") {
  const Target target = route_of(method, path, "");
  EXPECT_EQ(target.route, route) << path << " gave " << name_of(target.route);
  EXPECT_EQ(target.site, site) << path;
}

TEST(Router, FindsEveryRoute) {
  expect(Method::get, "/hit", Route::hit);
  expect(Method::post, "/hit", Route::hit);
  expect(Method::get, "/hit.gif", Route::hit_gif);
  expect(Method::post, "/v1/hits", Route::batch);
  expect(Method::get, "/v1/sites/example.vn/stats", Route::stats, "example.vn");
  expect(Method::head, "/v1/sites/example.vn/pages", Route::pages, "example.vn");
  expect(Method::get, "/v1/sites/example.vn/series", Route::series, "example.vn");
  expect(Method::get, "/v1/sites/example.vn/live", Route::live, "example.vn");
  expect(Method::get, "/v1/sites/example.vn/top/pages", Route::top, "example.vn");
  expect(Method::get, "/v1/sites/example.vn/refusals", Route::refusals, "example.vn");
  expect(Method::get, "/v1/sites", Route::sites);
  expect(Method::get, "/", Route::sites_page);
  expect(Method::get, "/sites/example.vn", Route::site_page, "example.vn");
  expect(Method::head, "/assets/dashboard.0123.js", Route::asset);
  expect(Method::get, "/widget/example.vn", Route::widget_html, "example.vn");
  expect(Method::get, "/widget/example.vn.svg", Route::widget_svg, "example.vn");
  expect(Method::get, "/widget/example.vn.png", Route::widget_png, "example.vn");
  expect(Method::get, "/widget/example.vn.txt", Route::widget_text, "example.vn");
  expect(Method::get, "/widget/example.vn.json", Route::widget_json, "example.vn");
  expect(Method::get, "/footfall.js", Route::script);
  expect(Method::get, "/themes.js", Route::theme_script);
  expect(Method::get, "/robots.txt", Route::robots);
  expect(Method::head, "/favicon.ico", Route::favicon);
  expect(Method::get, "/livez", Route::livez);
  expect(Method::head, "/readyz", Route::readyz);
}

TEST(Router, TheScriptAndItsPingsMayHaveANameOfTheirOwnBesideTheStandardOne) {
  const auto route = [](Method method, std::string_view path) { return route_of(method, path, "/x", "dem").route; };
  EXPECT_EQ(route(Method::get, "/x/dem.js"), Route::script);
  EXPECT_EQ(route(Method::post, "/x/dem"), Route::hit);
  EXPECT_EQ(route(Method::get, "/x/dem.gif"), Route::hit_gif);
  EXPECT_EQ(route(Method::options, "/x/dem"), Route::preflight);
  EXPECT_EQ(route(Method::post, "/x/dem.gif"), Route::method_not_allowed);
  EXPECT_EQ(route(Method::get, "/x/footfall.js"), Route::script);
  EXPECT_EQ(route(Method::get, "/x/hit"), Route::hit);
  for (const std::string_view path : {"/x", "/x/de", "/x/dema", "/x/dem.jsx", "/x/dem/", "/dem", "/xdem"})
    EXPECT_EQ(route(Method::get, path), Route::none) << path;
  EXPECT_EQ(route_of(Method::get, "/.js", "").route, Route::none);
}

TEST(Router, NamesThePartOfWhatHasParts) {
  EXPECT_EQ(route_of(Method::get, "/v1/sites/a/top/referrers", "").part, "referrers");
  EXPECT_EQ(route_of(Method::get, "/assets/dashboard.0123.css", "").part, "dashboard.0123.css");
  EXPECT_EQ(route_of(Method::get, "/x/", "/x").route, Route::sites_page);
}

TEST(Router, WhatIsNotThereIsNone) {
  for (const std::string_view path : {"",
                                      "//",
                                      "/sites",
                                      "/sites/",
                                      "/sites/a/b",
                                      "/assets/",
                                      "/assets/a/b",
                                      "/hi",
                                      "/hits",
                                      "/hit/",
                                      "/HIT",
                                      "/v1/sites/",
                                      "/v1/sites//stats",
                                      "/v1/sites/a",
                                      "/v1/sites/a/",
                                      "/v1/sites/a/stats/",
                                      "/v1/sites/a/top",
                                      "/widget/",
                                      "/widget/.svg",
                                      "/widget/.png",
                                      "/widget/a/b",
                                      "/metrics",
                                      "/v1/admin/sites"}) {
    expect(Method::get, path, Route::none);
    expect(Method::options, path, Route::none);
  }
}

TEST(Router, AMethodThatDoesNotFitNamesTheResource) {
  const Target target = route_of(Method::delete_, "/v1/sites/a/stats", "");
  EXPECT_EQ(target.route, Route::method_not_allowed);
  EXPECT_EQ(target.resource, Route::stats);
  EXPECT_EQ(allowed_methods(target.resource), "GET, HEAD, OPTIONS");
  EXPECT_EQ(route_of(Method::get, "/v1/hits", "").route, Route::method_not_allowed);
  EXPECT_EQ(route_of(Method::head, "/hit", "").route, Route::method_not_allowed);
  EXPECT_EQ(route_of(Method::post, "/hit.gif", "").route, Route::method_not_allowed);
}

TEST(Router, OptionsOfAKnownPathIsAPreflight) {
  const Target target = route_of(Method::options, "/hit", "");
  EXPECT_EQ(target.route, Route::preflight);
  EXPECT_EQ(allowed_methods(target.resource), "GET, POST, OPTIONS");
}

TEST(Router, TheBasePathComesFirst) {
  EXPECT_EQ(route_of(Method::get, "/count/hit", "/count").route, Route::hit);
  EXPECT_EQ(route_of(Method::get, "/hit", "/count").route, Route::none);
  EXPECT_EQ(route_of(Method::get, "/counthit", "/count").route, Route::none);
}

TEST(Router, RobotsAndBrowsersAskAtTheRootWhateverTheBasePathIs) {
  EXPECT_EQ(route_of(Method::get, "/robots.txt", "/count").route, Route::robots);
  EXPECT_EQ(route_of(Method::get, "/favicon.ico", "/count").route, Route::favicon);
  EXPECT_EQ(route_of(Method::get, "/count/robots.txt", "/count").route, Route::none);
  EXPECT_EQ(route_of(Method::post, "/robots.txt", "/count").route, Route::method_not_allowed);
}

TEST(Router, NamesAreDistinct) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Route::count_); ++i) {
    EXPECT_TRUE(names.insert(name_of(static_cast<Route>(i))).second);
  }
}

}  // namespace
}  // namespace footfall::api
