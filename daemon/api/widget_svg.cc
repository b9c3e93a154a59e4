// SPDX-License-Identifier: Apache-2.0
#include "api/widget_svg.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "api/text.h"

namespace footfall::api {

namespace {

constexpr std::string_view kFont = "<g font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">";
constexpr unsigned kLineHeight = 18;
constexpr unsigned kBadgeHeight = 20;
constexpr unsigned kBadgeGap = 4;
// Of digits: a frame around the cells of a row.
constexpr unsigned kRowHeight = 26;
constexpr unsigned kFrameHeight = 24;
constexpr unsigned kCellWidth = 14;
constexpr unsigned kCellHeight = 20;
constexpr unsigned kSeparatorWidth = 5;
constexpr unsigned kFrameEdge = 2;
constexpr unsigned kLabelGap = 6;
constexpr unsigned kPointWidth = 12;

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

// --- pieces ---

void append(std::string& out, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) out += part;
}
// name="12" behind a space.
void append_number(std::string& out, std::string_view name, unsigned number) {
  append(out, {" ", name, "=\"", std::to_string(number), "\""});
}

void append_box(std::string& out, std::string_view css_class, unsigned x, unsigned y, unsigned width, unsigned height,
                unsigned radius) {
  append(out, {"<rect class=\"", css_class, "\""});
  append_number(out, "x", x);
  append_number(out, "y", y);
  append_number(out, "width", width);
  append_number(out, "height", height);
  if (radius > 0) append_number(out, "rx", radius);
  out += "/>";
}

void append_text(std::string& out, std::string_view css_class, unsigned x, unsigned y, std::string_view text) {
  append(out, {"<text class=\"", css_class, "\""});
  append_number(out, "x", x);
  append_number(out, "y", y);
  append_number(out, "textLength", width_of(text));
  out += '>';
  append_xml(out, text);
  out += "</text>";
}

using Fills = std::initializer_list<std::pair<std::string_view, Rgb>>;
std::string fills_of(WidgetStyle style, const WidgetLook& look) {
  std::string out;
  const auto fill = [&out](Fills fills) {
    for (const auto& [css_class, colour] : fills) append(out, {".", css_class, "{fill:", hex_of(colour), "}"});
  };
  switch (style) {
    case WidgetStyle::plain:
      fill({{"t", look.text}});
      break;
    case WidgetStyle::badge:
      fill({{"l", look.label_box}, {"m", look.label_text}, {"v", look.value_box}, {"n", look.value_text}});
      break;
    case WidgetStyle::digits:
      fill({{"t", look.text}, {"e", look.edge}, {"b", look.box}, {"d", look.digit}, {"p", look.point}});
      break;
  }
  return out;
}

struct Drawing {
  unsigned width, height;
  std::string shapes;
};

std::string picture(const Drawing& drawing, unsigned scale, std::string_view title, std::string_view fills) {
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\"";
  append_number(out, "width", drawing.width * scale);
  append_number(out, "height", drawing.height * scale);
  append(out, {" viewBox=\"0 0 ", std::to_string(drawing.width), " ", std::to_string(drawing.height), "\""});
  out += " role=\"img\" aria-label=\"";
  append_xml(out, title);
  out += "\"><title>";
  append_xml(out, title);
  append(out, {"</title><style>", fills, "</style>", kFont, drawing.shapes, "</g></svg>\n"});
  return out;
}

std::string written(const WidgetLine& line) {
  return line.label.empty() ? line.text : line.label + ": " + line.text;
}

// --- the styles ---

Drawing plain_of(std::span<const std::string> lines) {
  Drawing drawing{0, kLineHeight * static_cast<unsigned>(lines.size()), {}};
  unsigned y = 13;
  for (const std::string& line : lines) {
    append_text(drawing.shapes, "t", 2, y, line);
    drawing.width = std::max(drawing.width, width_of(line) + 4);
    y += kLineHeight;
  }
  return drawing;
}

Drawing badges_of(std::span<const WidgetLine> lines) {
  Drawing drawing{0, kBadgeHeight, {}};
  unsigned x = 0;
  for (const WidgetLine& line : lines) {
    const unsigned left = line.label.empty() ? 0 : width_of(line.label) + 10;
    const unsigned right = width_of(line.text) + 10;
    // The value's box lies on the label's, whose corners show on the left alone.
    append_box(drawing.shapes, left > 0 ? "l" : "v", x, 0, left + right, kBadgeHeight, 3);
    if (left > 0) {
      append_box(drawing.shapes, "v", x + left, 0, right, kBadgeHeight, 3);
      append_box(drawing.shapes, "v", x + left, 0, 6, kBadgeHeight, 0);
      append_text(drawing.shapes, "m", x + 5, 14, line.label);
    }
    append_text(drawing.shapes, "n", x + left + 5, 14, line.text);
    x += left + right + kBadgeGap;
  }
  drawing.width = x - kBadgeGap;
  return drawing;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
unsigned frame_width(std::string_view text) {
  unsigned width = 2 * kFrameEdge - 1;
  for (const char c : text) width += (is_digit(c) ? kCellWidth : kSeparatorWidth) + 1;
  return width;
}

// The cells of a number, from x on.
void append_cells(std::string& out, unsigned x, unsigned y, std::string_view text) {
  append_box(out, "e", x, y, frame_width(text), kFrameHeight, 3);
  std::string places;  // of each glyph, its middle
  x += kFrameEdge;
  for (const char c : text) {
    const unsigned width = is_digit(c) ? kCellWidth : kSeparatorWidth;
    append_box(out, "b", x, y + kFrameEdge, width, kCellHeight, is_digit(c) ? 2 : 0);
    if (!places.empty()) places += ' ';
    places += std::to_string(x + width / 2);
    x += width + 1;
  }
  constexpr std::string_view kCellFont =
      "\" text-anchor=\"middle\" font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"17\" "
      "font-weight=\"700\">";
  append(out, {"<text class=\"d\" x=\"", places, "\" y=\"", std::to_string(y + 18), kCellFont, text, "</text>"});
}

// What stands to the left of the cells.
unsigned beside_width(const WidgetLine& line) {
  if (!line.label.empty()) return width_of(line.label) + kLabelGap;
  return line.shown == Shown::online ? kPointWidth : 0;
}

Drawing digits_of(std::span<const WidgetLine> lines) {
  Drawing drawing{0, kRowHeight * static_cast<unsigned>(lines.size()) - (kRowHeight - kFrameHeight), {}};
  for (const WidgetLine& line : lines) {
    drawing.width = std::max(drawing.width, beside_width(line) + frame_width(line.text));
  }
  unsigned y = 0;
  for (const WidgetLine& line : lines) {
    if (!line.label.empty()) {
      append_text(drawing.shapes, "t", 0, y + 16, line.label);
    } else if (line.shown == Shown::online) {
      append_box(drawing.shapes, "p", drawing.width - frame_width(line.text) - kPointWidth + 1, y + 8, 8, 8, 4);
    }
    append_cells(drawing.shapes, drawing.width - frame_width(line.text), y, line.text);
    y += kRowHeight;
  }
  return drawing;
}

}  // namespace

std::string widget_svg(const WidgetOptions& options, std::span<const WidgetLine> lines) {
  std::string title;
  for (const WidgetLine& line : lines) {
    if (!title.empty()) title += "; ";
    append(title, {line.spoken, ": ", line.text});
  }
  Drawing drawing;
  switch (options.style) {
    case WidgetStyle::plain: {
      std::vector<std::string> texts;
      for (const WidgetLine& line : lines) texts.push_back(written(line));
      drawing = plain_of(texts);
      break;
    }
    case WidgetStyle::badge:
      drawing = badges_of(lines);
      break;
    case WidgetStyle::digits:
      drawing = digits_of(lines);
      break;
  }
  const bool follows = options.theme == WidgetTheme::automatic;
  std::string fills = fills_of(options.style, look_of(follows ? WidgetTheme::light : options.theme, options.colour));
  if (follows) {
    append(fills, {"@media(prefers-color-scheme:dark){",
                   fills_of(options.style, look_of(WidgetTheme::dark, options.colour)), "}"});
  }
  return picture(drawing, options.scale, title, fills);
}

std::string notice_svg(std::string_view words) {
  const std::string line(words);
  return picture(plain_of({&line, 1}), 1, words, fills_of(WidgetStyle::plain, look_of(WidgetTheme::neutral, nullptr)));
}

}  // namespace footfall::api
