// SPDX-License-Identifier: Apache-2.0
#include "cpp/hit_encoder.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace footfall::client {
namespace {

constexpr std::string_view kItemEnd = "}\n";
constexpr std::size_t kStampDigits = 10;

// How many bytes of well-formed UTF-8 begin `text`; 0: none (Unicode 15, table 3-7).
std::size_t utf8_at(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const auto tail = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if ((byte(i) & 0xC0U) != 0x80U) return std::size_t{0};
    }
    return to;
  };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1, 2);
  if (first >= 0xE0 && first <= 0xEF) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return tail(1, 3);
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return tail(1, 4);
  }
  return 0;
}

void append_text(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  while (!text.empty()) {
    // Most bytes stand for themselves.
    std::size_t plain = 0;
    while (plain < text.size()) {
      const auto c = static_cast<unsigned char>(text[plain]);
      if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') break;
      ++plain;
    }
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto c = static_cast<unsigned char>(text.front());
    if (c >= 0x80) {
      if (const std::size_t good = utf8_at(text); good > 0) {
        out.append(text.substr(0, good));
        text.remove_prefix(good);
        continue;
      }
    }
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else {
      out += "\\u00";
      out.push_back(kHex[c >> 4U]);
      out.push_back(kHex[c & 15U]);
    }
    text.remove_prefix(1);
  }
  out.push_back('"');
}

void member(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out += key;
  append_text(out, value);
}

}  // namespace

void append_hit(std::string& body, const Hit& hit, std::int64_t time_s) {
  body += "{\"site\":";
  append_text(body, hit.site);
  member(body, ",\"path\":", hit.path);
  member(body, ",\"ref\":", hit.referrer);
  if (hit.kind == Kind::event) body += ",\"kind\":\"event\"";
  if (hit.kind == Kind::heartbeat) body += ",\"kind\":\"heartbeat\"";
  member(body, ",\"name\":", hit.name);
  member(body, ",\"address\":", hit.address);
  member(body, ",\"agent\":", hit.agent);
  member(body, ",\"visitor\":", hit.visitor);
  if (time_s != Hit::kNow) {
    std::array<char, 24> digits{};
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), time_s);
    body += ",\"time\":";
    body.append(digits.data(), written.ptr);
  }
  body += kItemEnd;
}

void move_time(std::string& body, std::size_t end, std::int64_t by_s) {
  char* const last = body.data() + end - kItemEnd.size();
  char* const first = last - kStampDigits;
  std::int64_t time_s = 0;
  std::from_chars(first, last, time_s);
  std::to_chars(first, last, std::clamp(time_s + by_s, kStampMin, kStampMax));
}

}  // namespace footfall::client
