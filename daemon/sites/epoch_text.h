// SPDX-License-Identifier: Apache-2.0
// An epoch as text, "2.1f": its number, and its reset id in hex. In Redis, and where people see two epochs of one
// number. Tested by tests/unit/sites/epoch_text_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "counting/hit.h"

namespace footfall::sites {

std::string to_text(const counting::Epoch& epoch);
// nullopt: to_text() writes no such text.
std::optional<counting::Epoch> parse_epoch(std::string_view text);

}  // namespace footfall::sites
