// SPDX-License-Identifier: Apache-2.0
// Counter: a number that one thread raises and any thread reads. Relaxed loads and stores, no locked instruction.
#pragma once

#include <atomic>
#include <cstdint>

namespace footfall::base {

class Counter {
 public:
  // The owning thread only.
  void add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  // Any thread.
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace footfall::base
