// SPDX-License-Identifier: Apache-2.0
#include "cli/json_text.h"

#include <cstdio>
#include <utility>

#include "cli/text.h"

namespace footfall::cli {

void append_json_string(std::string& out, std::string_view bytes) {
  out.push_back('"');
  for (const char c : to_utf8(bytes)) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void JsonText::new_line() {
  out_.push_back('\n');
  out_.append(open_.size() * 2, ' ');
}

void JsonText::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) out_.push_back(',');
  if (!open_.empty() && open_.back() == 'l') {
    new_line();
  } else if (!first_) {
    out_.push_back(' ');
  }
  first_ = false;
}

JsonText& JsonText::open(char bracket, Layout layout) {
  separate();
  out_.push_back(bracket);
  const bool lines = lines_ && layout == Layout::lines && (open_.empty() || open_.back() == 'l');
  open_.push_back(lines ? 'l' : 'o');
  first_ = true;
  return *this;
}

JsonText& JsonText::shut(char bracket) {
  const bool lines = open_.back() == 'l';
  open_.pop_back();
  if (lines && !first_) new_line();
  out_.push_back(bracket);
  first_ = false;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_ += ": ";
  after_key_ = true;
  return *this;
}

JsonText& JsonText::raw(std::string_view text) {
  separate();
  out_ += text;
  return *this;
}

JsonText& JsonText::value(std::string_view text) {
  separate();
  append_json_string(out_, text);
  return *this;
}

JsonText& JsonText::number(double number, int places) {
  char text[400];  // the greatest double has 309 digits
  std::snprintf(text, sizeof text, "%.*f", places, number);
  return raw(text);
}

std::string JsonText::take() {
  first_ = true;
  return std::exchange(out_, {});
}

}  // namespace footfall::cli
