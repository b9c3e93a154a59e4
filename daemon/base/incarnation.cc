// SPDX-License-Identifier: Apache-2.0
#include "base/incarnation.h"

namespace footfall::base {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace

std::string to_text(const Incarnation& incarnation) {
  std::string out;
  for (const std::uint8_t byte : incarnation) {
    out.push_back(kHexDigits[byte >> 4U]);
    out.push_back(kHexDigits[byte & 15U]);
  }
  return out;
}

std::optional<Incarnation> parse_incarnation(std::string_view text) {
  Incarnation out{};
  if (text.size() != 2 * out.size()) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t high = kHexDigits.find(text[2 * i]);
    const std::size_t low = kHexDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(high << 4U | low);
  }
  return out;
}

}  // namespace footfall::base
