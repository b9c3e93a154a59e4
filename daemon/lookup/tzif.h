// SPDX-License-Identifier: Apache-2.0
// TZif: a compiled time zone file (RFC 8536) to the spans of constant offset that it describes.
//
//   header v1 | data block with 32-bit times | header v2+ | data block with 64-bit times | \n POSIX rule \n
//
// The transitions come from the 64-bit block; from the last of them on, the rule in the footer
// ("EST5EDT,M3.2.0,M11.1.0") is unrolled year by year. Libraries that stop at the last transition lose daylight saving
// after 2037 with Debian's files, and after 2007 with files compiled `zic -b slim`; hence a reader of our own. Bytes
// are checked: a file that breaks the grammar is malformed, never read past its end. Tested by
// tests/unit/lookup/tzif_test.cc, against the date library where both know the answer.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/errors.h"

namespace footfall::lookup {

// [from_s, until_s) in UTC seconds; local = UTC + offset_s.
struct OffsetSpan {
  std::int64_t from_s = INT64_MIN, until_s = INT64_MAX;
  std::int32_t offset_s = 0;
};

// Spans that touch one another, from INT64_MIN to INT64_MAX, at least one; neighbours differ in their offset. Rules are
// unrolled up to the end of year_max (local), the last offset holds beyond. Malformed says what is wrong, not where the
// bytes came from.
base::Result<std::vector<OffsetSpan>> parse_tzif(std::string_view bytes, int year_max);

}  // namespace footfall::lookup
