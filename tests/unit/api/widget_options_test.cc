// SPDX-License-Identifier: Apache-2.0
#include "api/widget_options.h"

#include <gtest/gtest.h>

namespace footfall::api {
namespace {

constexpr auto kFormats = {WidgetFormat::html, WidgetFormat::svg, WidgetFormat::png, WidgetFormat::text,
                           WidgetFormat::json};

sites::Settings site() {
  sites::Settings settings;
  settings.name = "example.vn";
  settings.lang = "vi";
  settings.grouping = sites::Grouping::dot;
  return settings;
}
WidgetOptions given(std::string_view query, WidgetFormat format = WidgetFormat::svg) {
  const base::Result<WidgetOptions> options = widget_options(query, format, site());
  EXPECT_TRUE(options) << query << ": " << (options ? "" : options.error().detail);
  return options ? *options : WidgetOptions{};
}
std::string refused(std::string_view query, WidgetFormat format = WidgetFormat::svg) {
  const base::Result<WidgetOptions> options = widget_options(query, format, site());
  EXPECT_FALSE(options) << query;
  if (options) return {};
  EXPECT_EQ(options.error().code, base::Errc::malformed);
  return options.error().detail;
}

TEST(WidgetOptions, WithoutAQueryTheSiteDecides) {
  const WidgetOptions options = given("");
  EXPECT_EQ(options.language->code, "vi");
  EXPECT_EQ(options.show, (std::vector{Shown::total, Shown::online}));
  EXPECT_EQ(options.style, WidgetStyle::plain);
  EXPECT_EQ(options.labels, WidgetLabels::full);
  EXPECT_EQ(options.grouping, sites::Grouping::dot);
  EXPECT_EQ(options.theme, WidgetTheme::neutral);
  EXPECT_EQ(options.colour, nullptr);
  EXPECT_EQ(options.scale, 1U);
}

TEST(WidgetOptions, ABadgeIsOneNumberAndDigitsAreThoseAlone) {
  EXPECT_EQ(given("style=badge").show, std::vector{Shown::total});
  EXPECT_EQ(given("style=badge").labels, WidgetLabels::full);
  const WidgetOptions digits = given("style=digits");
  EXPECT_EQ(digits.show, std::vector{Shown::total});
  EXPECT_EQ(digits.labels, WidgetLabels::none);
  EXPECT_EQ(digits.grouping, sites::Grouping::none);
  const WidgetOptions png = given("", WidgetFormat::png);
  EXPECT_EQ(png.style, WidgetStyle::digits);
  EXPECT_EQ(png.show, (std::vector{Shown::total, Shown::online}));
}

TEST(WidgetOptions, AllMayBeGivenInAnyOrder) {
  const WidgetOptions options = given(
      "v=20261130&scale=4&color=teal&theme=auto&pad=20&grouping=space&style=badge&label=L%C6%B0%E1%BB%A3t+xem&"
      "labels=short&lang=en&show=peak,bots,visitors,year,month,yesterday,today,online,total,peak");
  EXPECT_EQ(options.language->code, "en");
  EXPECT_EQ(options.show, (std::vector{Shown::peak, Shown::bots, Shown::visitors, Shown::year, Shown::month,
                                       Shown::yesterday, Shown::today, Shown::online, Shown::total}));
  EXPECT_EQ(options.labels, WidgetLabels::brief);
  EXPECT_EQ(options.label, "Lượt xem");
  EXPECT_EQ(options.grouping, sites::Grouping::space);
  EXPECT_EQ(options.pad, 20U);
  EXPECT_EQ(options.theme, WidgetTheme::automatic);
  EXPECT_EQ(options.colour->name, "teal");
  EXPECT_EQ(options.scale, 4U);
}

TEST(WidgetOptions, WhatIsGivenBeatsTheStyle) {
  const WidgetOptions options = given("labels=long&grouping=comma&pad=0&show=today,online&style=digits");
  EXPECT_EQ(options.labels, WidgetLabels::full);
  EXPECT_EQ(options.grouping, sites::Grouping::comma);
  EXPECT_EQ(options.pad, 0U);
  EXPECT_EQ(options.show, (std::vector{Shown::today, Shown::online}));
}

TEST(WidgetOptions, EachFormatHasItsStyles) {
  EXPECT_EQ(refused("style=3d", WidgetFormat::html), "style: give plain, badge or digits");
  EXPECT_EQ(refused("style=plain", WidgetFormat::png), "style: give digits");
  EXPECT_EQ(refused("style=badge", WidgetFormat::text), "style: give plain");
  EXPECT_EQ(refused("style=digits", WidgetFormat::json), "style: give plain or badge");
}

TEST(WidgetOptions, WhatIsWrongIsNamedWithWhatWouldBeRight) {
  for (const WidgetFormat format : kFormats) {
    EXPECT_EQ(refused("lang=fr", format), "lang: give en or vi");
    EXPECT_EQ(refused("show=hits", format),
              "show: give any of total,online,today,yesterday,month,year,visitors,bots,peak");
    EXPECT_EQ(refused("labels=both", format), "labels: give long, short or none");
    EXPECT_EQ(refused("grouping=;", format), "grouping: give none, comma, dot or space");
    EXPECT_EQ(refused("theme=blue", format), "theme: give light, dark or auto");
    EXPECT_EQ(refused("color=%23fff", format), "color: give black, blue, green, grey, orange, purple, red or teal");
    EXPECT_EQ(refused("pad=21", format), "pad: give a number from 0 to 20");
    EXPECT_EQ(refused("scale=0", format), "scale: give a number from 1 to 4");
    EXPECT_EQ(refused("label=" + std::string(101, 'x'), format), "label: at most 100 bytes");
    EXPECT_EQ(refused("colour=red", format),
              "there is no such parameter; give any of show, lang, labels, label, style, grouping, pad, theme, color, "
              "scale, v");
    EXPECT_EQ(refused("lang=vi&lang=en", format), "lang: is there twice");
  }
}

TEST(WidgetOptions, NothingIsGuessed) {
  for (const std::string_view query : {"lang=",
                                       "lang",
                                       "LANG=vi",
                                       "lang=VI",
                                       "lang=vi%00",
                                       "show=",
                                       "show=total,",
                                       "show=,total",
                                       "show=total,,online",
                                       "show=total online",
                                       "style=",
                                       "pad=",
                                       "pad=-1",
                                       "pad=+1",
                                       "pad=1e1",
                                       "pad=008",
                                       "pad=%31%32%33",
                                       "scale=1.5",
                                       "theme=neutral",
                                       "color=",
                                       "color=Red",
                                       "=x",
                                       "%6cang%3dvi",
                                       "a=b"}) {
    EXPECT_NE(refused(query), "") << query;
  }
}

TEST(WidgetOptions, ShieldsHasOneNumber) {
  EXPECT_EQ(refused("style=badge&show=total,online", WidgetFormat::json), "show: shields.io's badge has one number");
  EXPECT_EQ(given("style=badge&show=online", WidgetFormat::json).show, std::vector{Shown::online});
}

TEST(WidgetOptions, ALabelIsOneLineOfText) {
  EXPECT_EQ(given("label=a%0D%0Ab%FF").label, "a  b\uFFFD");
  EXPECT_EQ(given("label=").label, "");
}

TEST(WidgetOptions, EmptyPairsAreNothing) {
  EXPECT_EQ(given("&&lang=en&").language->code, "en");
}

TEST(WidgetOptions, ASiteInALanguageWithoutWordsSpeaksEnglish) {
  sites::Settings french = site();
  french.lang = "fr";
  EXPECT_EQ(widget_options("", WidgetFormat::text, french)->language->code, "en");
}

}  // namespace
}  // namespace footfall::api
