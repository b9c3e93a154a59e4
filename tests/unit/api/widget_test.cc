// SPDX-License-Identifier: Apache-2.0
#include "api/widget.h"

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

class WidgetTest : public SiteFixture {
 protected:
  WidgetTest() { busy(add_site(settings("example.vn"))); }
  void busy(sites::Site& site) {
    for (std::uint64_t visitor = 0; visitor < 48; ++visitor) visit(site, "/", visitor);
    seed(registry_.settings(site.id())->name, 41450791);
  }
  Widget shown(WidgetFormat format, std::string_view query, std::string_view site = "example.vn") {
    auto made = widget(context(site), format, query);
    EXPECT_TRUE(made) << (made ? "" : made.error().detail);
    return made ? *made : Widget{};
  }
  std::string text(std::string_view query) { return shown(WidgetFormat::text, query).body; }
  base::Error refused(std::string_view query, std::string_view site = "example.vn") {
    const auto made = widget(context(site), WidgetFormat::text, query);
    EXPECT_FALSE(made) << query;
    return made ? base::Error{base::Errc::io, ""} : made.error();
  }
};

TEST_F(WidgetTest, TheVietnameseTextIsTheTwoLinesOfThePageItCameFrom) {
  EXPECT_EQ(text(""), "Tổng số lượt truy cập: 41.450.791\nSố người đang truy cập: 48\n");
}

TEST_F(WidgetTest, EnglishIsAChoice) {
  EXPECT_EQ(text("lang=en"), "Total visits: 41.450.791\nOnline now: 48\n");
}

TEST_F(WidgetTest, ShowsWhatIsAskedForInThatOrder) {
  EXPECT_EQ(text("show=online,today,month,peak,total"),
            "Số người đang truy cập: 48\nHôm nay: 48\nTháng hiện tại: 48\nĐông nhất cùng lúc: 48\n"
            "Tổng số lượt truy cập: 41.450.791\n");
  EXPECT_EQ(text("show=online,online"), "Số người đang truy cập: 48\n");
}

TEST_F(WidgetTest, WhatTheCallerMayNotReadIsLeftOut) {
  EXPECT_EQ(text("show=visitors,online,year"), "Số người đang truy cập: 48\n");
  EXPECT_EQ(refused("show=visitors,year").code, base::Errc::denied);
  add_site(settings("private.vn", sites::Visibility::private_));
  EXPECT_EQ(refused("", "private.vn").code, base::Errc::denied);
}

TEST_F(WidgetTest, OfAFullSiteAllNumbersAreShown) {
  busy(add_site(settings("full.vn", sites::Visibility::full)));
  EXPECT_EQ(shown(WidgetFormat::text, "lang=en&show=year,visitors", "full.vn").body,
            "This year: 48\nVisitors today: 48\n");
}

TEST_F(WidgetTest, WhatIsWrongIsNamed) {
  EXPECT_TRUE(refused("lang=fr").detail.starts_with("lang:"));
  EXPECT_TRUE(refused("show=hits").detail.starts_with("show:"));
  EXPECT_TRUE(refused("style=3d").detail.starts_with("style:"));
  EXPECT_TRUE(refused("label=" + std::string(101, 'x')).detail.starts_with("label:"));
}

TEST_F(WidgetTest, ASiteInAnotherLanguageSpeaksEnglish) {
  sites::Settings french = settings("exemple.fr");
  french.lang = "fr";
  add_site(french);
  EXPECT_EQ(shown(WidgetFormat::text, "", "exemple.fr").body, "Total visits: 0\nOnline now: 0\n");
}

TEST_F(WidgetTest, AHostileLabelStaysText) {
  constexpr std::string_view kLabel = "label=%3C%2Ftext%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%0A%FF&style=badge";
  for (const WidgetFormat format : {WidgetFormat::svg, WidgetFormat::html}) {
    const std::string body = shown(format, kLabel).body;
    EXPECT_EQ(body.find("<script"), std::string::npos) << body;
    EXPECT_NE(body.find("&lt;script&gt;"), std::string::npos) << body;
    EXPECT_EQ(body.find('\xFF'), std::string::npos);
  }
  EXPECT_EQ(text("show=online&label=a%0Ab"), "a b: 48\n");
}

TEST_F(WidgetTest, PicturesMayNotDoAnything) {
  for (const std::string_view query : {"", "style=badge"}) {
    const Widget picture = shown(WidgetFormat::svg, query);
    EXPECT_EQ(picture.content_type, "image/svg+xml; charset=utf-8");
    EXPECT_NE(picture.security_fields.find("default-src 'none'"), std::string_view::npos);
    EXPECT_NE(picture.security_fields.find("sandbox"), std::string_view::npos);
    EXPECT_TRUE(picture.body.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    EXPECT_NE(picture.body.find("41.450.791</text>"), std::string::npos) << picture.body;
  }
}

TEST_F(WidgetTest, ThePageLoadsItselfAnewWithoutAScript) {
  const Widget page = shown(WidgetFormat::html, "");
  EXPECT_NE(page.body.find("<html lang=\"vi\">"), std::string::npos);
  EXPECT_NE(page.body.find("http-equiv=\"refresh\" content=\"30\""), std::string::npos);
  EXPECT_NE(page.body.find("THỐNG KÊ TRUY CẬP"), std::string::npos);
  EXPECT_NE(page.body.find("<dd>41.450.791</dd>"), std::string::npos);
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  EXPECT_EQ(page.cache_control, "public, max-age=5");
}

TEST_F(WidgetTest, JsonHasNumbersAndTexts) {
  const Parsed json(shown(WidgetFormat::json, "").body);
  EXPECT_EQ(json.number("/total"), 41450791);
  EXPECT_EQ(json.number("/online"), 48);
  EXPECT_EQ(json.text("/lines/0/value"), "41.450.791");
  EXPECT_EQ(json.text("/lines/1/label"), "Số người đang truy cập");
}

TEST_F(WidgetTest, TheJsonBadgeIsShieldsSchemaAlone) {
  const Parsed json(shown(WidgetFormat::json, "style=badge&lang=en").body);
  EXPECT_EQ(json.keys(), (std::vector<std::string>{"schemaVersion", "label", "message", "color"}));
  EXPECT_EQ(json.number("/schemaVersion"), 1);
  EXPECT_EQ(json.text("/label"), "Total visits");
  EXPECT_EQ(json.text("/message"), "41.450.791");
}

}  // namespace
}  // namespace footfall::api
