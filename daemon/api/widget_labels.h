// SPDX-License-Identifier: Apache-2.0
// The widget's words, one table per language. A further language is one more table here.
// "Tổng số lượt truy cập", "Số người đang truy cập", "Hôm nay" and "Tháng hiện tại" are what Vietnamese readers know.
#pragma once

#include <array>
#include <string_view>

namespace footfall::api {

enum class Shown : std::uint8_t { total, online, today, month, year, visitors, peak, count_ };
inline constexpr std::size_t kShown = static_cast<std::size_t>(Shown::count_);

inline constexpr std::array<std::string_view, kShown> kShownNames{"total", "online",   "today", "month",
                                                                  "year",  "visitors", "peak"};

struct WidgetLanguage {
  std::string_view code;
  std::string_view title;
  std::array<std::string_view, kShown> labels;  // in the order of Shown
};

inline constexpr std::array<WidgetLanguage, 2> kWidgetLanguages{{
    {"en",
     "VISITORS",
     {"Total visits", "Online now", "Today", "This month", "This year", "Visitors today", "Most ever online"}},
    {"vi",
     "THỐNG KÊ TRUY CẬP",
     {"Tổng số lượt truy cập", "Số người đang truy cập", "Hôm nay", "Tháng hiện tại", "Năm hiện tại",
      "Khách viếng thăm hôm nay", "Đông nhất cùng lúc"}},
}};

// nullptr: there are no words for it. A region may follow: vi-VN is vi.
inline const WidgetLanguage* language_of(std::string_view lang) {
  for (const WidgetLanguage& language : kWidgetLanguages) {
    if (lang.substr(0, lang.find('-')) == language.code) return &language;
  }
  return nullptr;
}
inline constexpr std::string_view kLanguageNeeded = "lang: give vi or en";

}  // namespace footfall::api
