// SPDX-License-Identifier: Apache-2.0
#include "api/widget.h"

#include <random>

#include "unit/api/golden.h"
#include "unit/api/png_reader.h"
#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

base::Result<Widget> widget(const ReadContext& context, WidgetFormat format, std::string_view query) {
  const auto options = widget_options_for(context, format, query);
  if (!options) return options.error();
  return render_widget(context, format, *options, widget_numbers(context, options->show));
}

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

TEST_F(WidgetTest, ShortLabelsAreThoseOfNukeViet) {
  EXPECT_EQ(text("labels=short&show=online,today,month,total"),
            "Đang truy cập: 48\nHôm nay: 48\nTháng hiện tại: 48\nTổng lượt truy cập: 41.450.791\n");
  EXPECT_EQ(text("labels=none"), "41.450.791\n48\n");
  EXPECT_EQ(text("labels=none&label=Lượt xem"), "Lượt xem: 41.450.791\n48\n");
}

TEST_F(WidgetTest, NumbersAreGroupedAndPaddedAsAsked) {
  EXPECT_EQ(text("labels=none&grouping=comma&pad=10"), "0,041,450,791\n0,000,000,048\n");
  EXPECT_EQ(text("labels=none&grouping=none"), "41450791\n48\n");
  EXPECT_EQ(text("labels=none&grouping=space&pad=3"), "41 450 791\n048\n");
}

TEST_F(WidgetTest, WhatTheCallerMayNotReadIsLeftOut) {
  EXPECT_EQ(text("show=visitors,online,year,yesterday,bots"), "Số người đang truy cập: 48\n");
  EXPECT_EQ(refused("show=visitors,year,yesterday,bots").code, base::Errc::denied);
  add_site(settings("private.vn", sites::Visibility::private_));
  EXPECT_EQ(refused("", "private.vn").code, base::Errc::denied);
}

TEST_F(WidgetTest, ATokenOfScopeReadShowsAllAndIsNotCached) {
  add_site(settings("private.vn", sites::Visibility::private_));
  add_token("reader", "reads", static_cast<std::uint32_t>(sites::Scope::read));
  for (const std::string_view site : {"example.vn", "private.vn"}) {
    const auto made = widget(context(site, "reads"), WidgetFormat::text, "lang=en&labels=short&show=bots,yesterday");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->body, "Search engines: 0\nYesterday: 0\n");
    EXPECT_EQ(made->cache_control, "private, no-store");
  }
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
  EXPECT_TRUE(refused("colour=red").detail.starts_with("there is no such parameter"));
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
    EXPECT_EQ(body.find("<script>alert"), std::string::npos) << body;
    EXPECT_NE(body.find("&lt;script&gt;"), std::string::npos) << body;
    EXPECT_EQ(body.find('\xFF'), std::string::npos);
  }
  EXPECT_EQ(text("show=online&label=a%0Ab"), "a b: 48\n");
}

