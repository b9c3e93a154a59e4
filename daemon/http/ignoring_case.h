// SPDX-License-Identifier: Apache-2.0
// Names in HTTP that are the same in upper and lower case: fields, media types, codings (RFC 9110).
// Tested by tests/unit/http/ignoring_case_test.cc.
#pragma once

#include <algorithm>
#include <string_view>

namespace footfall::http {

// `lower` is in lower case. Letters beyond ASCII are themselves.
inline bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
         });
}

}  // namespace footfall::http
