// SPDX-License-Identifier: Apache-2.0
// PresenceTable: touching, and growing and shrinking by one bucket; presence_table.h has the picture.
//
// All that changes the shape goes one way: gather() takes the live cells of a chain out of it, scatter() writes a
// chain anew, release_spare() gives back the overflow buckets that it did not need again.
// Tested by tests/unit/counting/presence_test.cc.
#include "counting/presence_table.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "counting/presence.h"

namespace footfall::counting {

namespace {

// The last bit first.
std::uint64_t reversed(std::uint64_t bits) {
  bits = (bits & 0x5555555555555555U) << 1U | (bits >> 1U & 0x5555555555555555U);
  bits = (bits & 0x3333333333333333U) << 2U | (bits >> 2U & 0x3333333333333333U);
  bits = (bits & 0x0f0f0f0f0f0f0f0fU) << 4U | (bits >> 4U & 0x0f0f0f0f0f0f0f0fU);
  return __builtin_bswap64(bits);
}

}  // namespace

PresenceTable::PresenceTable(std::int64_t head_s, std::int32_t window_s)
    : head_s_(head_s), ring_(static_cast<std::size_t>(window_s)), last_mark_s_(head_s - window_s) {
  while (buckets_.size() < kBucketsMin) buckets_.push();
}

std::int32_t PresenceTable::merge(std::uint64_t id, std::int64_t at_s, bool moved) {
  const Stamp stamp = Stamp::of(at_s, moved);
  const std::size_t home = home_of(id);
  for (Bucket* bucket = &buckets_[home];; bucket = &overflow_[bucket->overflow - 1]) {
    for (unsigned i = 0; i < kCells; ++i) {
      if (bucket->ids[i] == id) return update(bucket->stamps[i], stamp);
    }
    if (bucket->overflow == 0) break;
  }
  if (moved) last_mark_s_ = std::max(last_mark_s_, at_s);
  place(home, id, stamp);
  enter(stamp);
  if (overfull()) {
    split();
  } else if (underfull()) {
    contract();
  }
  if (wasteful()) sweep();
  return Presence::kNews;
}

PresenceTable::Stop PresenceTable::stop_at(std::uint64_t place) const {
  const std::size_t half = std::bit_floor(buckets_.size());
  std::size_t home = reversed(place) & (2 * half - 1);
  bool divided = true;  // its hashes have one bit more in common
  if (home >= buckets_.size()) {
    home -= half;
    divided = false;
  } else if (home < half) {
    divided = home + half < buckets_.size();
  }
  const std::uint64_t width = std::uint64_t{1}
                              << (64U - static_cast<unsigned>(std::countr_zero(half)) - (divided ? 1U : 0U));
  return {home, (place & ~(width - 1)) + width};
}

bool PresenceTable::holds(std::uint64_t id) const {
  for (const Bucket* bucket = &buckets_[home_of(id)];; bucket = &overflow_[bucket->overflow - 1]) {
    for (unsigned i = 0; i < kCells; ++i) {
      if (bucket->ids[i] == id) return true;
    }
    if (bucket->overflow == 0) return false;
  }
}

// A visitor is in the window from now on; marks are not counted.
void PresenceTable::enter(Stamp stamp) {
  if (stamp.moved()) return;
  ++slice(stamp.age(head_s_));
  ++sum_;
}

std::int32_t PresenceTable::update(Stamp& known, Stamp stamp) {
  const bool known_live = live(known);  // or else it is as if nothing were known
  const Stamp next = known_live ? Stamp::join(known, stamp, head_s_) : stamp;
  if (next.bits == known.bits) return 0;
  const std::int32_t later_s = known_live && known.moved() == next.moved() ? next.later_than(known) : Presence::kNews;
  if (known_live && !known.moved()) {
    --slice(known.age(head_s_));
    --sum_;
  }
  enter(next);
  if (known.moved()) --marks_;
  if (next.moved()) {
    ++marks_;
    last_mark_s_ = std::max(last_mark_s_, head_s_ - next.age(head_s_));
  }
  known = next;
  return later_s;
}

// Puts a new cell into the chain of `home`: over an expired one, or into a free one, or into a bucket hung to its end.
void PresenceTable::place(std::size_t home, std::uint64_t id, Stamp stamp) {
  if (stamp.moved()) ++marks_;
  for (Bucket* bucket = &buckets_[home];; bucket = &overflow_[bucket->overflow - 1]) {
    for (unsigned i = 0; i < kCells; ++i) {
      if (bucket->ids[i] != 0 && live(bucket->stamps[i])) continue;
      if (bucket->ids[i] == 0) {
        ++cells_;
      } else if (bucket->stamps[i].moved()) {
        --marks_;
      }
      bucket->ids[i] = id;
      bucket->stamps[i] = stamp;
      return;
    }
    if (bucket->overflow != 0) continue;
    Bucket& last = overflow_.push();
    last.ids[0] = id;
    last.stamps[0] = stamp;
    ++cells_;
    bucket->overflow = static_cast<std::uint32_t>(overflow_.size());
    return;
  }
}

void PresenceTable::advance(std::int64_t now_s) {
  const auto window = static_cast<std::int64_t>(ring_.size());
  for (std::int64_t steps = std::min(now_s - head_s_, window); steps > 0; --steps) {
    head_slot_ = head_slot_ + 1 == ring_.size() ? 0 : head_slot_ + 1;
    sum_ -= ring_[head_slot_];
    ring_[head_slot_] = 0;
  }
  head_s_ = now_s;
  for (std::size_t steps = kContractionsMax; steps > 0 && underfull(); --steps) contract();
}

void PresenceTable::use_window(std::int32_t window_s) {
  const auto window = static_cast<std::size_t>(window_s);
  if (window > ring_.size()) {  // or else those who have left would be back
    for (std::size_t home = 0; home < buckets_.size(); ++home) {
      rewrite(home);
    }
    if (!marks_in_window()) last_mark_s_ = head_s_ - window_s;
  }
  ring_.assign(window, 0);
  ring_.shrink_to_fit();
  head_slot_ = 0;
  sum_ = 0;
  each_live([this](std::uint64_t, Stamp stamp) {
    if (stamp.moved()) return;
    ++slice(stamp.age(head_s_));
    ++sum_;
  });
}

std::size_t PresenceTable::memory_bytes() const {
  return sizeof *this + buckets_.memory_bytes() + overflow_.memory_bytes() + ring_.capacity() * sizeof(ring_[0]) +
         loose_.capacity() * sizeof(loose_[0]) + spare_.capacity() * sizeof(spare_[0]);
}

// Drops what has expired from a chain.
void PresenceTable::rewrite(std::size_t home) {
  gather(home);
  scatter(home, loose_.data(), loose_.size());
  release_spare();
}

// Looks at the next two buckets in turn. A chain that once needed overflow would keep it until the next visitor comes
// to it, and many visitors would take 21 bytes.
void PresenceTable::sweep() {
  for (int steps = 2; steps > 0; --steps) {
    swept_ = swept_ + 1 < buckets_.size() ? swept_ + 1 : 0;
    if (buckets_[swept_].overflow != 0) rewrite(swept_);
  }
}

// Divides the bucket whose turn it is between itself and a new last one.
void PresenceTable::split() {
  const std::size_t added = buckets_.size();
  const std::size_t divided = added - std::bit_floor(added);
  if (buckets_[divided].overflow == 0) return split_alone(divided);
  gather(divided);
  buckets_.push();
  const auto stays = [&](const LooseCell& cell) { return home_of(cell.id) == divided; };
  const auto middle = std::partition(loose_.begin(), loose_.end(), stays);
  const auto staying = static_cast<std::size_t>(middle - loose_.begin());
  scatter(divided, loose_.data(), staying);
  scatter(added, loose_.data() + staying, loose_.size() - staying);
  release_spare();
}

// The same where it has no overflow, which is about half of the time: nothing is copied out and back.
void PresenceTable::split_alone(std::size_t divided) {
  Bucket& to = buckets_.push();
  Bucket& from = buckets_[divided];
  const std::size_t added = buckets_.size() - 1;
  unsigned stay = 0;
  unsigned go = 0;
  for (unsigned i = 0; i < kCells; ++i) {
    const LooseCell cell{std::exchange(from.ids[i], 0), from.stamps[i]};
    if (cell.id == 0) continue;
    if (!live(cell.stamp)) {
      --cells_;
      if (cell.stamp.moved()) --marks_;
      continue;
    }
    const bool goes = home_of(cell.id) == added;
    Bucket& into = goes ? to : from;
    unsigned& slot = goes ? go : stay;
    into.ids[slot] = cell.id;
    into.stamps[slot] = cell.stamp;
    ++slot;
  }
}

// The reverse: the last bucket goes back into the one it came from.
void PresenceTable::contract() {
  const std::size_t last = buckets_.size() - 1;
  const std::size_t origin = last - std::bit_floor(last);
  gather(last);
  gather(origin);
  buckets_.pop();
  scatter(origin, loose_.data(), loose_.size());
  release_spare();
}

// Takes the live cells out of a chain and drops the expired ones; its overflow buckets become spare.
void PresenceTable::gather(std::size_t home) {
  Bucket* bucket = &buckets_[home];
  for (;;) {
    for (unsigned i = 0; i < kCells; ++i) {
      if (bucket->ids[i] == 0) continue;
      --cells_;
      if (bucket->stamps[i].moved()) --marks_;
      if (live(bucket->stamps[i])) loose_.push_back({bucket->ids[i], bucket->stamps[i]});
    }
    if (bucket->overflow == 0) break;
    spare_.push_back(bucket->overflow - 1);
    bucket = &overflow_[bucket->overflow - 1];
  }
  buckets_[home] = Bucket{};
}

// Writes a chain anew, to an empty bucket; spare overflow buckets are used first.
void PresenceTable::scatter(std::size_t home, const LooseCell* cells, std::size_t count) {
  Bucket* bucket = &buckets_[home];
  unsigned slot = 0;
  for (const LooseCell* cell = cells; cell != cells + count; ++cell) {
    if (slot == kCells) {
      if (spare_.empty()) {
        overflow_.push();
        spare_.push_back(static_cast<std::uint32_t>(overflow_.size() - 1));
      }
      bucket->overflow = spare_.back() + 1;
      bucket = &overflow_[spare_.back()];
      *bucket = Bucket{};
      spare_.pop_back();
      slot = 0;
    }
    bucket->ids[slot] = cell->id;
    bucket->stamps[slot] = cell->stamp;
    ++slot;
    if (cell->stamp.moved()) ++marks_;
  }
  cells_ += count;
}

// Ends a rewriting. A spare bucket is filled with the last of the array, so that there are no holes: the greatest
// first, which makes the last one either it itself or one that is in use.
void PresenceTable::release_spare() {
  std::sort(spare_.begin(), spare_.end(), std::greater<>());
  for (const std::uint32_t freed : spare_) {
    const auto last = static_cast<std::uint32_t>(overflow_.size() - 1);
    if (freed != last) {
      std::uint32_t* link = &buckets_[home_of(overflow_[last].ids[0])].overflow;
      while (*link != last + 1) link = &overflow_[*link - 1].overflow;
      *link = freed + 1;
      overflow_[freed] = overflow_[last];
    }
    overflow_.pop();
  }
  spare_.clear();
  loose_.clear();
}

}  // namespace footfall::counting
