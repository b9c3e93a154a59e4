// SPDX-License-Identifier: Apache-2.0
// Interner: text -> a dense 32-bit id, and back; ids are never reused. Used for a site's pages and for its labels.
//
// Open addressing over 32-bit slots, the text in one growing arena; hashes come from the caller (base::table_hash), so
// that hashing happens outside the site's lock. An id may be known before its text: a replayed stream may use an id
// whose definition stands in another stream.
// Tested by tests/unit/counting/interner_test.cc against a std::unordered_map.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace footfall::counting {

class Interner {
 public:
  // Ids below `first` are the caller's own and have no text here.
  explicit Interner(std::uint32_t first) : first_(first) {}

  std::optional<std::uint32_t> find(std::string_view text, std::uint64_t hash) const;
  // The id of `text`, new if need be.
  std::uint32_t intern(std::string_view text, std::uint64_t hash);
  // Binds a given id to its text, as a replayed definition does. False if the id or the text is bound otherwise.
  bool define(std::uint32_t id, std::string_view text, std::uint64_t hash);

  std::string_view text(std::uint32_t id) const;  // empty if not defined; valid until destruction
  std::uint32_t end() const;                      // one past the greatest id
  std::size_t size() const { return size_; }      // texts bound
  void prefetch(std::uint64_t hash) const;
  std::size_t memory_bytes() const;

 private:
  struct Slot {
    std::uint32_t tag;  // the hash's upper half
    std::uint32_t id;   // 0: free
  };
  void grow();

  std::uint32_t first_;
  std::size_t size_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::string_view> texts_;  // id - first_ -> text in the arena
  std::vector<std::uint64_t> hashes_;
  std::deque<std::string> arena_;  // chunks that never move
};

}  // namespace footfall::counting
