// SPDX-License-Identifier: Apache-2.0
// RFC 3339 times: "2015-05-28T23:05:56Z", "2015-05-28 23:05:56.25+07:00" to UTC seconds.
// Tested by tests/unit/ingest/rfc3339_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace footfall::ingest {

// False for what is no time of the calendar. Fractions are dropped; second 60 is the first second of the next minute.
bool parse_rfc3339(std::string_view text, std::int64_t& utc_s);

}  // namespace footfall::ingest
