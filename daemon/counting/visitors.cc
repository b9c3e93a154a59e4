// SPDX-License-Identifier: Apache-2.0
// Visitors: the exact set, the step to the sketch, and both as bytes (VISITORS in store/FORMAT.md).
// Tested by tests/unit/counting/visitors_test.cc.
#include "counting/visitors.h"

#include <algorithm>

#include "base/hash.h"

namespace footfall::counting {
namespace {

constexpr std::uint8_t kSet = 0;
constexpr std::uint8_t kSketch = 1;
constexpr std::size_t kSlotsFirst = 8;

}  // namespace

std::size_t Visitors::slot_of(std::uint64_t id) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = base::mix64(id) & mask;
  while (slots_[slot] != 0 && slots_[slot] != id) slot = (slot + 1) & mask;
  return slot;
}

bool Visitors::add(VisitorId visitor) {
  const std::uint64_t id = visitor.value;
  if (id == 0) return false;
  if (sketch_ != nullptr) return sketch_add(id);
  if (!slots_.empty() && slots_[slot_of(id)] == id) return false;
  if (size_ >= exact_max_) {
    turn_to_sketch();
    sketch_add(id);
    return true;
  }
  if ((size_ + 1) * std::uint64_t{8} > slots_.size() * std::uint64_t{7}) grow();
  slots_[slot_of(id)] = id;
  ++size_;
  return true;
}

void Visitors::merge(const Visitors& other) {
  if (&other == this) return;
  if (other.sketch_ != nullptr) {
    if (sketch_ == nullptr) turn_to_sketch();
    if (sketch_->merge(*other.sketch_)) estimate_stale_ = true;
    return;
  }
  for (const std::uint64_t id : other.slots_) add(VisitorId{id});
}

void Visitors::grow() {
  std::vector<std::uint64_t> before(std::max(kSlotsFirst, slots_.size() * 2));
  before.swap(slots_);
  for (const std::uint64_t id : before) {
    if (id != 0) slots_[slot_of(id)] = id;
  }
}

void Visitors::turn_to_sketch() {
  sketch_ = std::make_unique<HyperLogLog>();
  for (const std::uint64_t id : slots_) {
    if (id != 0) sketch_add(id);
  }
  slots_ = {};
  size_ = 0;
  estimate_stale_ = true;
}

bool Visitors::sketch_add(std::uint64_t id) {
  const bool rose = sketch_->add(id);
  if (rose) estimate_stale_ = true;
  return rose;
}

std::uint64_t Visitors::count() const {
  if (sketch_ == nullptr) return size_;
  if (estimate_stale_) {
    estimate_ = sketch_->estimate();
    estimate_stale_ = false;
  }
  return estimate_;
}

DaySet Visitors::all() const {
  DaySet out;
  if (sketch_ != nullptr) {
    out.sketch = sketch_->save();
    return out;
  }
  out.ids.reserve(size_);
  for (const std::uint64_t id : slots_) {
    if (id != 0) out.ids.push_back(VisitorId{id});
  }
  return out;
}

std::size_t Visitors::memory_bytes() const {
  return sketch_ != nullptr ? sizeof(HyperLogLog) : slots_.capacity() * sizeof(std::uint64_t);
}

void Visitors::save(base::ByteWriter& out) const {
  if (sketch_ != nullptr) {
    out.u8(kSketch);
    out.string(sketch_->save());
    return;
  }
  std::vector<std::uint64_t> ids;
  ids.reserve(size_);
  std::copy_if(slots_.begin(), slots_.end(), std::back_inserter(ids), [](std::uint64_t id) { return id != 0; });
  std::sort(ids.begin(), ids.end());
  out.u8(kSet);
  out.varint(ids.size());
  std::uint64_t before = 0;
  for (const std::uint64_t id : ids) {
    out.varint(id - before);
    before = id;
  }
}

bool Visitors::load(base::ByteReader& in) {
  Visitors read(exact_max_);
  const std::uint8_t form = in.u8();
  if (form == kSketch) {
    read.sketch_ = std::make_unique<HyperLogLog>();
    if (!read.sketch_->load(in.string())) in.fail();
  } else if (form == kSet) {
    std::uint64_t id = 0;
    for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
      const std::uint64_t difference = in.varint();
      if (difference == 0 || difference > UINT64_MAX - id) in.fail();
      id += difference;
      if (in.ok()) read.add(VisitorId{id});
    }
  } else {
    in.fail();
  }
  if (!in.ok()) return false;
  *this = std::move(read);
  return true;
}

}  // namespace footfall::counting
