// SPDX-License-Identifier: Apache-2.0
#include "api/json.h"

#include <array>
#include <charconv>
#include <cmath>

#include "api/text.h"

namespace footfall::api {

namespace {

constexpr std::uint64_t kExactInDouble = std::uint64_t{1} << 53U;

template <class T>
void append_number(std::string& out, T number) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  static_cast<void>(error);  // 32 characters hold any of them
  out.append(buffer.data(), end);
}

void append_escape(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out.push_back(kHex[c >> 4U]);
      out.push_back(kHex[c & 15U]);
  }
}

void append_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == '"' || c == '\\') {
      append_escape(out, c);
      ++i;
    } else if (c == '/' && i > 0 && text[i - 1] == '<') {
      out += "\\/";
      ++i;
    } else if (c < 0x80) {
      out.push_back(text[i]);
      ++i;
    } else {
      const std::size_t length = utf8_length(text.substr(i));
      const std::string_view character = text.substr(i, length == 0 ? 1 : length);
      if (length == 0) {
        out += kReplacement;
      } else if (character == "\xE2\x80\xA8") {
        out += "\\u2028";
      } else if (character == "\xE2\x80\xA9") {
        out += "\\u2029";
      } else {
        out += character;
      }
      i += character.size();
    }
  }
  out.push_back('"');
}

}  // namespace

void JsonWriter::separate() {
  if (comma_) out_.push_back(',');
  comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_.push_back(bracket);
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::shut(char bracket) {
  out_.push_back(bracket);
  comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_string(out_, name);
  out_.push_back(':');
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  append_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::value(std::uint64_t number) {
  separate();
  append_number(out_, number);
  return *this;
}

JsonWriter& JsonWriter::value(std::int64_t number) {
  separate();
  append_number(out_, number);
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  separate();
  const std::size_t before = out_.size();
  append_number(out_, number);
  if (out_.find_first_of(".e", before) == std::string::npos) out_ += ".0";  // a double stays one when read back
  return *this;
}

JsonWriter& JsonWriter::value(bool yes) {
  separate();
  out_ += yes ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

JsonWriter& JsonWriter::count(std::string_view name, std::uint64_t number) {
  member(name, number);
  if (number <= kExactInDouble) return *this;
  std::string text_name(name);
  text_name += "_text";
  return member(text_name, std::string_view(std::to_string(number)));
}

JsonWriter& JsonWriter::signed_count(std::string_view name, std::int64_t number) {
  if (number >= 0) return count(name, static_cast<std::uint64_t>(number));
  member(name, number);
  if (number >= -static_cast<std::int64_t>(kExactInDouble)) return *this;
  std::string text_name(name);
  text_name += "_text";
  return member(text_name, std::string_view(std::to_string(number)));
}

}  // namespace footfall::api
