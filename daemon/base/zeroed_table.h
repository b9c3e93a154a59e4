// SPDX-License-Identifier: Apache-2.0
// ZeroedTable<T>: a table of fixed size whose elements begin as zero bytes. A page of it takes up memory from the first
// touch on, so that a large table costs a start nothing, and a process at rest nothing either.
// Tested by tests/unit/base/zeroed_table_test.cc.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace footfall::base {

// Ownership  owns the elements. Threading: none of its own. Errors: throws std::bad_alloc.
template <class T>
class ZeroedTable {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>, "zero bytes are a value of T");

 public:
  ZeroedTable() = default;
  explicit ZeroedTable(std::size_t size) : size_(size) {
    if (size == 0) return;
    if (size > std::size_t(-1) / sizeof(T)) throw std::bad_alloc();
    void* const at = mmap(nullptr, size * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    elements_ = static_cast<T*>(at);
  }
  ZeroedTable(ZeroedTable&& other) noexcept
      : elements_(std::exchange(other.elements_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  ZeroedTable& operator=(ZeroedTable&& other) noexcept {
    std::swap(elements_, other.elements_);
    std::swap(size_, other.size_);
    return *this;
  }
  ZeroedTable(const ZeroedTable&) = delete;
  ZeroedTable& operator=(const ZeroedTable&) = delete;
  ~ZeroedTable() {
    if (elements_ != nullptr) munmap(elements_, size_ * sizeof(T));
  }

  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return elements_[i]; }
  const T& operator[](std::size_t i) const { return elements_[i]; }

 private:
  T* elements_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace footfall::base
