// SPDX-License-Identifier: Apache-2.0
// What a counter may show, and the words for it. Each language is a file of client/web/words/, compiled in by
// embed_words.py: a further one needs nothing but its file.
// Tested by tests/unit/api/widget_words_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace footfall::api {

enum class Shown : std::uint8_t { total, online, today, yesterday, month, year, visitors, bots, peak, count_ };
inline constexpr std::size_t kShown = static_cast<std::size_t>(Shown::count_);

inline constexpr std::array<std::string_view, kShown> kShownNames{"total", "online",   "today", "yesterday", "month",
                                                                  "year",  "visitors", "bots",  "peak"};

struct WidgetLabel {
  std::string_view full, brief;
};

struct WidgetLanguage {
  std::string_view code;
  std::string_view title;
  std::array<WidgetLabel, kShown> labels;  // in the order of Shown
};

// By code; English is always there.
std::span<const WidgetLanguage> widget_languages();
// nullptr: there are no words for it. A region may follow: vi-VN is vi.
const WidgetLanguage* language_of(std::string_view lang);
const WidgetLanguage& english();
// "lang: give en or vi".
std::string language_needed();

}  // namespace footfall::api
