// SPDX-License-Identifier: Apache-2.0
// Hexadecimal digits, small letters: of bytes, and of a number with as many digits as it is wide.
// Tested by what is written with it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace footfall::base {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

inline void append_hex(std::string& out, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    out.push_back(kHexDigits[byte >> 4U]);
    out.push_back(kHexDigits[byte & 15U]);
  }
}

template <class Number>
void append_hex_number(std::string& out, Number number) {
  for (unsigned shift = 8 * sizeof number; shift > 0; shift -= 4)
    out.push_back(kHexDigits[number >> (shift - 4) & 15U]);
}

}  // namespace footfall::base
