// SPDX-License-Identifier: Apache-2.0
// Times and dates as people type and read them.
// Tested by tests/unit/client/times_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall::cli {

// "2015-05-28T23:05:56Z", "2015-05-29 06:05:56+07:00" or UTC seconds "1432854356". invalid_config shows the forms.
base::Result<std::int64_t> parse_time(std::string_view text);

// "2015-05-28"; `day` in days since 1970-01-01.
std::string date_text(std::int64_t day);
// "2015-05-28 23:05:56", of local = at_s + offset_s.
std::string time_text(std::int64_t at_s, std::int32_t offset_s = 0);

}  // namespace footfall::cli
