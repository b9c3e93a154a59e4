// SPDX-License-Identifier: Apache-2.0
// Digits in threes, as people see them.
// Tested by tests/unit/sites/settings_test.cc.
#pragma once

#include <string>

#include "sites/settings.h"

namespace footfall::sites {

// "41.450.791"; of digits as they are, also with zeros in front.
std::string group_digits(std::string digits, Grouping grouping);

}  // namespace footfall::sites
