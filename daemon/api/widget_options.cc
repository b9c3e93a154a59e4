// SPDX-License-Identifier: Apache-2.0
#include "api/widget_options.h"

#include <algorithm>
#include <array>
#include <span>

#include "api/text.h"

namespace footfall::api {

namespace {

constexpr std::size_t kLabelMax = 100;  // bytes
constexpr unsigned kPadMax = 20;        // digits of the greatest number
constexpr unsigned kScaleMax = 4;

enum class Key : std::uint8_t { show, lang, labels, label, style, grouping, pad, theme, color, scale, v, count_ };
constexpr std::array<std::string_view, static_cast<std::size_t>(Key::count_)> kKeys{
    "show", "lang", "labels", "label", "style", "grouping", "pad", "theme", "color", "scale", "v"};

constexpr std::array<std::string_view, 3> kStyles{"plain", "badge", "digits"};
constexpr std::array<std::string_view, 3> kLabels{"long", "short", "none"};
constexpr std::array<std::string_view, 4> kGroupings{"none", "comma", "dot", "space"};
constexpr std::array<std::string_view, 3> kThemes{"light", "dark", "auto"};  // Theme without neutral

base::Error malformed(std::string detail) {
  return {base::Errc::malformed, std::move(detail)};
}

// "style: give plain or badge".
base::Error give_one_of(std::string_view key, std::span<const std::string_view> names) {
  return malformed(std::string(key) + ": give " + alternatives(names));
}

template <class Enum, std::size_t N>
base::Result<Enum> one_of(std::string_view key, const std::array<std::string_view, N>& names, std::string_view value) {
  const auto* const found = std::find(names.begin(), names.end(), value);
  if (found == names.end()) return give_one_of(key, names);
  return Enum{static_cast<std::uint8_t>(found - names.begin())};
}

base::Result<unsigned> number_of(std::string_view key, std::string_view value, unsigned from, unsigned to) {
  unsigned number = 0;
  const bool digits = !value.empty() && value.size() <= 2 &&
                      std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    for (const char c : value) number = number * 10 + static_cast<unsigned>(c - '0');
  }
  if (!digits || number < from || number > to) {
    return malformed(std::string(key) + ": give a number from " + std::to_string(from) + " to " + std::to_string(to));
  }
  return number;
}

base::Result<std::vector<Shown>> shown_from(std::string_view names) {
  std::vector<Shown> show;
  for (bool more = true; more;) {
    const std::size_t comma = names.find(',');
    const auto* const found = std::find(kShownNames.begin(), kShownNames.end(), names.substr(0, comma));
    if (found == kShownNames.end()) {
      std::string text = "show: give any of ";
      for (const std::string_view name : kShownNames) text.append(name).push_back(',');
      text.pop_back();
      return malformed(std::move(text));
    }
    const Shown shown{static_cast<std::uint8_t>(found - kShownNames.begin())};
    if (std::find(show.begin(), show.end(), shown) == show.end()) show.push_back(shown);
    more = comma != std::string_view::npos;
    names.remove_prefix(more ? comma + 1 : names.size());
  }
  return show;
}

// The first is what it is unless another is asked for.
std::span<const std::string_view> styles_of(WidgetFormat format) {
  constexpr std::size_t kAll = kStyles.size();
  switch (format) {
    case WidgetFormat::html:
    case WidgetFormat::svg:
      return std::span(kStyles).first(kAll);
    case WidgetFormat::png:
      return std::span(kStyles).last(1);
    case WidgetFormat::text:
      return std::span(kStyles).first(1);
    case WidgetFormat::json:
      return std::span(kStyles).first(2);
  }
  return kStyles;
}

template <class T, class Into>
base::Result<void> take(const base::Result<T>& value, Into& into) {
  if (!value) return value.error();
  into = *value;
  return {};
}

// What is left to the style stays empty here.
struct Given {
  std::optional<std::vector<Shown>> show;
  std::optional<WidgetLabels> labels;
  std::optional<sites::Grouping> grouping;
};

base::Result<void> take_pair(Key key, std::string_view value, WidgetFormat format, WidgetOptions& options,
                             Given& given) {
  const std::string_view name = kKeys[static_cast<std::size_t>(key)];
  switch (key) {
    case Key::show:
      return take(shown_from(value), given.show);
    case Key::lang:
      options.language = language_of(value);
      if (options.language == nullptr) return malformed(language_needed());
      return {};
    case Key::labels:
      return take(one_of<WidgetLabels>(name, kLabels, value), given.labels);
    case Key::label:
      if (value.size() > kLabelMax) return malformed("label: at most 100 bytes");
      options.label = one_line(value);  // it is written into pictures and pages
      return {};
    case Key::style: {
      const std::span<const std::string_view> styles = styles_of(format);
      if (std::find(styles.begin(), styles.end(), value) == styles.end()) return give_one_of(name, styles);
      return take(one_of<WidgetStyle>(name, kStyles, value), options.style);
    }
    case Key::grouping:
      return take(one_of<sites::Grouping>(name, kGroupings, value), given.grouping);
    case Key::pad:
      return take(number_of(name, value, 0, kPadMax), options.pad);
    case Key::theme: {
      const base::Result<WidgetTheme> theme = one_of<WidgetTheme>(name, kThemes, value);
      if (!theme) return theme.error();
      options.theme = WidgetTheme{static_cast<std::uint8_t>(static_cast<unsigned>(*theme) + 1)};
      return {};
    }
    case Key::color: {
      const auto* const found = std::find_if(kWidgetColours.begin(), kWidgetColours.end(),
                                             [&](const WidgetColour& colour) { return colour.name == value; });
      if (found != kWidgetColours.end()) {
        options.colour = found;
        return {};
      }
      std::array<std::string_view, kWidgetColours.size()> names;
      std::transform(kWidgetColours.begin(), kWidgetColours.end(), names.begin(),
                     [](const WidgetColour& colour) { return colour.name; });
      return give_one_of(name, names);
    }
    case Key::scale:
      return take(number_of(name, value, 1, kScaleMax), options.scale);
    case Key::v:
    case Key::count_:
      break;
  }
  return {};
}

}  // namespace

