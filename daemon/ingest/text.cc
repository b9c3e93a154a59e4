// SPDX-License-Identifier: Apache-2.0
#include "ingest/text.h"

namespace footfall::ingest {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool decode_form(std::string_view raw, Arena& arena, std::string_view& out) {
  std::size_t i = 0;  // a loop: find_first_of() costs a call a byte
  while (i < raw.size() && raw[i] != '%' && raw[i] != '+') ++i;
  if (i == raw.size()) {
    out = raw;
    return true;
  }
  char* const begin = arena.allocate(raw.size());
  std::memcpy(begin, raw.data(), i);
  char* next = begin + i;
  for (; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == '+') {
      *next++ = ' ';
    } else if (c != '%') {
      *next++ = c;
    } else {
      const int high = raw.size() - i > 2 ? hex_digit(raw[i + 1]) : -1;
      const int low = raw.size() - i > 2 ? hex_digit(raw[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      *next++ = static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  out = {begin, static_cast<std::size_t>(next - begin)};
  arena.shrink(begin, raw.size(), out.size());
  return true;
}

std::string_view clean_label(std::string_view raw, std::size_t size_max, Arena& arena) {
  char* const begin = arena.allocate(size_max);
  std::size_t used = 0;
  while (!raw.empty()) {
    const std::size_t size = utf8_character(raw);
    std::string_view piece = size == 0 ? "\xEF\xBF\xBD" : raw.substr(0, size);
    if (size != 0 && is_control(piece)) piece = " ";
    raw.remove_prefix(size == 0 ? 1 : size);
    if (used == 0 && piece == " ") continue;
    if (used + piece.size() > size_max) break;
    std::memcpy(begin + used, piece.data(), piece.size());
    used += piece.size();
  }
  while (used > 0 && begin[used - 1] == ' ') --used;
  arena.shrink(begin, size_max, used);
  return {begin, used};
}

std::string_view lower_case(std::string_view text, Arena& arena) {
  if (text.empty()) return {};
  char* const out = arena.allocate(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    out[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  return {out, text.size()};
}

}  // namespace footfall::ingest
