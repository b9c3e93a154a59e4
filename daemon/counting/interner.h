// SPDX-License-Identifier: Apache-2.0
// Interner: text -> a dense 32-bit id, and back; ids are never reused. Used for a site's pages and for its labels.
//
// A linear-hashing table of chains: one head is added and one chain divided with each new text, so that no step ever
// copies a table under the site's lock. Hashes come from the caller (base::table_hash), so that hashing happens
// outside that lock; their upper half is kept beside the id. An id may be known before its text: a replayed stream may
// use an id whose definition stands in another stream.
//
//     heads      entries, by id - first        arena
//     [ 7 ] ---> { text, tag, next: 3 } -----> | length, bytes | length, bytes | ...
//
// 20 bytes and the text itself (with a length of one or two bytes) for each text.
// Source: Litwin, "Linear hashing" (VLDB 1980).
// Tested by tests/unit/counting/interner_test.cc against a std::unordered_map.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "counting/chunks.h"

namespace footfall::counting {

// Units      ids from `first` on; hashes are 64 random bits of the text, always the same for the same text.
// Ownership  owns copies of the texts, which never move.
// Threading  none of its own: guarded by the lock of its site.
// Errors     none; how many texts there may be is bounded by the caller (pages_max, labels_known_max).
class Interner {
 public:
  // One past the greatest id that is ever accepted; it keeps a damaged definition from claiming all memory.
  static constexpr std::uint32_t kEndMax = 1U << 27U;

  // Ids below `first` are the caller's own and have no text here.
  explicit Interner(std::uint32_t first) : first_(first) {}

  std::optional<std::uint32_t> find(std::string_view text, std::uint64_t hash) const;
  // The id of `text`, new if need be. REQUIRES: end() < kEndMax, or that the text is known.
  std::uint32_t intern(std::string_view text, std::uint64_t hash);
  // Binds a given id to its text, as a replayed definition does. False if the id or the text is bound otherwise, or
  // if the id is not one of this interner (below `first`, or kEndMax and beyond).
  bool define(std::uint32_t id, std::string_view text, std::uint64_t hash);

  std::string_view text(std::uint32_t id) const;  // empty if not defined; valid until destruction
  bool defined(std::uint32_t id) const;
  std::uint32_t end() const {
    return first_ + static_cast<std::uint32_t>(entries_.size());
  }                                           // one past the greatest id
  std::size_t size() const { return size_; }  // texts bound
  void prefetch(std::uint64_t hash) const;
  std::size_t memory_bytes() const;

 private:
  struct Entry {
    const char* text = nullptr;  // varint length, then the bytes; null while the id is not defined
    std::uint32_t tag = 0;       // the hash's upper half
    std::uint32_t next = 0;      // index + 1 of the next entry of the chain; 0 ends it
  };

  std::size_t head_of(std::uint32_t tag) const;
  void bind(std::uint32_t index, std::string_view text, std::uint32_t tag);
  void split();
  const char* store(std::string_view text);

  std::uint32_t first_;
  std::size_t size_ = 0;
  Chunks<std::uint32_t> heads_;  // chain -> index + 1 of its first entry; 0: empty
  Chunks<Entry> entries_;        // id - first_ -> entry
  std::vector<std::unique_ptr<char[]>> arena_;
  std::size_t arena_bytes_ = 0;
  char* free_ = nullptr;  // the rest of the arena's last chunk
  std::size_t free_size_ = 0;
};

}  // namespace footfall::counting
