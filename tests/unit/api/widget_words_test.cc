// SPDX-License-Identifier: Apache-2.0
#include "api/widget_words.h"

#include <gtest/gtest.h>

namespace footfall::api {
namespace {

WidgetLabel label(std::string_view lang, Shown shown) {
  const WidgetLanguage* language = language_of(lang);
  return language == nullptr ? WidgetLabel{} : language->labels.at(static_cast<std::size_t>(shown));
}

TEST(WidgetWords, VietnameseAreThoseThatReadersKnow) {
  EXPECT_EQ(language_of("vi")->title, "THỐNG KÊ TRUY CẬP");
  EXPECT_EQ(label("vi", Shown::total).full, "Tổng số lượt truy cập");
  EXPECT_EQ(label("vi", Shown::online).full, "Số người đang truy cập");
  EXPECT_EQ(label("vi", Shown::total).brief, "Tổng lượt truy cập");
  EXPECT_EQ(label("vi", Shown::online).brief, "Đang truy cập");
  EXPECT_EQ(label("vi", Shown::today).brief, "Hôm nay");
  EXPECT_EQ(label("vi", Shown::month).brief, "Tháng hiện tại");
  EXPECT_EQ(label("vi", Shown::bots).brief, "Máy chủ tìm kiếm");
  EXPECT_EQ(label("vi", Shown::visitors).brief, "Khách viếng thăm");
}

TEST(WidgetWords, EachLanguageHasAWordForEachNumber) {
  for (const WidgetLanguage& language : widget_languages()) {
    EXPECT_FALSE(language.title.empty()) << language.code;
    for (const WidgetLabel& word : language.labels) {
      EXPECT_FALSE(word.full.empty()) << language.code;
      EXPECT_FALSE(word.brief.empty()) << language.code;
    }
  }
}

TEST(WidgetWords, ARegionIsItsLanguage) {
  EXPECT_EQ(language_of("vi-VN"), language_of("vi"));
  EXPECT_EQ(language_of("en"), &english());
  EXPECT_EQ(language_of("fr"), nullptr);
  EXPECT_EQ(language_of(""), nullptr);
}

TEST(WidgetWords, WhatMayBeGivenIsSaid) {
  EXPECT_EQ(language_needed(), "lang: give en or vi");
}

}  // namespace
}  // namespace footfall::api
