// SPDX-License-Identifier: Apache-2.0
// Incarnation: the random id of one data directory, and so of what was counted into it; or of one run of it among
// nodes (its slot, store/own_slot.h). As text it is 32 hex digits: in META, in the header Footfall-Node, and in Redis.
// Tested by tests/unit/base/incarnation_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace footfall::base {

using Incarnation = std::array<std::uint8_t, 16>;

std::string to_text(const Incarnation& incarnation);
// nullopt: not 32 of 0-9 a-f.
std::optional<Incarnation> parse_incarnation(std::string_view text);
// Its bytes as they are, for what is stored; valid as long as it is.
inline std::string_view bytes_of(const Incarnation& incarnation) {
  return {reinterpret_cast<const char*>(incarnation.data()), incarnation.size()};
}

}  // namespace footfall::base
