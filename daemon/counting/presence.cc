// SPDX-License-Identifier: Apache-2.0
// Presence: the small form, the choice between it and the table, and both as bytes.
//
//     small    header | capacity ids (8 bytes) | capacity stamps (4 bytes)       capacity 2, 4, ... 128
//
// The small form doubles while it has no expired cell to reuse, and halves when three quarters of it are. It turns to a
// table with the 129th visitor, and back at 64. The bytes are PRESENCE in store/FORMAT.md.
// Tested by tests/unit/counting/presence_test.cc.
#include "counting/presence.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "counting/presence_table.h"

namespace footfall::counting {
namespace {

constexpr unsigned kCapacityMin = 2;
constexpr unsigned kCapacityMax = 128;
constexpr std::size_t kBackToSmall = 64;         // visitors and marks, an upper bound
constexpr std::size_t kBackToSmallBuckets = 64;  // no more are looked through for it
constexpr std::int64_t kSavedSecondMax = std::int64_t{1} << 40U;

}  // namespace

struct Presence::Form {
  std::uint16_t window_s;
  std::uint8_t capacity;  // 0: a table
  std::uint8_t size;      // of the small form: cells in use
};

struct Presence::Table : Form {
  Table(std::int64_t head_s, std::uint16_t window) : Form{window, 0, 0}, cells(head_s, window) {}
  PresenceTable cells;
};

// Its arrays follow it in the same block.
struct Presence::Small : Form {
  Stamp newest;

  static Small* make(unsigned capacity, std::uint16_t window) {
    static_assert(sizeof(Small) == 8 && alignof(Small) <= alignof(std::uint64_t));
    void* block = ::operator new(bytes(capacity));
    return new (block) Small{{window, static_cast<std::uint8_t>(capacity), 0}, {}};
  }
  static std::size_t bytes(unsigned capacity) {
    return sizeof(Small) + capacity * (sizeof(std::uint64_t) + sizeof(Stamp));
  }

  std::uint64_t* ids() { return reinterpret_cast<std::uint64_t*>(this + 1); }
  Stamp* stamps() { return reinterpret_cast<Stamp*>(ids() + capacity); }

  bool live(unsigned i, std::int64_t head_s) { return stamps()[i].age(head_s) < window_s; }
  // Nobody, if the newest is not: no look at the others.
  bool vacant(std::int64_t head_s) const { return newest.age(head_s) >= window_s; }