TEST_F(WidgetTest, PicturesMayNotDoAnything) {
  for (const std::string_view query : {"", "style=badge", "theme=auto&color=red&scale=4"}) {
    const Widget picture = shown(WidgetFormat::svg, query);
    EXPECT_EQ(picture.content_type, "image/svg+xml; charset=utf-8");
    EXPECT_NE(picture.security_fields.find("default-src 'none'"), std::string_view::npos);
    EXPECT_NE(picture.security_fields.find("sandbox"), std::string_view::npos);
    EXPECT_TRUE(picture.body.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    EXPECT_NE(picture.body.find("41.450.791</text>"), std::string::npos) << picture.body;
  }
}

TEST_F(WidgetTest, ThePageLoadsItselfAnewWhereNoScriptRuns) {
  const Widget page = shown(WidgetFormat::html, "");
  EXPECT_NE(page.body.find("<html lang=\"vi\">"), std::string::npos);
  EXPECT_NE(page.body.find("<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>"), std::string::npos);
  EXPECT_NE(page.body.find("THỐNG KÊ TRUY CẬP"), std::string::npos);
  EXPECT_NE(page.body.find("<dd>41.450.791</dd>"), std::string::npos);
  EXPECT_EQ(page.body.find("<script"), page.body.rfind("<script"));
  EXPECT_EQ(page.cache_control, "public, max-age=5");
}

TEST_F(WidgetTest, ThePageMayBeInOneThatIsIsolated) {
  const Widget page = shown(WidgetFormat::html, "");
  EXPECT_NE(page.security_fields.find("\r\nCross-Origin-Embedder-Policy: require-corp\r\n"), std::string_view::npos);
  EXPECT_EQ(page.security_fields.find("frame-ancestors"), std::string_view::npos);
  EXPECT_EQ(page.security_fields.find("sandbox"), std::string_view::npos);  // would stop the meta element
}

TEST_F(WidgetTest, DigitsAreThereForWhoCannotSeeThem) {
  EXPECT_NE(
      shown(WidgetFormat::html, "style=digits").body.find("<span class=\"s\">41450791</span><b aria-hidden=\"true\">"),
      std::string::npos);
  EXPECT_NE(shown(WidgetFormat::svg, "style=digits&lang=en").body.find("aria-label=\"Total visits: 41450791\""),
            std::string::npos);
}

TEST_F(WidgetTest, ThePngIsThatOfTheDigits) {
  const ReadPng png = read_png(shown(WidgetFormat::png, "").body);
  EXPECT_EQ(png.width, 88U);
  EXPECT_EQ(png.height, 31U);
  EXPECT_EQ(shown(WidgetFormat::png, "").content_type, "image/png");
  EXPECT_EQ(shown(WidgetFormat::png, "lang=en&labels=long&v=1").body, shown(WidgetFormat::png, "").body);
}

// What they look like is in tests/unit/api/golden/: open it in a browser.
TEST_F(WidgetTest, LooksAsItDid) {
  const std::vector<std::pair<std::string, std::string>> pictures{
      {"plain.svg", ""},
      {"plain-auto.svg", "lang=en&theme=auto&color=green&scale=2"},
      {"badge.svg", "style=badge"},
      {"badges.svg", "style=badge&labels=short&show=total,online,today&theme=dark&color=teal"},
      {"digits.svg", "style=digits"},
      {"digits-labels.svg",
       "style=digits&labels=short&show=online,today,month,total&theme=light&color=red&grouping=dot"}};
  for (const auto& [name, query] : pictures) expect_golden(name, shown(WidgetFormat::svg, query).body);
  expect_golden("plain.html", shown(WidgetFormat::html, "").body);
  expect_golden("badge-dark.html", shown(WidgetFormat::html, "style=badge&show=total,online&theme=dark").body);
  expect_golden("digits-auto.html",
                shown(WidgetFormat::html, "style=digits&show=total,online&labels=long&theme=auto").body);
  expect_golden("counter.json", shown(WidgetFormat::json, "lang=en").body);
  expect_golden("shields.json", shown(WidgetFormat::json, "lang=en&style=badge&show=online&color=green").body);
}

// Whatever is asked for: an answer of ours, or an error that names one of our keys; never anything of the query but the
// label, and that as text.
TEST_F(WidgetTest, NothingOfAHostileQueryComesOutAsMarkup) {
  const unsigned rng_seed = std::random_device{}();
  SCOPED_TRACE("rng_seed " + std::to_string(rng_seed));
  std::mt19937 rng(rng_seed);
  const std::vector<std::string> keys{"show", "lang",  "labels", "label", "style", "grouping",
                                      "pad",  "theme", "color",  "scale", "v",     "x<y"};
  const std::vector<std::string> values{"total",
                                        "vi",
                                        "en",
                                        "badge",
                                        "digits",
                                        "none",
                                        "comma",
                                        "auto",
                                        "dark",
                                        "red",
                                        "4",
                                        "20",
                                        "short",
                                        "\"><script>alert(1)</script>",
                                        "%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
                                        "%3C!--",
                                        "%5D%5D%3E",
                                        "}</style><script>",
                                        "%0d%0aSet-Cookie:%20a=b",
                                        "%FF%FE",
                                        "url(//evil)",
                                        "&lt;"};
  for (unsigned round = 0; round < 3000; ++round) {
    std::string query;
    for (unsigned i = 0; i <= rng() % 4; ++i) {
      if (i > 0) query += '&';
      query += keys[rng() % keys.size()] + "=" + values[rng() % values.size()];
    }
    for (const WidgetFormat format : {WidgetFormat::html, WidgetFormat::svg, WidgetFormat::json, WidgetFormat::png}) {
      const auto made = widget(context("example.vn"), format, query);
      if (!made) {
        const std::string& detail = made.error().detail;
        ASSERT_EQ(detail.find_first_of("<>\"\r\n"), std::string::npos) << query << " -> " << detail;
        continue;
      }
      if (format == WidgetFormat::json) {
        EXPECT_EQ(made->body.find("</"), std::string::npos);
        const Parsed json(made->body);  // it is whole
      } else if (format != WidgetFormat::png) {
        for (const std::string_view evil : {"<script>alert", "]]>", "\r", "\xFF", "</style><s"}) {
          ASSERT_EQ(made->body.find(evil), std::string::npos) << query << " -> " << made->body;
        }
        ASSERT_EQ(made->body.find("<script"), made->body.rfind("<script")) << "the page's own alone: " << query;
      }
    }
  }
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
