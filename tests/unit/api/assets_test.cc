// SPDX-License-Identifier: Apache-2.0
#include "api/assets.h"

#include <gtest/gtest.h>

#include "support/gzip.h"

namespace footfall::api {
namespace {

using testing::gunzipped;

constexpr std::string_view kDate = "Mon, 23 Nov 2026 03:00:00 GMT";

std::string answer_of(const Asset& asset, std::string_view accept_encoding, std::string_view if_none_match = "",
                      http::Method method = http::Method::get) {
  http::Request request;
  request.method = method;
  request.fields[static_cast<std::size_t>(http::Field::accept_encoding)] = accept_encoding;
  request.fields[static_cast<std::size_t>(http::Field::if_none_match)] = if_none_match;
  std::string out;
  write_asset(out, asset, request, kDate);
  return out;
}
std::string answer(std::string_view accept_encoding, std::string_view if_none_match = "",
                   http::Method method = http::Method::get) {
  return answer_of(script(), accept_encoding, if_none_match, method);
}
std::string body_of(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}

TEST(Assets, TheScriptIsInsideAndSmall) {
  EXPECT_NE(script().bytes.find("data-footfall"), std::string_view::npos);
  EXPECT_EQ(gunzipped(script().gzip), script().bytes);
  EXPECT_LE(script().gzip.size(), 2500U);
  EXPECT_NE(theme_script().bytes.find("busuanzi_value_"), std::string_view::npos);
  EXPECT_EQ(gunzipped(theme_script().gzip), theme_script().bytes);
  EXPECT_LE(theme_script().gzip.size(), 600U);
  EXPECT_NE(theme_script().etag, script().etag);
}

TEST(Assets, IsCompressedForWhoTakesIt) {
  EXPECT_EQ(body_of(answer("")), script().bytes);
  EXPECT_EQ(gunzipped(body_of(answer("gzip, deflate, br"))), script().bytes);
  EXPECT_NE(answer("gzip").find("\r\nContent-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_NE(answer("").find("\r\nVary: Accept-Encoding\r\n"), std::string::npos);
}

TEST(Assets, WhoHasItIsToldSo) {
  const std::string known = answer("gzip", "\"x\", W/" + script().etag_gzip);
  EXPECT_TRUE(known.starts_with("HTTP/1.1 304 "));
  EXPECT_EQ(body_of(known), "");
  EXPECT_TRUE(answer("", "*").starts_with("HTTP/1.1 304 "));
  EXPECT_TRUE(answer("", script().etag_gzip).starts_with("HTTP/1.1 200 "));  // has the other encoding
}

// The name that the page gives to a part, behind `root`.
std::string named_in(const Asset& page, std::string_view root, std::string_view extension) {
  const std::string begin = "\"" + std::string(root) + "assets/dashboard.";
  for (std::size_t at = page.bytes.find(begin); at != std::string_view::npos; at = page.bytes.find(begin, at + 1)) {
    const std::size_t from = page.bytes.find("dashboard.", at);
    const std::string_view name = page.bytes.substr(from, page.bytes.find('"', from) - from);
    if (name.ends_with(extension)) return std::string(name);
  }
  return "";
}

TEST(Assets, TheDashboardNamesItsPartsByTheirContent) {
  const DashboardPages pages("");
  std::size_t bytes = pages.site().gzip.size();
  for (const std::string_view extension : {".css", ".js", ".svg"}) {
    const std::string name = named_in(pages.site(), "../", extension);
    EXPECT_EQ(named_in(pages.sites(), "", extension), name);
    const Asset* const part = asset_named(name);
    ASSERT_NE(part, nullptr) << extension;
    EXPECT_EQ(name, "dashboard." + part->etag.substr(1, 16) + std::string(extension));
    EXPECT_EQ(gunzipped(part->gzip), part->bytes);
    EXPECT_NE(answer_of(*part, "gzip").find("\r\nCache-Control: public, max-age=31536000, immutable\r\n"),
              std::string::npos);
    bytes += part->gzip.size();
  }
  EXPECT_EQ(asset_named("dashboard.0000000000000000.js"), nullptr);
  EXPECT_EQ(asset_named(""), nullptr);
  EXPECT_LE(bytes, 40'000U) << "of a first visit, compressed; 150,000 are allowed";
}

TEST(Assets, TheDashboardRunsNothingButItsOwnFiles) {
  const DashboardPages pages("");
  const std::string page = answer_of(pages.site(), "");
  for (const std::string_view rule :
       {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-src 'self'",
        "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"}) {
    EXPECT_NE(page.find(rule), std::string::npos) << rule;
  }
  EXPECT_EQ(page.find("unsafe"), std::string::npos);
  EXPECT_NE(page.find("\r\nReferrer-Policy: no-referrer\r\n"), std::string::npos);
  EXPECT_NE(page.find("\r\nCache-Control: no-cache\r\n"), std::string::npos);
  EXPECT_TRUE(answer_of(pages.site(), "gzip", pages.site().etag_gzip).starts_with("HTTP/1.1 304 "));
  EXPECT_EQ(pages.site().bytes.find('@'), std::string_view::npos) << "a place that nothing was put in";
}

TEST(Assets, TheDashboardKnowsWhatTheScriptIsCalled) {
  const DashboardPages plain("");
  const DashboardPages renamed("dem-luot_1");
  EXPECT_NE(plain.site().bytes.find(R"( data-script-name="">)"), std::string_view::npos);
  for (const Asset* page : {&renamed.site(), &renamed.sites()}) {
    EXPECT_NE(page->bytes.find(R"( data-script-name="dem-luot_1">)"), std::string_view::npos);
    EXPECT_EQ(gunzipped(page->gzip), page->bytes);
  }
  EXPECT_NE(renamed.site().etag, plain.site().etag);
}

TEST(Assets, HeadHasNoBody) {
  EXPECT_EQ(body_of(answer("", "", http::Method::head)), "");
}

}  // namespace
}  // namespace footfall::api
