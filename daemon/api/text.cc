// SPDX-License-Identifier: Apache-2.0
#include "api/text.h"

#include <charconv>

namespace footfall::api {

namespace {

bool continues(std::string_view bytes, std::size_t i) {
  return i < bytes.size() && (static_cast<unsigned char>(bytes[i]) & 0xC0U) == 0x80U;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

std::size_t utf8_length(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  const auto second = bytes.size() > 1 ? static_cast<unsigned char>(bytes[1]) : 0U;
  if (first < 0xE0) return continues(bytes, 1) ? 2 : 0;
  if (first < 0xF0) {
    if (first == 0xE0 && second < 0xA0) return 0;  // overlong
    if (first == 0xED && second > 0x9F) return 0;  // surrogate
    return continues(bytes, 1) && continues(bytes, 2) ? 3 : 0;
  }
  if (first > 0xF4) return 0;
  if (first == 0xF0 && second < 0x90) return 0;  // overlong
  if (first == 0xF4 && second > 0x8F) return 0;  // beyond U+10FFFF
  return continues(bytes, 1) && continues(bytes, 2) && continues(bytes, 3) ? 4 : 0;
}

void append_xml(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    const std::string_view character = text.substr(i, length == 0 ? 1 : length);
    const bool control = length == 1 && static_cast<unsigned char>(character[0]) < 0x20 && character[0] != '\t' &&
                         character[0] != '\n' && character[0] != '\r';
    if (length == 0 || control || character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF") {
      out += kReplacement;
    } else if (character == "&") {
      out += "&amp;";
    } else if (character == "<") {
      out += "&lt;";
    } else if (character == ">") {
      out += "&gt;";
    } else if (character == "\"") {
      out += "&quot;";
    } else if (character == "'") {
      out += "&#39;";
    } else {
      out += character;
    }
    i += character.size();
  }
}

std::string one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const bool control = length == 1 && (static_cast<unsigned char>(text[0]) < 0x20 || text[0] == '\x7F');
    out += length == 0 ? kReplacement : control ? std::string_view(" ") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_list_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = trimmed(list.substr(0, comma));
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  return element;
}

std::pair<std::string, std::string> take_query_pair(std::string_view& query) {
  const std::size_t end = query.find('&');
  const std::string_view pair = query.substr(0, end);
  query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
  const std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return {percent_decoded(pair), {}};
  return {percent_decoded(pair.substr(0, equals)), percent_decoded(pair.substr(equals + 1))};
}

std::optional<std::string> query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    auto [name, value] = take_query_pair(query);
    if (name == key) return std::move(value);
  }
  return std::nullopt;
}

std::optional<std::size_t> limit_of(const std::optional<std::string>& value, std::size_t fallback, std::size_t max) {
  if (!value) return fallback;
  std::size_t limit = 0;
  const char* const end = value->data() + value->size();
  const auto [stopped, error] = std::from_chars(value->data(), end, limit);
  if (error != std::errc() || stopped != end || limit == 0 || limit > max) return std::nullopt;
  return limit;
}

}  // namespace footfall::api
