// SPDX-License-Identifier: Apache-2.0
// File descriptors: how many connections the process has room for, so that the admin's, files and Redis find one even
// when the public listeners are flooded. Tested by tests/unit/server/descriptors_test.cc,
// tests/integration/overload_test.py.
#pragma once

#include <cstddef>
#include <cstdint>

namespace footfall {

// Raises the soft limit to the hard one: nothing here uses select(2). Says what is in force then.
std::uint64_t raise_descriptor_limit();

// Of `limit` descriptors, the connections that each of `threads` shards may keep; at least 16.
std::size_t connections_for(std::uint64_t limit, unsigned threads);

}  // namespace footfall
