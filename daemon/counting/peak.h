// SPDX-License-Identifier: Apache-2.0
// Peak and Observation: the highest online seen at a whole second, and one such sight, as it is journaled.
// Tested by tests/unit/counting/site_state_test.cc.
#pragma once

#include <cstdint>

#include "counting/hit.h"

namespace footfall::counting {

// The highest online at a whole second, with the first second at which it was so.
struct Peak {
  std::uint32_t online = 0;
  std::int64_t at_s = 0;
  // Keeps the higher; of equals the earlier.
  void merge(const Peak& other) {
    if (other.online > online || (other.online == online && other.online > 0 && other.at_s < at_s)) *this = other;
  }
  friend bool operator==(const Peak&, const Peak&) = default;
};

// What was seen, to be journaled: online was `online` at the whole second `at_s`.
struct Observation {
  Epoch epoch;
  std::int64_t at_s = 0;
  std::int32_t utc_offset_s = 0;
  std::uint32_t online = 0;
};

}  // namespace footfall::counting
