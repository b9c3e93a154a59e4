// SPDX-License-Identifier: Apache-2.0
#include "api/widget.h"

#include <algorithm>
#include <vector>

#include "api/json.h"
#include "api/stats.h"
#include "api/text.h"
#include "api/widget_labels.h"

namespace footfall::api {

namespace {

constexpr std::size_t kLabelMax = 100;  // bytes

base::Error malformed(std::string detail) {
  return {base::Errc::malformed, std::move(detail)};
}

struct Line {
  Shown shown;
  std::string label;
  std::uint64_t number;
  std::string text;  // grouped
};

struct Choice {
  const WidgetLanguage* language = nullptr;
  std::vector<Shown> show;
  bool badge = false;
  std::string label;  // of the first line, if given
};

base::Result<std::vector<Shown>> shown_from(std::string_view names) {
  std::vector<Shown> show;
  while (!names.empty()) {
    const std::size_t comma = names.find(',');
    const auto* const found = std::find(kShownNames.begin(), kShownNames.end(), names.substr(0, comma));
    if (found == kShownNames.end()) {
      return malformed("show: give any of total,online,today,month,year,visitors,peak");
    }
    const Shown shown{static_cast<std::uint8_t>(found - kShownNames.begin())};
    if (std::find(show.begin(), show.end(), shown) == show.end()) show.push_back(shown);
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  }
  if (show.empty()) show = {Shown::total, Shown::online};
  return show;
}

base::Result<Choice> choice_of(const ReadContext& context, std::string_view query) {
  Choice choice;
  const std::optional<std::string> lang = query_value(query, "lang");
  choice.language = language_of(lang ? *lang : context.settings->lang);
  if (choice.language == nullptr && lang) return malformed(std::string(kLanguageNeeded));
  if (choice.language == nullptr) choice.language = &kWidgetLanguages.front();
  const base::Result<std::vector<Shown>> show = shown_from(query_value(query, "show").value_or(""));
  if (!show) return show.error();
  choice.show = *show;
  const std::string style = query_value(query, "style").value_or("plain");
  if (style != "plain" && style != "badge") return malformed("style: give plain or badge");
  choice.badge = style == "badge";
  choice.label = query_value(query, "label").value_or("");
  if (choice.label.size() > kLabelMax) return malformed("label: at most 100 bytes");
  choice.label = one_line(choice.label);  // it is written into pictures and pages
  return choice;
}

bool may_read(const ReadContext& context, Shown shown) {
  const bool public_number = shown != Shown::year && shown != Shown::visitors;
  return public_number ? context.may_read_counter : context.may_read_all;
}

std::uint64_t number_of(const counting::Summary& summary, Shown shown) {
  switch (shown) {
    case Shown::total:
      return summary.total;
    case Shown::online:
      return summary.online;
    case Shown::today:
      return summary.today.hits;
    case Shown::month:
      return summary.month.hits;
    case Shown::year:
      return summary.year.hits;
    case Shown::visitors:
      return summary.today.visitors;
    case Shown::peak:
      return summary.peak.online;
    case Shown::count_:
      break;
  }
  return 0;
}

std::vector<Line> lines_of(const ReadContext& context, const Choice& choice) {
  const counting::Summary summary = summary_of(context);
  std::vector<Line> lines;
  for (const Shown shown : choice.show) {
    if (!may_read(context, shown)) continue;
    const std::uint64_t number = number_of(summary, shown);
    lines.push_back({shown, std::string(choice.language->labels.at(static_cast<std::size_t>(shown))), number,
                     sites::group_digits(number, context.settings->grouping)});
  }
  if (!lines.empty() && !choice.label.empty()) lines.front().label = choice.label;
  return lines;
}

std::string text_of(const std::vector<Line>& lines) {
  std::string out;
  for (const Line& line : lines) out.append(line.label).append(": ").append(line.text).push_back('\n');
  return out;
}

std::string html_of(const ReadContext& context, const Choice& choice, const std::vector<Line>& lines) {
  std::string out = "<!doctype html>\n<html lang=\"";
  out += choice.language->code;
  out +=
      "\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"30\">\n<meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>";
  append_xml(out, context.settings->name);
  out +=
      "</title>\n<style>\n"
      "body{margin:0;font:14px/1.5 system-ui,sans-serif;color:#333;background:transparent}\n"
      "h1{margin:0 0 .3em;font-size:1em}\ndl{margin:0}\ndt,dd{display:inline;margin:0}\ndd{font-weight:600}\n"
      "@media(prefers-color-scheme:dark){body{color:#ddd}}\n</style>\n</head>\n<body>\n";
  if (!choice.badge) {
    out += "<h1>";
    out += choice.language->title;
    out += "</h1>\n";
  }
  out += "<dl>\n";
  for (const Line& line : lines) {
    out += "<div><dt>";
    append_xml(out, line.label);
    out += ":</dt> <dd>";
    append_xml(out, line.text);
    out += "</dd></div>\n";
  }
  out += "</dl>\n</body>\n</html>\n";
  return out;
}

// --- pictures ---

// About the width in pixels of `text` in 11 px Verdana or its like; textLength then makes it fit exactly.
unsigned width_of(std::string_view text) {
  unsigned tenths = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) == 0x80U) continue;  // inside a character
    const bool narrow = c == '.' || c == ',' || c == ':' || c == ' ' || c == 'i' || c == 'l' || c == '\'' || c == '|';
    const bool wide =
        (c >= 'A' && c <= 'Z') || c == 'm' || c == 'w' || byte >= 0xE3U;  // 0xE3 and on: mostly East Asian
    tenths += narrow ? 40 : wide ? 85 : 68;
  }
  return (tenths + 9) / 10;
}

