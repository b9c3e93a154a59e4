// SPDX-License-Identifier: Apache-2.0
// The seed of random tests: from the environment's FOOTFALL_SEED, else drawn; always printed, so that a failure
// replays:
//   FOOTFALL_SEED=123 ctest -R journal
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace footfall::testing {

// The same for the whole process; printed when first asked for.
inline std::uint64_t rng_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("FOOTFALL_SEED");
    const std::uint64_t chosen = given != nullptr ? std::stoull(given) : std::random_device{}();
    std::cout << "FOOTFALL_SEED=" << chosen << '\n';
    return chosen;
  }();
  return seed;
}

}  // namespace footfall::testing
