// SPDX-License-Identifier: Apache-2.0
// BatchPart: which part of which source a batch is, as the query of POST /v1/hits says it.
//
//   source=NAME&position=N                            of an import: up to its line N
//   source=NAME&position=N&site=S&after=M&mark=TEXT   of a log that is followed: from M (0: the first part) to N
//
// Tested by tests/unit/server/batch_part_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall {

struct BatchPart {
  std::string source;  // empty: it is no part
  std::uint64_t position = 0;
  // Of a follower; of an import they are empty. See sites/imports.h.
  std::string site, mark;
  std::uint64_t after = 0;

  bool is_part() const { return !source.empty(); }
  bool followed() const { return !mark.empty(); }
};

// malformed says which key, and what would be right.
base::Result<BatchPart> read_batch_part(std::string_view query);

}  // namespace footfall
