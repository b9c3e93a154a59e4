// SPDX-License-Identifier: Apache-2.0
// The buddy system over mapped regions. What is free holds the links of its list.
// Tested by tests/unit/counting/table_memory_test.cc.
#include "counting/table_memory.h"

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <memory>
#include <new>
#include <unordered_map>

#include "base/mutex.h"

namespace footfall::counting {
namespace {

constexpr unsigned kOrders = std::bit_width(TableMemory::kRegion / TableMemory::kBlockMin);
constexpr unsigned kWhole = kOrders - 1;
constexpr std::size_t kLeaves = TableMemory::kRegion / TableMemory::kBlockMin;

constexpr std::size_t size_of(unsigned order) {
  return TableMemory::kBlockMin << order;
}
constexpr unsigned order_of(std::size_t bytes) {
  return static_cast<unsigned>(std::countr_zero(bytes / TableMemory::kBlockMin));
}

struct Free {
  Free* next;
  Free* previous;
};

class Heap {
 public:
  void* take(unsigned order) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    unsigned found = order;
    while (found < kOrders && lists_[found] == nullptr) ++found;
    if (found == kOrders) {
      map_region();
      found = kWhole;
    }
    Free* block = lists_[found];
    unlist(block, found);
    if (found == kWhole) --empty_regions_;
    while (found > order) {
      --found;
      list(reinterpret_cast<char*>(block) + size_of(found), found);
    }
    return block;
  }

  void give(void* block, unsigned order) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    auto at = reinterpret_cast<std::uintptr_t>(block);
    const Region& region = *regions_.at(at & ~(TableMemory::kRegion - 1));
    for (; order < kWhole; ++order) {
      const std::uintptr_t other = at ^ size_of(order);
      if (region[leaf_of(other)] != order + 1) break;
      unlist(reinterpret_cast<Free*>(other), order);
      at &= ~size_of(order);
    }
    if (order == kWhole && empty_regions_ > 0) {
      regions_.erase(at);
      munmap(reinterpret_cast<void*>(at), TableMemory::kRegion);
      return;
    }
    if (order == kWhole) ++empty_regions_;
    list(reinterpret_cast<char*>(at), order);
  }

  std::size_t held_bytes() EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return regions_.size() * TableMemory::kRegion;
  }

 private:
  using Region = std::array<std::uint8_t, kLeaves>;  // leaf -> 1 + order of the free block that begins there; 0: none

  static std::size_t leaf_of(std::uintptr_t at) { return (at & (TableMemory::kRegion - 1)) / TableMemory::kBlockMin; }

  // Maps twice the size less a page, and gives back what is not aligned.
  void map_region() REQUIRES(mutex_) {
    constexpr std::size_t kMapped = 2 * TableMemory::kRegion - TableMemory::kBlockMin;
    auto region = std::make_unique<Region>();
    void* mapped = mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    const auto begin = reinterpret_cast<std::uintptr_t>(mapped);
    const std::uintptr_t at = (begin + TableMemory::kRegion - 1) & ~(TableMemory::kRegion - 1);
    const std::size_t before = at - begin;
    const std::size_t behind = kMapped - before - TableMemory::kRegion;
    if (before > 0) munmap(mapped, before);
    if (behind > 0) munmap(reinterpret_cast<void*>(at + TableMemory::kRegion), behind);
    // Where the kernel has no huge pages these are small ones.
    (void)madvise(reinterpret_cast<void*>(at), TableMemory::kRegion, MADV_HUGEPAGE);
    regions_.emplace(at, std::move(region));
    ++empty_regions_;
    list(reinterpret_cast<char*>(at), kWhole);
  }

  void list(char* at, unsigned order) REQUIRES(mutex_) {
    Free* block = new (at) Free{lists_[order], nullptr};
    if (block->next != nullptr) block->next->previous = block;
    lists_[order] = block;
    mark(block, static_cast<std::uint8_t>(order + 1));
  }
  void unlist(Free* block, unsigned order) REQUIRES(mutex_) {
    if (block->next != nullptr) block->next->previous = block->previous;
    (block->previous != nullptr ? block->previous->next : lists_[order]) = block->next;
    mark(block, 0);
  }
  void mark(const Free* block, std::uint8_t as) REQUIRES(mutex_) {
    const auto at = reinterpret_cast<std::uintptr_t>(block);
    (*regions_.at(at & ~(TableMemory::kRegion - 1)))[leaf_of(at)] = as;
  }

  base::Mutex mutex_;
  std::array<Free*, kOrders> lists_ GUARDED_BY(mutex_){};                                   // order -> free blocks
  std::unordered_map<std::uintptr_t, std::unique_ptr<Region>> regions_ GUARDED_BY(mutex_);  // address -> its map
  std::size_t empty_regions_ GUARDED_BY(mutex_) = 0;
};

// Never destroyed: tables may live as long as the process.
Heap& heap() {
  static Heap& only = *new Heap;
  return only;
}

}  // namespace

void* TableMemory::take(std::size_t bytes) {
  assert(serves(bytes));
  return heap().take(order_of(bytes));
}

void TableMemory::give(void* block, std::size_t bytes) noexcept {
  heap().give(block, order_of(bytes));
}

std::size_t TableMemory::held_bytes() {
  return heap().held_bytes();
}

}  // namespace footfall::counting
