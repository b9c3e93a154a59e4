// SPDX-License-Identifier: Apache-2.0
#include "api/widget_html.h"

#include <initializer_list>
#include <utility>

#include "api/text.h"

namespace footfall::api {

namespace {

constexpr std::string_view kPlain =
    "body{margin:0;font:14px/1.5 system-ui,sans-serif;color:var(--text);background:transparent}\n"
    "h1{margin:0 0 .3em;font-size:1em}\ndl{margin:0}\ndt,dd{display:inline;margin:0}\ndd{font-weight:600}\n";
constexpr std::string_view kBadge =
    "body{margin:0;font:12px/20px Verdana,DejaVu Sans,sans-serif;background:transparent}\n"
    "dl{margin:0;display:flex;flex-wrap:wrap;gap:4px}\ndl div{display:flex;border-radius:3px;overflow:hidden}\n"
    "dt,dd{margin:0;padding:0 5px}\ndt{background:var(--label-box);color:var(--label-text)}\n"
    "dd{background:var(--value-box);color:var(--value-text)}\n";
constexpr std::string_view kDigits =
    "body{margin:0;font:14px/1.5 system-ui,sans-serif;color:var(--text);background:transparent}\n"
    "dl{margin:0;display:grid;grid-template-columns:auto 1fr;row-gap:2px;align-items:center}\n"
    "dl div{display:contents}\ndt{margin-right:6px}\ndd{grid-column:2;margin:0}\n"
    "dd>b{display:inline-flex;gap:1px;padding:2px;border-radius:3px;background:var(--edge);color:var(--digit)}\n"
    "dd i{padding:0 3px;border-radius:2px;background:var(--box);font:700 17px/20px DejaVu Sans "
    "Mono,Menlo,Consolas,monospace}\n.u{padding:0;min-width:5px;text-align:center}\n";
// Another list takes the place of the one that is shown. What it is parsed from runs nothing. Its SHA-256 stands in
// kPageSecurity of widget.cc.
constexpr std::string_view kScript =
    "setInterval(async()=>{if(document.hidden)return;try{const answer=await fetch(location.href),"
    "list=answer.ok&&new DOMParser().parseFromString(await answer.text(),\"text/html\").querySelector(\"dl\");"
    "if(list)document.querySelector(\"dl\").replaceWith(list)}catch{}},30000)";
// For screen readers alone.
constexpr std::string_view kHidden =
    ".s{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n";

std::string_view rules_of(WidgetStyle style) {
  return style == WidgetStyle::badge ? kBadge : style == WidgetStyle::digits ? kDigits : kPlain;
}

std::string variables_of(WidgetStyle style, const WidgetLook& look) {
  std::string out = ":root{";
  const auto set = [&out](std::initializer_list<std::pair<std::string_view, Rgb>> colours) {
    for (const auto& [name, colour] : colours) out.append(name).append(":").append(hex_of(colour)).append(";");
  };
  switch (style) {
    case WidgetStyle::plain:
      set({{"--text", look.text}});
      break;
    case WidgetStyle::badge:
      set({{"--label-box", look.label_box},
           {"--label-text", look.label_text},
           {"--value-box", look.value_box},
           {"--value-text", look.value_text}});
      break;
    case WidgetStyle::digits:
      set({{"--text", look.text}, {"--edge", look.edge}, {"--box", look.box}, {"--digit", look.digit}});
      break;
  }
  out.back() = '}';
  return out += '\n';
}

std::string style_of(const WidgetOptions& options) {
  std::string out;
  const bool follows = options.theme == WidgetTheme::automatic;
  // A badge has grounds of its own, and needs none of the page.
  if (options.theme != WidgetTheme::neutral && options.style != WidgetStyle::badge) {
    out += options.theme == WidgetTheme::light ? ":root{color-scheme:light}\n"
           : follows                           ? ":root{color-scheme:light dark}\n"
                                               : ":root{color-scheme:dark}\n";
  }
  out += variables_of(options.style, look_of(follows ? WidgetTheme::light : options.theme, options.colour));
  if (follows) {
    out += "@media(prefers-color-scheme:dark){";
    out += variables_of(options.style, look_of(WidgetTheme::dark, options.colour));
    out.back() = '}';
    out += '\n';
  }
  return out.append(rules_of(options.style)).append(kHidden);
}

void append_label(std::string& out, const WidgetOptions& options, const WidgetLine& line) {
  const bool shown = !line.label.empty();
  out += shown ? "<dt>" : "<dt class=\"s\">";
  append_xml(out, shown ? line.label : line.spoken);
  if (options.style == WidgetStyle::plain) out += ':';
  out += "</dt> ";
}

void append_value(std::string& out, const WidgetOptions& options, const WidgetLine& line) {
  out += "<dd>";
  if (options.style != WidgetStyle::digits) {
    append_xml(out, line.text);
  } else {
    out.append("<span class=\"s\">").append(line.text).append("</span><b aria-hidden=\"true\">");
    for (const char c : line.text) {
      out += c >= '0' && c <= '9' ? "<i>" : "<i class=\"u\">";
      out += c;
      out += "</i>";
    }
    out += "</b>";
  }
  out += "</dd>";
}

}  // namespace

std::string widget_html(const WidgetOptions& options, std::string_view site, std::span<const WidgetLine> lines) {
  std::string out = "<!doctype html>\n<html lang=\"";
  out += options.language->code;
  out +=
      "\">\n<head>\n<meta charset=\"utf-8\">\n<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>\n<meta "
      "name=\"viewport\" "
      "content=\"width=device-width\">\n<title>";
  append_xml(out, site);
  out += "</title>\n<style>\n";
  out += style_of(options);
  out += "</style>\n</head>\n<body>\n";
  if (options.style == WidgetStyle::plain && options.labels != WidgetLabels::none) {
    out += "<h1>";
    append_xml(out, options.language->title);
    out += "</h1>\n";
  }
  out += "<dl>\n";
  for (const WidgetLine& line : lines) {
    out += "<div>";
    append_label(out, options, line);
    append_value(out, options, line);
    out += "</div>\n";
  }
  out.append("</dl>\n<script>").append(kScript).append("</script>\n</body>\n</html>\n");
  return out;
}

}  // namespace footfall::api
