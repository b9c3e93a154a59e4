// SPDX-License-Identifier: Apache-2.0
// Interner's table and arena; interner.h has the picture.
// Tested by tests/unit/counting/interner_test.cc.
#include "counting/interner.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace footfall::counting {
namespace {

constexpr std::size_t kArenaFirst = 64;  // most sites have a few paths
constexpr std::size_t kArenaFull = 65'536;

std::uint32_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32U);
}

std::string_view text_at(const char* stored) {
  std::size_t size = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*stored++);
    size |= static_cast<std::size_t>(byte & 0x7FU) << shift;
    if ((byte & 0x80U) == 0) return {stored, size};
  }
}

}  // namespace

// With 2^k <= heads < 2^(k+1): by k + 1 bits of the tag where that head is there already, else by k.
std::size_t Interner::head_of(std::uint32_t tag) const {
  const std::size_t half = std::bit_floor(heads_.size());
  const std::size_t head = tag & (2 * half - 1);
  return head < heads_.size() ? head : head & (half - 1);
}

std::optional<std::uint32_t> Interner::find(std::string_view text, std::uint64_t hash) const {
  if (heads_.empty()) return std::nullopt;
  const std::uint32_t tag = tag_of(hash);
  for (std::uint32_t at = heads_[head_of(tag)]; at != 0; at = entries_[at - 1].next) {
    const Entry& entry = entries_[at - 1];
    if (entry.tag == tag && text_at(entry.text) == text) return first_ + (at - 1);
  }
  return std::nullopt;
}

std::uint32_t Interner::intern(std::string_view text, std::uint64_t hash) {
  if (const auto known = find(text, hash)) return *known;
  assert(end() < kEndMax);
  entries_.push();
  const auto index = static_cast<std::uint32_t>(entries_.size() - 1);
  bind(index, text, tag_of(hash));
  return first_ + index;
}

bool Interner::define(std::uint32_t id, std::string_view text, std::uint64_t hash) {
  if (id < first_ || id >= kEndMax) return false;
  if (const auto known = find(text, hash)) return *known == id;
  if (defined(id)) return false;
  while (end() <= id) entries_.push();
  bind(id - first_, text, tag_of(hash));
  return true;
}

void Interner::bind(std::uint32_t index, std::string_view text, std::uint32_t tag) {
  const char* stored = store(text);
  split();
  ++size_;
  std::uint32_t& head = heads_[head_of(tag)];
  entries_[index] = {stored, tag, head};
  head = index + 1;
}

// Adds one head, and moves to it what belongs there of the one chain that it halves.
void Interner::split() {
  heads_.push();
  const std::size_t added = heads_.size() - 1;
  if (added == 0) return;
  std::uint32_t* link = &heads_[added - std::bit_floor(added)];
  std::uint32_t* moved = &heads_[added];
  while (*link != 0) {
    Entry& entry = entries_[*link - 1];
    if (head_of(entry.tag) == added) {
      *moved = *link;
      *link = entry.next;
      moved = &entry.next;
      *moved = 0;
    } else {
      link = &entry.next;
    }
  }
}

const char* Interner::store(std::string_view text) {
  char length[10];
  std::size_t length_size = 0;
  for (std::size_t rest = text.size();; rest >>= 7U) {
    const bool last = rest < 0x80;
    length[length_size++] = static_cast<char>(static_cast<unsigned char>((rest & 0x7FU) | (last ? 0U : 0x80U)));
    if (last) break;
  }
  const std::size_t size = length_size + text.size();
  if (size > free_size_) {
    const std::size_t chunk = std::max(size, std::clamp(arena_bytes_, kArenaFirst, kArenaFull));
    arena_.push_back(std::make_unique<char[]>(chunk));
    arena_bytes_ += chunk;
    free_ = arena_.back().get();
    free_size_ = chunk;
  }
  char* stored = free_;
  std::memcpy(stored, length, length_size);
  if (!text.empty()) std::memcpy(stored + length_size, text.data(), text.size());
  free_ += size;
  free_size_ -= size;
  return stored;
}

std::string_view Interner::text(std::uint32_t id) const {
  return defined(id) ? text_at(entries_[id - first_].text) : std::string_view{};
}

bool Interner::defined(std::uint32_t id) const {
  return id >= first_ && id - first_ < entries_.size() && entries_[id - first_].text != nullptr;
}

void Interner::prefetch(std::uint64_t hash) const {
  if (!heads_.empty()) __builtin_prefetch(&heads_[head_of(tag_of(hash))]);
}

std::size_t Interner::memory_bytes() const {
  return heads_.memory_bytes() + entries_.memory_bytes() + arena_bytes_ + arena_.capacity() * sizeof(arena_[0]);
}

}  // namespace footfall::counting
