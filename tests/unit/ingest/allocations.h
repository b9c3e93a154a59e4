// SPDX-License-Identifier: Apache-2.0
// Counts the allocations of a thread, for promises that there are none. allocations.cc replaces operator new.
#pragma once

#include <cstddef>

namespace footfall::testing {

std::size_t allocations();

}  // namespace footfall::testing
