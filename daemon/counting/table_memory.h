// SPDX-License-Identifier: Apache-2.0
// TableMemory: where tables take their chunks from: regions of 2 MiB that the kernel may back by one huge page each.
//
//     region   [ 256K | 256K | 128K | 64K | 32K 32K |         1M, free          ]
//
// A table of millions that is touched at random needs a page of its own for nearly each touch, and what translates the
// address misses more often than what holds the data; in a virtual machine each such miss is two walks. A huge page
// makes 512 of them one. Of the CPU time of a replay with ten million online it saves a quarter.
//
// A buddy system: a block is a power of two at a multiple of its size; what is free is halved as far as needed, and
// joins its other half when that is free too. A region of which nothing is left goes back, but for one. All tables of
// the process share them, so at most part of one region is unused by tables that only grow.
// Source: Knowlton, "A fast storage allocator" (CACM 1965).
// Tested by tests/unit/counting/table_memory_test.cc.
#pragma once

#include <cstddef>

namespace footfall::counting {

// Units      bytes.
// Ownership  of a block is the caller's from take() to give(). Threading: any.
// Errors     take() throws std::bad_alloc.
class TableMemory {
 public:
  static constexpr std::size_t kRegion = 2U << 20U;
  static constexpr std::size_t kBlockMin = 4U << 10U;
  static constexpr std::size_t kBlockMax = kRegion / 2;

  // Less would waste memory, more is aligned by none of the others.
  static constexpr bool serves(std::size_t bytes) {
    return bytes >= kBlockMin && bytes <= kBlockMax && (bytes & (bytes - 1)) == 0;
  }
  // REQUIRES: serves(bytes). The content is undefined.
  static void* take(std::size_t bytes);
  static void give(void* block, std::size_t bytes) noexcept;
  // That regions take up, used or not.
  static std::size_t held_bytes();
};

}  // namespace footfall::counting
