// SPDX-License-Identifier: Apache-2.0
// UTF-8 as RFC 3629 has it: no surrogates, nothing overlong, nothing beyond U+10FFFF.
// Tested by tests/unit/ingest/text_test.cc and tests/unit/api/text_test.cc, which use it under their modules' names.
#pragma once

#include <cstddef>
#include <string_view>

namespace footfall::base {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// How many bytes the well-formed character at the begin of `text` has; 0 if there is none.
std::size_t utf8_character(std::string_view text);
// Is `character`, one UTF-8 character, a control character (C0, DEL or C1)?
bool is_control(std::string_view character);

}  // namespace footfall::base
