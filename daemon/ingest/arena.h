// SPDX-License-Identifier: Apache-2.0
// Arena: bytes that live until the pass ends. Bump allocation in chunks; the first is kept from pass to pass, so that a
// pass of ordinary size allocates nothing.
//
//     chunk 0 [ used ......... | left_ ]    chunk 1 (only in a large pass) [ ... ]
//                              ^ next_
//
// One thread. Tested by tests/unit/ingest/arena_test.cc.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace footfall::ingest {

class Arena {
 public:
  static constexpr std::size_t kChunk = 64U << 10U;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `size` writable bytes, not initialised.
  char* allocate(std::size_t size) {
    if (size > left_) next_chunk(size);
    char* out = next_;
    next_ += size;
    left_ -= size;
    return out;
  }
  // Gives back the unused end of the latest allocation; of an earlier one nothing.
  void shrink(char* begin, std::size_t allocated, std::size_t used) {
    if (begin + allocated == next_) {
      next_ -= allocated - used;
      left_ += allocated - used;
    }
  }
  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* out = allocate(text.size());
    std::memcpy(out, text.data(), text.size());
    return {out, text.size()};
  }
  // All that was allocated is gone. Keeps one chunk.
  void clear();
  std::size_t chunks() const { return chunks_.size(); }
  std::size_t bytes() const { return bytes_; }  // of all chunks

 private:
  void next_chunk(std::size_t size);

  std::vector<std::unique_ptr<char[]>> chunks_;  // the first is of kChunk bytes, the others of at least that
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace footfall::ingest
