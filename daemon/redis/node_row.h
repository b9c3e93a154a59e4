// SPDX-License-Identifier: Apache-2.0
// NodeRow: what PREFIX:{meta}:nodes has of one run of a node: "1700000000 NAME".
//
// Units: UTC seconds of Redis's clock. Errors: parse(): none where it is no row.
// Tested by tests/unit/redis/departed_test.cc.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace footfall::redis {

struct NodeRow {
  std::int64_t seen_s = 0;  // when it said that it is there
  std::string name;

  std::string text() const { return std::to_string(seen_s) + " " + name; }
  static std::optional<NodeRow> parse(std::string_view text) {
    NodeRow out;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, out.seen_s);
    if (error != std::errc()) return std::nullopt;
    if (stop < end) out.name.assign(stop + 1, end);
    return out;
  }
};

}  // namespace footfall::redis
