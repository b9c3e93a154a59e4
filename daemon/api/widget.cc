// SPDX-License-Identifier: Apache-2.0
#include "api/widget.h"

#include <algorithm>

#include "api/json.h"
#include "api/stats.h"
#include "api/widget_html.h"
#include "api/widget_png.h"
#include "api/widget_svg.h"
#include "sites/settings.h"

namespace footfall::api {

namespace {

// Of digits without pad=: what counters in pictures have always had.
constexpr unsigned kTotalDigits = 8;
constexpr unsigned kOtherDigits = 3;

bool may_read(const ReadContext& context, Shown shown) {
  switch (shown) {
    case Shown::total:
    case Shown::online:
    case Shown::today:
    case Shown::month:
    case Shown::peak:
      return context.may_read_counter;
    default:
      return context.may_read_all;
  }
}

std::uint64_t number_of(const counting::Summary& summary, Shown shown) {
  switch (shown) {
    case Shown::total:
      return summary.total;
    case Shown::online:
      return summary.online;
    case Shown::today:
      return summary.today.hits;
    case Shown::yesterday:
      return summary.yesterday.hits;
    case Shown::month:
      return summary.month.hits;
    case Shown::year:
      return summary.year.hits;
    case Shown::visitors:
      return summary.today.visitors;
    case Shown::bots:
      return summary.today.bots;
    case Shown::peak:
      return summary.peak.online;
    case Shown::count_:
      break;
  }
  return 0;
}

std::string written(std::uint64_t number, Shown shown, const WidgetOptions& options) {
  std::string digits = std::to_string(number);
  const unsigned usual = options.style != WidgetStyle::digits ? 0 : shown == Shown::total ? kTotalDigits : kOtherDigits;
  const std::size_t pad = options.pad.value_or(usual);
  if (digits.size() < pad) digits.insert(0, pad - digits.size(), '0');
  return sites::group_digits(std::move(digits), options.grouping);
}

std::vector<WidgetLine> lines_of(const WidgetOptions& options, std::span<const std::uint64_t> numbers) {
  std::vector<WidgetLine> lines;
  lines.reserve(options.show.size());
  for (std::size_t i = 0; i < options.show.size(); ++i) {
    const Shown shown = options.show[i];
    const WidgetLabel& label = options.language->labels.at(static_cast<std::size_t>(shown));
    WidgetLine line{shown, numbers[i], written(numbers[i], shown, options), {}, std::string(label.full)};
    if (options.labels == WidgetLabels::full) line.label = label.full;
    if (options.labels == WidgetLabels::brief) line.label = label.brief;
    if (i == 0 && !options.label.empty()) line.label = line.spoken = options.label;
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string text_of(std::span<const WidgetLine> lines) {
  std::string out;
  for (const WidgetLine& line : lines) {
    if (!line.label.empty()) out.append(line.label).append(": ");
    out.append(line.text).push_back('\n');
  }
  return out;
}

// --- JSON ---

// The members that shields.io asks for.
void write_shields(JsonWriter& json, const WidgetOptions& options, const WidgetLine& line) {
  json.member("schemaVersion", 1).member("label", std::string_view(line.label));
  json.member("message", std::string_view(line.text));
  json.member("color", options.colour == nullptr ? std::string_view("blue") : options.colour->name);
}

std::string json_of(const ReadContext& context, const WidgetOptions& options, std::span<const WidgetLine> lines) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  if (options.style != WidgetStyle::badge) {
    json.member("site", std::string_view(context.settings->name)).member("lang", options.language->code);
    json.member("grouping", sites::to_string(options.grouping));
    for (const WidgetLine& line : lines) json.count(kShownNames.at(static_cast<std::size_t>(line.shown)), line.number);
    json.key("lines").begin_array();
    for (const WidgetLine& line : lines) {
      json.begin_object().member("name", kShownNames.at(static_cast<std::size_t>(line.shown)));
      json.member("label", std::string_view(line.label)).member("value", std::string_view(line.text)).end_object();
    }
    json.end_array();
  }
  write_shields(json, options, lines.front());
  json.end_object();
  return out;
}

// http::write() adds nosniff and Cross-Origin-Resource-Policy to these. A page that is isolated embeds only what says
// that it is isolated itself: Cross-Origin-Embedder-Policy.
constexpr std::string_view kPageSecurity =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src "
    "'sha256-L2R7ZToZGfoNY1QZthWiP5zb4wyKi9+kIv3kW8YjNM0='; connect-src 'self'; base-uri 'none'; form-action 'none'\r\n"
    "Cross-Origin-Embedder-Policy: require-corp\r\nReferrer-Policy: no-referrer\r\n";
constexpr std::string_view kSvg = "image/svg+xml; charset=utf-8";
constexpr std::string_view kSvgSecurity =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; sandbox\r\n";
constexpr std::string_view kPng = "image/png";
constexpr std::string_view kDataSecurity = "Content-Security-Policy: default-src 'none'; sandbox\r\n";

}  // namespace

base::Result<WidgetOptions> widget_options_for(const ReadContext& context, WidgetFormat format,
                                               std::string_view query) {
  base::Result<WidgetOptions> options = widget_options(query, format, *context.settings);
  if (!options) return options.error();
  if (!context.may_read_counter)
    return base::Error{base::Errc::denied, "the site is private: a token of scope `read` is needed"};
  std::vector<Shown>& show = options->show;
  show.erase(std::remove_if(show.begin(), show.end(), [&](Shown shown) { return !may_read(context, shown); }),
             show.end());
  if (show.empty()) {
    return base::Error{base::Errc::denied,
                       "show: yesterday, year, visitors and bots need a token of scope `read`, or visibility full"};
  }
  return options;
}

std::vector<std::uint64_t> widget_numbers(const ReadContext& context, std::span<const Shown> show) {
  const counting::Summary summary = summary_of(context);
  std::vector<std::uint64_t> numbers;
  numbers.reserve(show.size());
  for (const Shown shown : show) numbers.push_back(number_of(summary, shown));
  return numbers;
}

Widget render_widget(const ReadContext& context, WidgetFormat format, const WidgetOptions& options,
                     std::span<const std::uint64_t> numbers) {
  const std::vector<WidgetLine> lines = lines_of(options, numbers);
  const std::string_view cache = cache_control(context);
  switch (format) {
    case WidgetFormat::html:
      return {widget_html(options, context.settings->name, lines), "text/html; charset=utf-8", kPageSecurity, cache};
    case WidgetFormat::svg:
      return {widget_svg(options, lines), kSvg, kSvgSecurity, cache};
    case WidgetFormat::png:
      return {widget_png(options, lines), kPng, kDataSecurity, cache};
    case WidgetFormat::text:
      return {text_of(lines), "text/plain; charset=utf-8", kDataSecurity, cache};
    case WidgetFormat::json:
      break;
  }
  return {json_of(context, options, lines), "application/json", kDataSecurity, cache};
}

Widget picture_of(std::string_view words) {
  return {notice_svg(words), kSvg, kSvgSecurity, "no-store"};
}

Widget empty_counter() {
  return {notice_png(), kPng, kDataSecurity, "no-store"};
}

}  // namespace footfall::api
