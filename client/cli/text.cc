// SPDX-License-Identifier: Apache-2.0
#include "cli/text.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "sites/settings.h"

namespace footfall::cli {
namespace {

bool continuation(unsigned char byte) {
  return (byte & 0xc0U) == 0x80;
}

// The code point at `at`, and its size; size 0 if it is not UTF-8 (RFC 3629: shortest form, no surrogates).
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;
};

CodePoint code_point(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xc2 && first < 0xe0   ? 2
                           : first >= 0xe0 && first < 0xf0 ? 3
                           : first >= 0xf0 && first < 0xf5 ? 4
                                                           : 0;
  if (size == 0 || at + size > bytes.size()) return {};
  std::uint32_t value = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (!continuation(byte(at + i))) return {};
    value = (value << 6U) | (byte(at + i) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {};
  return {value, size};
}

}  // namespace

std::string to_utf8(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t size = code_point(bytes, at).size;
    if (size == 0) break;
    at += size;
  }
  if (at == bytes.size()) return std::string(bytes);
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xc0U | (byte >> 6U)));
      out.push_back(static_cast<char>(0x80U | (byte & 0x3fU)));
    }
  }
  return out;
}

std::string printable(std::string_view bytes) {
  const std::string utf8 = to_utf8(bytes);
  std::string out;
  for (std::size_t at = 0; at < utf8.size();) {
    const CodePoint point = code_point(utf8, at);
    if (point.value < 0x20 || (point.value >= 0x7f && point.value < 0xa0)) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(point.value));
      out += escape;
    } else {
      out.append(utf8, at, point.size);
    }
    at += point.size;
  }
  return out;
}

std::string printable_lines(std::string_view bytes) {
  std::string out;
  while (true) {
    const std::size_t newline = bytes.find('\n');
    out += printable(bytes.substr(0, newline));
    if (newline == std::string_view::npos) return out;
    out.push_back('\n');
    bytes.remove_prefix(newline + 1);
  }
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out.push_back(c);
    }
  }
  return out + "'";
}

std::string grouped(std::uint64_t number) {
  return sites::group_digits(number, sites::Grouping::comma);
}

std::string grouped_signed(std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number);
  return number < 0 ? "-" + grouped(-bits) : "+" + grouped(bits);
}

std::size_t columns(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return !continuation(static_cast<unsigned char>(c)); }));
}

std::string Table::text(std::string_view indent) const {
  std::vector<std::size_t> widths(align_.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - columns(row[i]), ' ');
      line += (i > 0 ? "  " : "") + (align_[i] == Align::right ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace footfall::cli