base::Result<WidgetOptions> widget_options(std::string_view query, WidgetFormat format,
                                           const sites::Settings& settings) {
  WidgetOptions options;
  if (format == WidgetFormat::png) options.style = WidgetStyle::digits;
  Given given;
  std::array<bool, kKeys.size()> seen{};
  while (!query.empty()) {
    if (query.front() == '&') {
      query.remove_prefix(1);
      continue;
    }
    const auto [key, value] = take_query_pair(query);
    const auto* const found = std::find(kKeys.begin(), kKeys.end(), key);
    if (found == kKeys.end()) {
      std::string text = "there is no such parameter; give any of ";
      for (const std::string_view name : kKeys) text.append(name).append(", ");
      return malformed(text.substr(0, text.size() - 2));
    }
    bool& again = seen.at(static_cast<std::size_t>(found - kKeys.begin()));
    if (again) return malformed(key + ": is there twice");
    again = true;
    const base::Result<void> taken =
        take_pair(Key{static_cast<std::uint8_t>(found - kKeys.begin())}, value, format, options, given);
    if (!taken) return taken.error();
  }

  if (options.language == nullptr) options.language = language_of(settings.lang);
  if (options.language == nullptr) options.language = &english();
  const bool digits = options.style == WidgetStyle::digits;
  const bool several = options.style == WidgetStyle::plain || format == WidgetFormat::png;
  options.show = given.show.value_or(several ? std::vector{Shown::total, Shown::online} : std::vector{Shown::total});
  options.labels = given.labels.value_or(digits ? WidgetLabels::none : WidgetLabels::full);
  options.grouping = given.grouping.value_or(digits ? sites::Grouping::none : settings.grouping);
  if (format == WidgetFormat::json && options.style == WidgetStyle::badge && options.show.size() > 1) {
    return malformed("show: shields.io's badge has one number");
  }
  return options;
}

}  // namespace footfall::api