  void set(unsigned i, std::uint64_t id, Stamp stamp, std::int64_t head_s) {
    ids()[i] = id;
    stamps()[i] = stamp;
    note(stamp, head_s);
  }
  void note(Stamp stamp, std::int64_t head_s) {
    if (size == 1 || stamp.age(head_s) < newest.age(head_s)) newest = stamp;
  }
  // How many cells are left when the expired ones are dropped.
  unsigned compact(std::int64_t head_s) {
    unsigned kept = 0;
    for (unsigned i = 0; i < size; ++i) {
      if (!live(i, head_s)) continue;
      ids()[kept] = ids()[i];
      stamps()[kept] = stamps()[i];
      ++kept;
    }
    size = static_cast<std::uint8_t>(kept);
    return kept;
  }
  // The same cells in another block. REQUIRES: size <= capacity.
  Small* resized(unsigned to) {
    Small* next = make(to, window_s);
    next->size = size;
    next->newest = newest;
    std::memcpy(next->ids(), ids(), size * sizeof(std::uint64_t));
    std::memcpy(static_cast<void*>(next->stamps()), stamps(), size * sizeof(Stamp));
    return next;
  }
};

void Presence::Release::operator()(Form* form) const noexcept {
  if (form->capacity == 0) {
    delete static_cast<Table*>(form);
  } else {
    ::operator delete(form);
  }
}

Presence::Presence(Presence&& other) noexcept
    : head_s_(std::exchange(other.head_s_, kNever)), form_(std::move(other.form_)) {}

Presence& Presence::operator=(Presence&& other) noexcept {
  head_s_ = std::exchange(other.head_s_, kNever);
  form_ = std::move(other.form_);
  return *this;
}

Presence::~Presence() = default;

Presence::Small* Presence::small() const {
  return form_ != nullptr && form_->capacity != 0 ? static_cast<Small*>(form_.get()) : nullptr;
}

Presence::Table* Presence::table() const {
  return form_ != nullptr && form_->capacity == 0 ? static_cast<Table*>(form_.get()) : nullptr;
}

bool Presence::holds(VisitorId visitor) const {
  if (const Table* large = table()) return large->cells.holds(visitor.value);
  Small* here = small();
  return here != nullptr && std::find(here->ids(), here->ids() + here->size, visitor.value) != here->ids() + here->size;
}

std::int32_t Presence::touch(VisitorId visitor, std::int64_t at_s, std::int32_t window_s) {
  return merge(visitor.value, at_s, false, window_s);
}

std::int32_t Presence::move_away(VisitorId old_id, std::int64_t at_s, std::int32_t window_s) {
  return merge(old_id.value, at_s, true, window_s);
}

std::int32_t Presence::merge(std::uint64_t id, std::int64_t at_s, bool moved, std::int32_t window_s) {
  assert(id != 0);
  move_clock(at_s, window_s);
  if (at_s <= head_s_ - window_s) return 0;
  if (form_ == nullptr) form_.reset(Small::make(kCapacityMin, static_cast<std::uint16_t>(window_s)));
  if (Table* large = table()) return large->cells.merge(id, at_s, moved);
  return merge_small(id, Stamp::of(at_s, moved).bits);
}

std::int32_t Presence::merge_small(std::uint64_t id, std::uint32_t stamp_bits) {
  const Stamp stamp{stamp_bits};
  Small* here = small();
  const std::uint64_t* const ids = here->ids();
  const auto at = static_cast<unsigned>(std::find(ids, ids + here->size, id) - ids);
  if (at != here->size) {
    const bool live = here->live(at, head_s_);
    const Stamp known = here->stamps()[at];
    const Stamp next = live ? Stamp::join(known, stamp, head_s_) : stamp;
    here->set(at, id, next, head_s_);
    return live && known.moved() == next.moved() ? next.later_than(known) : kNews;
  }
  const Stamp* const stamps = here->stamps();
  const std::uint32_t window_s = here->window_s;
  unsigned expired = 0;  // or behind the last: nobody has left
  while (expired < here->size && stamps[expired].age(head_s_) < window_s) ++expired;
  if (expired == here->size && here->size == here->capacity) {
    if (here->capacity == kCapacityMax) {
      turn_to_table();
      return table()->cells.merge(id, head_s_ - stamp.age(head_s_), stamp.moved());
    }
    form_.reset(here->resized(here->capacity * 2U));
    here = small();
  }
  if (expired == here->size) ++here->size;
  here->set(expired, id, stamp, head_s_);
  return kNews;
}

void Presence::turn_to_table() {
  Small* here = small();
  auto* large = new Table(head_s_, here->window_s);
  for (unsigned i = 0; i < here->size; ++i) {
    const Stamp stamp = here->stamps()[i];
    if (here->live(i, head_s_)) large->cells.merge(here->ids()[i], head_s_ - stamp.age(head_s_), stamp.moved());
  }
  form_.reset(large);
}

void Presence::turn_to_small() {
  PresenceTable& cells = table()->cells;
  Small* next = Small::make(std::bit_ceil(static_cast<unsigned>(std::max<std::size_t>(cells.live(), kCapacityMin))),
                            form_->window_s);
  cells.each_live([&](std::uint64_t id, Stamp stamp) { next->set(next->size++, id, stamp, head_s_); });
  form_.reset(next);
}

// The clock, and the window, which may be another one than before.
void Presence::move_clock(std::int64_t now_s, std::int32_t window_s) {
  assert(window_s > 0 && window_s <= UINT16_MAX);
  if (form_ != nullptr && form_->window_s != window_s) use_window(window_s);
  if (now_s <= head_s_) return;
  head_s_ = now_s;
  if (Table* large = table()) {
    large->cells.advance(now_s);
  }
  if (form_ != nullptr) give_back();
}

void Presence::use_window(std::int32_t window_s) {
  if (Table* large = table()) {
    large->cells.use_window(window_s);
  } else {
    small()->compact(head_s_);
  }
  form_->window_s = static_cast<std::uint16_t>(window_s);
}

// By a window that is just as short: with the next call's own one nobody comes back.
void Presence::forget(std::int64_t until_s) {
  if (form_ == nullptr || until_s <= head_s_ - form_->window_s) return;
  if (until_s >= head_s_) {
    form_.reset();
  } else {
    use_window(static_cast<std::int32_t>(head_s_ - until_s));
  }
}

// Nobody is left: nothing is held. Few are: the small form.
void Presence::give_back() {
  if (const Small* here = small()) {
    if (here->vacant(head_s_)) form_.reset();
    return;
  }
  const PresenceTable& cells = table()->cells;
  if (cells.vacant()) {
    form_.reset();
  } else if (cells.live() <= kBackToSmall && cells.buckets() <= kBackToSmallBuckets) {
    turn_to_small();
  }
}

void Presence::advance(std::int64_t now_s, std::int32_t window_s) {
  move_clock(now_s, window_s);
}

std::uint32_t Presence::online(std::int64_t now_s, std::int32_t window_s) {
  move_clock(now_s, window_s);
  if (form_ == nullptr) return 0;
  if (const Table* large = table()) return large->cells.online();
  Small* here = small();
  const unsigned left = here->compact(head_s_);
  if (left == 0) {
    form_.reset();
    return 0;
  }
  if (here->capacity > kCapacityMin && left <= here->capacity / 4U) {
    form_.reset(here->resized(here->capacity / 2U));
    here = small();
  }
  return static_cast<std::uint32_t>(
      std::count_if(here->stamps(), here->stamps() + left, [](Stamp stamp) { return !stamp.moved(); }));
}

std::size_t Presence::cells() const {
  if (const Table* large = table()) return large->cells.cells();
  return form_ == nullptr ? 0 : small()->size;
}

std::size_t Presence::memory_bytes() const {
  if (const Table* large = table()) return sizeof(Table) - sizeof(PresenceTable) + large->cells.memory_bytes();
  return form_ == nullptr ? 0 : Small::bytes(form_->capacity);
}

void Presence::prefetch(VisitorId visitor) const {
  if (const Table* large = table()) {
    large->cells.prefetch(visitor.value);
  } else {
    __builtin_prefetch(form_.get(), 1);
  }
}

void Presence::prefetch_overflow(VisitorId visitor) const {
  if (const Table* large = table()) large->cells.prefetch_overflow(visitor.value);
}

std::uint64_t Presence::walk(std::uint64_t place, std::int64_t from_s, std::vector<Seen>& out) const {
  const auto give = [&](std::uint64_t id, Stamp stamp) {
    const std::int64_t at_s = head_s_ - stamp.age(head_s_);
    if (at_s >= from_s) out.push_back({VisitorId{id}, at_s, stamp.moved()});
  };
  if (const Table* large = table()) return large->cells.walk(place, give);
  if (Small* here = small()) {
    for (unsigned i = 0; i < here->size; ++i) {
      if (here->live(i, head_s_)) give(here->ids()[i], here->stamps()[i]);
    }
  }
  return 0;
}

void Presence::save(base::ByteWriter& out, std::int64_t now_s, std::int32_t window_s) const {
  const std::int64_t as_of_s = std::max(now_s, head_s_);
  struct Saved {
    std::uint64_t id;
    std::int64_t age_s;
    bool moved;
  };
  std::vector<Saved> saved;
  const auto keep = [&](std::uint64_t id, Stamp stamp) {
    const std::int64_t age_s = as_of_s - head_s_ + stamp.age(head_s_);
    if (age_s < window_s) saved.push_back({id, age_s, stamp.moved()});
  };
  if (const Table* large = table()) {
    saved.reserve(large->cells.live());
    large->cells.each_live(keep);
  } else if (Small* here = small()) {
    for (unsigned i = 0; i < here->size; ++i) {
      if (here->live(i, head_s_)) keep(here->ids()[i], here->stamps()[i]);
    }
  }
  std::sort(saved.begin(), saved.end(), [](const Saved& a, const Saved& b) { return a.id < b.id; });

  out.svarint(as_of_s);
  out.varint(saved.size());
  std::uint64_t before = 0;
  for (const Saved& cell : saved) {
    out.varint(cell.id - before);
    out.varint(static_cast<std::uint64_t>(cell.age_s) << 1U | (cell.moved ? 1U : 0U));
    before = cell.id;
  }
}

bool Presence::load(base::ByteReader& in, std::int32_t window_s) {
  const std::int64_t as_of_s = in.svarint();
  const std::uint64_t count = in.varint();
  if (as_of_s > kSavedSecondMax || as_of_s < -kSavedSecondMax) in.fail();
  // Twice over the same bytes: nothing is taken from what turns out to be malformed.
  const auto walk = [count](base::ByteReader& from, const auto& visit) {
    std::uint64_t id = 0;
    for (std::uint64_t left = count; left > 0 && from.ok(); --left) {
      const std::uint64_t difference = from.varint();
      const std::uint64_t age_and_moved = from.varint();
      if (difference == 0 || difference > UINT64_MAX - id || age_and_moved >> 1U > UINT16_MAX) from.fail();
      id += difference;
      if (from.ok()) visit(id, static_cast<std::int64_t>(age_and_moved >> 1U), (age_and_moved & 1U) != 0);
    }
  };
  base::ByteReader second = in;
  walk(in, [](std::uint64_t, std::int64_t, bool) {});
  if (!in.ok()) return false;
  advance(as_of_s, window_s);
  walk(second, [&](std::uint64_t id, std::int64_t age_s, bool moved) { merge(id, as_of_s - age_s, moved, window_s); });
  return true;
}

}  // namespace footfall::counting
