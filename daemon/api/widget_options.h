// SPDX-License-Identifier: Apache-2.0
// What a counter's query asks for. Every key and value is from a list, or a small number: what is not is refused by
// name, and nothing but `label` is text of the caller's.
//
//     show      total,online,...     which numbers, in which order; else total,online, of badge and digits total alone
//     lang      vi | en ...          else the site's
//     labels    long | short | none  else long; of digits none
//     label     text                 of the first number, at most 100 bytes
//     style     plain | badge | digits   of .html and .svg; .png has digits, .txt plain, .json plain or badge
//     grouping  none | comma | dot | space   else the site's; of digits none
//     pad       0..20                zeros up to so many digits; else none, of digits 8 for the total, 3 for others
//     theme     light | dark | auto  auto: as the visitor's system has it; else what reads on both, a color on light
//     color     a name of kWidgetColours
//     scale     1..4                 of pictures
//     v         anything             unread: another address for a cache that keeps too long
//
// A key that a format has no use for is checked all the same. Tested by tests/unit/api/widget_options_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/widget_look.h"
#include "api/widget_words.h"
#include "base/errors.h"
#include "sites/settings.h"

namespace footfall::api {

enum class WidgetFormat : std::uint8_t { html, svg, png, text, json };
enum class WidgetStyle : std::uint8_t { plain, badge, digits };
enum class WidgetLabels : std::uint8_t { full, brief, none };

struct WidgetOptions {
  const WidgetLanguage* language = nullptr;  // never null once made
  std::vector<Shown> show;                   // at least one, each once
  WidgetStyle style = WidgetStyle::plain;
  WidgetLabels labels = WidgetLabels::full;
  std::string label;  // one line of UTF-8; empty: the language's
  sites::Grouping grouping = sites::Grouping::none;
  std::optional<unsigned> pad;  // digits
  WidgetTheme theme = WidgetTheme::neutral;
  const WidgetColour* colour = nullptr;  // none: the style's own
  unsigned scale = 1;
};

// malformed: names the key, and what may be given.
base::Result<WidgetOptions> widget_options(std::string_view query, WidgetFormat format,
                                           const sites::Settings& settings);

}  // namespace footfall::api
