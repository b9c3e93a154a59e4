// SPDX-License-Identifier: Apache-2.0
#include "api/widget_words.h"

namespace footfall::api {

const WidgetLanguage* language_of(std::string_view lang) {
  for (const WidgetLanguage& language : widget_languages()) {
    if (lang.substr(0, lang.find('-')) == language.code) return &language;
  }
  return nullptr;
}

const WidgetLanguage& english() {
  return *language_of("en");
}

std::string language_needed() {
  std::string text = "lang: give ";
  const std::span<const WidgetLanguage> languages = widget_languages();
  for (std::size_t i = 0; i < languages.size(); ++i) {
    if (i > 0) text += i + 1 == languages.size() ? " or " : ", ";
    text += languages[i].code;
  }
  return text;
}

}  // namespace footfall::api
