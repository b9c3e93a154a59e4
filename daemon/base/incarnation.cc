// SPDX-License-Identifier: Apache-2.0
#include "base/incarnation.h"

#include "base/hex.h"

namespace footfall::base {

std::string to_text(const Incarnation& incarnation) {
  std::string out;
  append_hex(out, incarnation);
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
