// SPDX-License-Identifier: Apache-2.0
#include "cli/html.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace footfall::cli {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f";

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0U | code >> 6U);
  } else if (code < 0x10000) {
    put(0xE0U | code >> 12U);
    put(0x80U | (code >> 6U & 0x3FU));
  } else {
    put(0xF0U | (code >> 18U & 7U));
    put(0x80U | (code >> 12U & 0x3FU));
    put(0x80U | (code >> 6U & 0x3FU));
  }
  put(0x80U | (code & 0x3FU));
}

// The references that addresses are written with; others stay as they are.
std::string decoded(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, char>, 5> kNamed{
      {{"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}}};
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    const auto* named =
        std::find_if(kNamed.begin(), kNamed.end(), [rest](const auto& one) { return rest.starts_with(one.first); });
    if (named != kNamed.end()) {
      out.push_back(named->second);
      i += named->first.size();
      continue;
    }
    if (rest.starts_with("&#")) {
      const bool hex = rest.size() > 2 && (rest[2] == 'x' || rest[2] == 'X');
      const char* const begin = rest.data() + (hex ? 3 : 2);
      const char* const end = rest.data() + rest.size();
      std::uint32_t code = 0;
      const auto [stopped, error] = std::from_chars(std::min(begin, end), end, code, hex ? 16 : 10);
      if (error == std::errc() && code > 0 && code < 0x110000) {
        append_utf8(out, code);
        i += static_cast<std::size_t>(stopped - rest.data()) + (stopped != end && *stopped == ';' ? 1U : 0U);
        continue;
      }
    }
    out.push_back(text[i++]);
  }
  return out;
}

class Scanner {
 public:
  explicit Scanner(std::string_view html) : html_(html) {}

  std::vector<Element> all() {
    while ((at_ = html_.find('<', at_)) < html_.size()) {
      if (html_.substr(at_).starts_with("<!--")) {
        const std::size_t end = html_.find("-->", at_ + 4);
        at_ = end == std::string_view::npos ? html_.size() : end + 3;
      } else if (at_ + 1 < html_.size() && letter(html_[at_ + 1])) {
        ++at_;
        open_tag();
      } else {
        ++at_;
        if (lower(html_.substr(at_, 9)) == "/noscript") in_noscript_ = false;
      }
    }
    return std::move(out_);
  }

 private:
  std::string_view until(std::string_view any) {
    const std::size_t end = std::min(html_.find_first_of(any, at_), html_.size());
    const std::string_view text = html_.substr(at_, end - at_);
    at_ = end;
    return text;
  }
  void skip(std::string_view any) { at_ = std::min(html_.find_first_not_of(any, at_), html_.size()); }

  void open_tag() {
    Element element;
    element.name = lower(until(" \t\r\n\f/>"));
    element.in_noscript = in_noscript_;
    for (;;) {
      skip(" \t\r\n\f/");
      if (at_ >= html_.size()) return;  // a tag without an end is none
      if (html_[at_] == '>') break;
      attribute(element);
    }
    ++at_;
    if (element.name == "noscript") in_noscript_ = true;
    // Text up to their end, whatever it looks like.
    for (const std::string_view raw : {"script", "style", "textarea", "title", "template"}) {
      if (element.name == raw) skip_text(raw);
    }
    out_.push_back(std::move(element));
  }

  void attribute(Element& element) {
    const std::size_t begin = at_;
    if (html_[at_] == '=') ++at_;  // a name may begin with it
    until(" \t\r\n\f/>=");
    std::string name = lower(html_.substr(begin, at_ - begin));
    skip(kSpace);
    std::string value;
    if (at_ < html_.size() && html_[at_] == '=') {
      ++at_;
      skip(kSpace);
      if (at_ < html_.size() && (html_[at_] == '"' || html_[at_] == '\'')) {
        const std::string quote(1, html_[at_++]);
        value = decoded(until(quote));
        if (at_ < html_.size()) ++at_;
      } else {
        value = decoded(until(" \t\r\n\f>"));
      }
    }
    if (!element.has(name)) element.attributes.emplace_back(std::move(name), std::move(value));  // the first one counts
  }

  void skip_text(std::string_view name) {
    while ((at_ = html_.find("</", at_)) < html_.size()) {
      at_ += 2;
      if (lower(html_.substr(at_, name.size())) == name) return;
    }
    at_ = html_.size();
  }

  std::string_view html_;
  std::size_t at_ = 0;
  bool in_noscript_ = false;
  std::vector<Element> out_;
};

}  // namespace

bool Element::has(std::string_view attribute) const {
  return std::any_of(attributes.begin(), attributes.end(),
                     [attribute](const auto& one) { return one.first == attribute; });
}

std::string Element::value(std::string_view attribute) const {
  for (const auto& [key, text] : attributes) {
    if (key == attribute) return text;
  }
  return {};
}

std::vector<Element> elements_of(std::string_view html) {
  return Scanner(html).all();
}

}  // namespace footfall::cli
