// SPDX-License-Identifier: Apache-2.0
// Text from outside: percent-decoding of query and form values, and labels that are safe to keep.
// Tested by tests/unit/ingest/text_test.cc; fuzzed by tests/fuzz/native_fuzz.cc.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/utf8.h"
#include "ingest/arena.h"

namespace footfall::ingest {

// The value of a hexadecimal digit, -1 for any other byte.
int hex_digit(char c);
using base::is_control;
using base::utf8_character;

// application/x-www-form-urlencoded: '+' is a space, %XX a byte. False on a '%' without two digits. `out` is `raw`
// itself when there is nothing to decode, else in the arena.
bool decode_form(std::string_view raw, Arena& arena, std::string_view& out);

// A label that people read: what is no UTF-8 becomes U+FFFD, control characters become spaces, spaces around are cut,
// and so is what would exceed size_max bytes, between two characters. In the arena.
std::string_view clean_label(std::string_view raw, std::size_t size_max, Arena& arena);

// `text` in lower case (ASCII), in the arena.
std::string_view lower_case(std::string_view text, Arena& arena);

}  // namespace footfall::ingest
