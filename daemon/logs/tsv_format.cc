// SPDX-License-Identifier: Apache-2.0
#include "logs/tsv_format.h"

#include <algorithm>
#include <string>

#include "logs/text.h"
#include "logs/timestamp.h"

namespace footfall::logs {
bool read_integer(std::string_view text, std::int64_t& out) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  std::int64_t value = 0;
  bool after_digit = false;
  for (const char c : text) {
    if (is_digit(c)) {
      if (value >= 100'000'000'000'000'000) return false;
      value = value * 10 + digit(c);
      after_digit = true;
    } else if (c == '_' && after_digit) {
      after_digit = false;
    } else {
      return false;
    }
  }
  out = negative ? -value : value;
  return after_digit;
}

base::Result<void> TsvFormat::read_header(std::string_view line) {
  constexpr std::array<std::string_view, kColumns> kNames = {"host", "time", "method", "url", "response"};
  std::array<bool, kColumns> seen{};
  std::size_t place = 0;
  while (true) {
    const std::size_t tab = line.find('\t');
    const std::string_view name = line.substr(0, tab);
    for (std::size_t column = 0; column < kColumns; ++column) {
      if (name == kNames[column]) {
        index_[column] = place;
        seen[column] = true;
      }
    }
    if (tab == std::string_view::npos) break;
    line.remove_prefix(tab + 1);
    ++place;
  }
  std::string missing;
  last_ = 0;
  for (std::size_t column = 0; column < kColumns; ++column) {
    if (!seen[column]) missing += (missing.empty() ? "" : ", ") + std::string(kNames[column]);
    last_ = std::max(last_, index_[column]);
  }
  if (!missing.empty()) {
    return base::Error{base::Errc::malformed,
                       "the first line must name the columns, separated by tabs; missing: " + missing};
  }
  return {};
}

bool TsvFormat::read(std::string_view line, Line& out) const {
  std::array<std::string_view, kColumns> values{};
  const char* p = line.data();
  const char* const end = p + line.size();
  for (std::size_t place = 0; place <= last_; ++place) {
    if (p == nullptr) return false;  // fewer columns than needed
    const char* const tab = find(p, end, '\t');
    const std::string_view value = view(p, tab == nullptr ? end : tab);
    for (std::size_t column = 0; column < kColumns; ++column) {
      if (index_[column] == place) values[column] = value;
    }
    p = tab == nullptr ? nullptr : tab + 1;
  }
  std::int64_t status = 0;
  if (!read_integer(values[time], out.time_s) || !read_integer(values[response], status)) return false;
  if (out.time_s < kFirstSecond || out.time_s > kLastSecond) return false;
  out.offset_s = 0;
  out.status = status >= 0 && status <= 999 ? static_cast<unsigned>(status) : 0;
  out.client = values[host];
  out.method = values[method];
  out.target = values[url];
  out.referrer.reset();
  out.agent.reset();
  out.host.reset();
  return true;
}

}  // namespace footfall::logs
