// SPDX-License-Identifier: Apache-2.0
// Chunks: an array that grows and shrinks at its end without ever moving an element or copying a table.
//
// The first chunk holds 4 elements, each further one as many as all before it together, from 4,096 on every one the
// same: a small array wastes little, a large one grows in steps that nobody notices, and what shrinks is given back.
//
//     chunk   0       1      2           3                   ...   11              12
//           [ 0..3 | 4..7 | 8..15     | 16..31            | ... | 4096..8191    | 8192..12287  ...
//
// Chunks of a page and more come from TableMemory. at() is two loads, the first from a directory that stays in the
// cache (8 bytes for 4,096 elements). One empty chunk is kept at the end, so that a size that swings around a boundary
// does not allocate each time. Tested by tests/unit/counting/interner_test.cc and presence_test.cc.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "counting/table_memory.h"

namespace footfall::counting {

// Units      elements, but for memory_bytes().
// Ownership  owns its elements, which are plain bytes; references stay valid until the element is popped.
// Threading  none of its own.
// Errors     none; out of memory throws std::bad_alloc and leaves the array as it was.
template <class T>
class Chunks {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  Chunks() = default;
  Chunks(Chunks&& other) noexcept : size_(std::exchange(other.size_, 0)), chunks_(std::move(other.chunks_)) {
    other.chunks_.clear();
  }
  Chunks& operator=(Chunks&& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(chunks_, other.chunks_);
    return *this;
  }
  Chunks(const Chunks&) = delete;
  Chunks& operator=(const Chunks&) = delete;
  ~Chunks() {
    for (std::size_t chunk = chunks_.size(); chunk > 0; --chunk) release(chunk - 1);
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // REQUIRES: index < size().
  T& operator[](std::size_t index) { return *at(index); }
  const T& operator[](std::size_t index) const { return *at(index); }

  // Appends a value-initialised element.
  T& push() {
    const std::size_t chunk = chunk_of(size_);
    if (chunk == chunks_.size()) {
      chunks_.reserve(chunk + 1);
      chunks_.push_back(take(length(chunk) * sizeof(T)));
    }
    T* element = at(size_++);
    return *new (element) T{};
  }
  // REQUIRES: not empty().
  void pop() {
    assert(size_ > 0);
    --size_;
    const std::size_t used = size_ == 0 ? 0 : chunk_of(size_ - 1) + 1;
    if (chunks_.size() > used + 1) {
      release(chunks_.size() - 1);
      chunks_.pop_back();
    }
  }

  std::size_t memory_bytes() const {
    return (chunks_.empty() ? 0 : (begin_of(chunks_.size() - 1) + length(chunks_.size() - 1)) * sizeof(T)) +
           chunks_.capacity() * sizeof(T*);
  }

 private:
  static constexpr std::size_t kFirst = 4;
  static constexpr std::size_t kFull = 4096;
  static constexpr std::size_t kFullFrom = 11;  // the first chunk of full length: 4 << 10 elements stand before it

  static constexpr std::size_t chunk_of(std::size_t index) {
    return index >= kFull ? kFullFrom - 1 + index / kFull : static_cast<std::size_t>(std::bit_width(index / kFirst));
  }
  static constexpr std::size_t begin_of(std::size_t chunk) {
    return chunk == 0 ? 0 : chunk >= kFullFrom ? (chunk - (kFullFrom - 1)) * kFull : kFirst << (chunk - 1);
  }
  static constexpr std::size_t length(std::size_t chunk) {
    return chunk == 0 ? kFirst : chunk >= kFullFrom ? kFull : kFirst << (chunk - 1);
  }
  T* at(std::size_t index) const {
    if (index >= kFull) return chunks_[kFullFrom - 1 + index / kFull] + index % kFull;
    const std::size_t chunk = chunk_of(index);
    return chunks_[chunk] + (index - begin_of(chunk));
  }
  static T* take(std::size_t bytes) {
    if (TableMemory::serves(bytes)) return static_cast<T*>(TableMemory::take(bytes));
    return static_cast<T*>(::operator new (bytes, std::align_val_t{alignof(T)}));
  }
  void release(std::size_t chunk) {
    const std::size_t bytes = length(chunk) * sizeof(T);
    if (TableMemory::serves(bytes)) return TableMemory::give(chunks_[chunk], bytes);
    ::operator delete (chunks_[chunk], std::align_val_t{alignof(T)});
  }

  std::size_t size_ = 0;
  std::vector<T*> chunks_;
};

}  // namespace footfall::counting
