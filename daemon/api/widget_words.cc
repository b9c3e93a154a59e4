// SPDX-License-Identifier: Apache-2.0
#include "api/widget_words.h"

#include <vector>

#include "api/text.h"

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
  std::vector<std::string_view> codes;
  for (const WidgetLanguage& language : widget_languages()) codes.push_back(language.code);
  return "lang: give " + alternatives(codes);
}

}  // namespace footfall::api
