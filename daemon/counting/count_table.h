// SPDX-License-Identifier: Apache-2.0
// CountTable: id -> count, for pages of an epoch and for one day's ranking of one dimension.
//
//     [ id count | free | id count | id count ]     open addressing, 16 bytes a slot, at most 3/4 full
//
// Ids are dense and drawn by us, never by a client, so multiplying by an odd number spreads them (Fibonacci hashing)
// and no key is needed. An id may be entered with a count of zero: a place taken under a cap, which no reader sees.
// Cost: add() is a multiplication and usually one cache line. A dense array would be a third of the size for a site's
// first epoch, but as long as the greatest id for every later one, however few pages it counts.
// Tested by tests/unit/counting/rankings_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "counting/saturating.h"

namespace footfall::counting {

struct Ranked {
  std::uint32_t id;  // a label id, or a page id for Dimension::page
  std::uint64_t count;
  friend bool operator==(const Ranked&, const Ranked&) = default;
};

class CountTable {
 public:
  static constexpr std::uint32_t kFree = UINT32_MAX;  // no id

  std::uint32_t used() const { return used_; }        // entered, with or without a count
  std::uint32_t counted() const { return counted_; }  // with a count

  bool contains(std::uint32_t id) const { return find(id) != nullptr; }
  std::uint64_t count(std::uint32_t id) const {
    const Slot* slot = find(id);
    return slot == nullptr ? 0 : slot->count;
  }

  void prefetch(std::uint32_t id) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[place(id)]);
  }

  // REQUIRES: id != kFree.
  void enter(std::uint32_t id) { at(id); }
  void add(std::uint32_t id, std::uint64_t count) {
    Slot& slot = at(id);
    if (slot.count == 0 && count > 0) ++counted_;
    add_saturating(slot.count, count);
  }

  // Every id with a count, ascending.
  std::vector<Ranked> all() const {
    std::vector<Ranked> out;
    out.reserve(counted_);
    for (const Slot& slot : slots_) {
      if (slot.count > 0) out.push_back({slot.id, slot.count});
    }
    std::sort(out.begin(), out.end(), [](const Ranked& a, const Ranked& b) { return a.id < b.id; });
    return out;
  }

  std::size_t memory_bytes() const { return slots_.capacity() * sizeof(Slot); }

  // counts   n (id-delta count){n}      ascending by id; the first delta is the id; counts above zero
  void save(base::ByteWriter& out) const {
    const std::vector<Ranked> ranked = all();
    out.varint(ranked.size());
    std::uint32_t last = 0;
    for (const Ranked& r : ranked) {
      out.varint(r.id - last);
      out.varint(r.count);
      last = r.id;
    }
  }
  // REQUIRES: empty. Ids outside [first, end) are malformed.
  bool load(base::ByteReader& in, std::uint32_t first, std::uint32_t end) {
    const std::uint64_t n = in.varint();
    std::uint64_t id = 0;
    for (std::uint64_t i = 0; i < n && in.ok(); ++i) {
      const std::uint64_t delta = in.varint();
      const std::uint64_t count = in.varint();
      if (!in.ok() || (delta == 0 && i > 0) || delta >= end || count == 0) return false;
      id += delta;
      if (id < first || id >= end) return false;
      add(static_cast<std::uint32_t>(id), count);
    }
    return in.ok();
  }

 private:
  struct Slot {
    std::uint32_t id = kFree;
    std::uint64_t count = 0;
  };

  std::size_t place(std::uint32_t id) const { return (std::uint64_t{id} * 0x9E3779B1U) & (slots_.size() - 1); }

  const Slot* find(std::uint32_t id) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = place(id);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].id == id) return &slots_[i];
      if (slots_[i].id == kFree) return nullptr;
    }
  }

  Slot& found_or_free(std::uint32_t id) {
    for (std::size_t i = place(id);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].id == id || slots_[i].id == kFree) return slots_[i];
    }
  }

  Slot& at(std::uint32_t id) {
    if ((std::size_t{used_} + 1) * 4 > slots_.size() * 3) grow();
    Slot& slot = found_or_free(id);
    if (slot.id == kFree) {
      slot.id = id;
      ++used_;
    }
    return slot;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 2 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.id != kFree) found_or_free(slot.id) = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two of them, or none
  std::uint32_t used_ = 0;
  std::uint32_t counted_ = 0;
};

}  // namespace footfall::counting