void append_text(std::string& out, unsigned x, unsigned y, unsigned width, std::string_view fill,
                 std::string_view text) {
  out.append("<text x=\"").append(std::to_string(x)).append("\" y=\"").append(std::to_string(y));
  out.append("\" textLength=\"").append(std::to_string(width)).append("\" fill=\"").append(fill).append("\">");
  append_xml(out, text);
  out += "</text>";
}

std::string svg_head(unsigned width, unsigned height, std::string_view title) {
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(width) + "\" height=\"" +
                    std::to_string(height) + "\" role=\"img\" aria-label=\"";
  append_xml(out, title);
  out += "\"><title>";
  append_xml(out, title);
  out += "</title>";
  return out;
}

std::string badge_of(const Line& line) {
  const unsigned left = width_of(line.label) + 10;
  const unsigned right = width_of(line.text) + 10;
  const std::string full = std::to_string(left + right);
  std::string out = svg_head(left + right, 20, line.label + ": " + line.text);
  out += "<clipPath id=\"r\"><rect width=\"" + full + "\" height=\"20\" rx=\"3\"/></clipPath><g clip-path=\"url(#r)\">";
  out += "<rect width=\"" + std::to_string(left) + "\" height=\"20\" fill=\"#555\"/>";
  out += "<rect x=\"" + std::to_string(left) + "\" width=\"" + std::to_string(right) +
         "\" height=\"20\" fill=\"#0b6bcb\"/></g>";
  out += "<g font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">";
  append_text(out, 5, 14, left - 10, "#fff", line.label);
  append_text(out, left + 5, 14, right - 10, "#fff", line.text);
  out += "</g></svg>\n";
  return out;
}

std::string plain_svg_of(const std::vector<std::string>& lines) {
  unsigned width = 0;
  std::string title;
  for (const std::string& text : lines) {
    width = std::max(width, width_of(text));
    if (!title.empty()) title += "; ";
    title += text;
  }
  std::string out = svg_head(width + 4, 18 * static_cast<unsigned>(lines.size()), title);
  out += "<g font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">";
  unsigned y = 13;
  for (const std::string& text : lines) {
    append_text(out, 2, y, width_of(text), "#777", text);
    y += 18;
  }
  out += "</g></svg>\n";
  return out;
}

std::string plain_svg_of(const std::vector<Line>& lines) {
  std::vector<std::string> texts;
  texts.reserve(lines.size());
  for (const Line& line : lines) texts.push_back(line.label + ": " + line.text);
  return plain_svg_of(texts);
}

// --- JSON ---

std::string shields_of(const Line& line) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().member("schemaVersion", 1).member("label", std::string_view(line.label));
  json.member("message", std::string_view(line.text)).member("color", "blue").end_object();
  return out;
}

std::string json_of(const ReadContext& context, const Choice& choice, const std::vector<Line>& lines) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().member("site", std::string_view(context.settings->name)).member("lang", choice.language->code);
  json.member("grouping", sites::to_string(context.settings->grouping));
  for (const Line& line : lines) json.count(kShownNames.at(static_cast<std::size_t>(line.shown)), line.number);
  json.key("lines").begin_array();
  for (const Line& line : lines) {
    json.begin_object().member("name", kShownNames.at(static_cast<std::size_t>(line.shown)));
    json.member("label", std::string_view(line.label)).member("value", std::string_view(line.text)).end_object();
  }
  json.end_array();
  json.member("schemaVersion", 1).member("label", std::string_view(lines.front().label));
  json.member("message", std::string_view(lines.front().text)).member("color", "blue").end_object();
  return out;
}

// http::write() adds nosniff and Cross-Origin-Resource-Policy to these.
constexpr std::string_view kPageSecurity =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n";
constexpr std::string_view kPicture = "image/svg+xml; charset=utf-8";
constexpr std::string_view kPictureSecurity =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; sandbox\r\n";
constexpr std::string_view kDataSecurity = "Content-Security-Policy: default-src 'none'; sandbox\r\n";

}  // namespace

base::Result<Widget> widget(const ReadContext& context, WidgetFormat format, std::string_view query) {
  const base::Result<Choice> choice = choice_of(context, query);
  if (!choice) return choice.error();
  if (!context.may_read_counter)
    return base::Error{base::Errc::denied, "the site is private: a token of scope `read` is needed"};
  const std::vector<Line> lines = lines_of(context, *choice);
  if (lines.empty()) {
    return base::Error{base::Errc::denied, "show: year and visitors need a token of scope `read`, or visibility full"};
  }
  const std::string_view cache = cache_control(context);
  switch (format) {
    case WidgetFormat::html:
      return Widget{html_of(context, *choice, lines), "text/html; charset=utf-8", kPageSecurity, cache};
    case WidgetFormat::svg:
      return Widget{choice->badge ? badge_of(lines.front()) : plain_svg_of(lines), kPicture, kPictureSecurity, cache};
    case WidgetFormat::text:
      return Widget{text_of(lines), "text/plain; charset=utf-8", kDataSecurity, cache};
    case WidgetFormat::json:
      return Widget{choice->badge ? shields_of(lines.front()) : json_of(context, *choice, lines), "application/json",
                    kDataSecurity, cache};
  }
  return base::Error{base::Errc::not_found, "no such widget"};
}

Widget picture_of(std::string_view words) {
  return {plain_svg_of(std::vector<std::string>{std::string(words)}), kPicture, kPictureSecurity, "no-store"};
}

}  // namespace footfall::api
