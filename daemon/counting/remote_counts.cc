// SPDX-License-Identifier: Apache-2.0
#include "counting/remote_counts.h"

#include <algorithm>

namespace footfall::counting {
namespace {

template <class Days>
auto lower_bound(Days& days, Day day) {
  return std::lower_bound(days.begin(), days.end(), day, [](const auto& entry, Day key) { return entry.day < key; });
}

}  // namespace

Learnt check(const Slot* held, const Slot& slot) {
  if (slot.version() <= (held == nullptr ? 0 : held->version())) return Learnt::known;
  const bool has_past = slot.past != nullptr || slot.past_version == 0;
  return has_past || (held != nullptr && held->past_version == slot.past_version) ? Learnt::news : Learnt::past_missing;
}

const RemoteCounts::DaySum* RemoteCounts::Sums::find(Day day) const {
  const auto at = lower_bound(days, day);
  return at != days.end() && at->day == day ? &*at : nullptr;
}

void RemoteCounts::add(Sums& sums, const std::vector<SlotDay>& days, int sign) {
  for (const SlotDay& day : days) {
    auto at = lower_bound(sums.days, day.day);
    if (at == sums.days.end() || at->day != day.day) at = sums.days.insert(at, DaySum{.day = day.day});
    at->hits += static_cast<Wide>(day.hits) * sign;
    at->bots += static_cast<Wide>(day.bots) * sign;
  }
}

Learnt RemoteCounts::check(const Epoch& epoch, const base::Incarnation& incarnation, const Slot& slot) const {
  const Slot* const held = find(epoch, incarnation);
  const Learnt outcome = counting::check(held, slot);
  return outcome == Learnt::news && held == nullptr && slots_ >= kRemoteSlotsMax ? Learnt::full : outcome;
}

Learnt RemoteCounts::learn(const Epoch& epoch, const base::Incarnation& incarnation, const Slot& slot) {
  const Learnt outcome = check(epoch, incarnation, slot);
  if (outcome == Learnt::news) put(epochs_[epoch], incarnation, slot);
  return outcome;
}

// Replaces what is held; a past that stays the same is not looked at.
void RemoteCounts::put(OfEpoch& of, const base::Incarnation& incarnation, const Slot& slot) {
  const auto [at, is_new] = of.slots.try_emplace(incarnation);
  Slot& held = at->second;
  if (is_new) ++slots_;
  const bool past_stays = slot.past_version == held.past_version;
  const auto add_held = [&](int sign) {
    of.sums.counted += static_cast<Wide>(held.counted) * sign;
    of.sums.bots += static_cast<Wide>(held.bots) * sign;
    add(of.sums, held.recent, sign);
    if (!past_stays && held.past != nullptr) add(of.sums, held.past->days, sign);
  };
  add_held(-1);
  std::shared_ptr<const SlotPast> past = past_stays ? held.past : slot.past;
  held = slot;
  held.past = std::move(past);
  add_held(1);
  std::erase_if(of.sums.days, [](const DaySum& day) { return day.hits == 0 && day.bots == 0; });
}

void RemoteCounts::inherit(const Epoch& epoch, const base::Incarnation& before, const Slot& own) {
  if (own.version() == 0) return;
  OfEpoch& of = epochs_[epoch];
  const auto held = of.slots.find(before);
  if (held == of.slots.end() || held->second.version() < own.version()) put(of, before, own);
  const SlotCounts counts = whole(own);
  of.sums.counted -= counts.counted;
  of.sums.bots -= counts.bots;
  add(of.sums, counts.days, -1);
  std::erase_if(of.sums.days, [](const DaySum& day) { return day.hits == 0 && day.bots == 0; });
  of.base = together(std::move(of.base), counts);
}

const Slot* RemoteCounts::find(const Epoch& epoch, const base::Incarnation& incarnation) const {
  const auto of = epochs_.find(epoch);
  if (of == epochs_.end()) return nullptr;
  const auto slot = of->second.slots.find(incarnation);
  return slot == of->second.slots.end() ? nullptr : &slot->second;
}

const RemoteCounts::Sums* RemoteCounts::sums(const Epoch& epoch) const {
  const auto of = epochs_.find(epoch);
  return of == epochs_.end() ? nullptr : &of->second.sums;
}

const SlotCounts& RemoteCounts::base(const Epoch& epoch) const {
  static const SlotCounts kNone;
  const auto of = epochs_.find(epoch);
  return of == epochs_.end() ? kNone : of->second.base;
}

std::vector<RemoteSlot> RemoteCounts::all() const {
  std::vector<RemoteSlot> out;
  out.reserve(slots_);
  for (const auto& [epoch, of] : epochs_) {
    for (const auto& [incarnation, slot] : of.slots) out.push_back({epoch, incarnation, slot});
  }
  return out;
}

bool RemoteCounts::others() const {
  return std::any_of(epochs_.begin(), epochs_.end(),
                     [](const auto& entry) { return entry.second.sums.counted > 0 || entry.second.sums.bots > 0; });
}

std::size_t RemoteCounts::memory_bytes() const {
  constexpr std::size_t kTreeNode = 48;  // of std::map, beside the value
  std::size_t bytes = sizeof *this;
  for (const auto& [epoch, of] : epochs_) {
    bytes += kTreeNode + sizeof(Epoch) + sizeof of + of.sums.days.capacity() * sizeof(DaySum) +
             of.base.days.capacity() * sizeof(SlotDay);
    for (const auto& [incarnation, slot] : of.slots) {
      bytes += kTreeNode + sizeof incarnation + sizeof slot + slot.recent.capacity() * sizeof(SlotDay);
      if (slot.past != nullptr) bytes += sizeof(SlotPast) + slot.past->days.capacity() * sizeof(SlotDay);
    }
  }
  return bytes;
}

// remotes   n { epoch base n { incarnation:16 slot } }        ascending
// epoch     number:varint reset-id:u64
// base      counted:varint bots:varint days
// slot      counted:varint bots:varint days(past) days(recent)
// days      see slot.h
void RemoteCounts::save(base::ByteWriter& out) const {
  out.varint(epochs_.size());
  for (const auto& [epoch, of] : epochs_) {
    out.varint(epoch.number);
    out.u64(epoch.reset_id);
    out.varint(of.base.counted);
    out.varint(of.base.bots);
    save_days(out, of.base.days);
    out.varint(of.slots.size());
    for (const auto& [incarnation, slot] : of.slots) {
      out.raw(base::bytes_of(incarnation));
      out.varint(slot.counted);
      out.varint(slot.bots);
      save_days(out, slot.past == nullptr ? std::vector<SlotDay>{} : slot.past->days);
      save_days(out, slot.recent);
    }
  }
}

bool RemoteCounts::load(base::ByteReader& in) {
  for (std::uint64_t epochs = in.varint(); epochs > 0 && in.ok(); --epochs) {
    const std::uint64_t number = in.varint();
    const Epoch epoch{static_cast<std::uint32_t>(number), in.u64()};
    if (!in.ok() || number > UINT32_MAX || (!epochs_.empty() && epoch <= epochs_.rbegin()->first)) return false;
    OfEpoch& of = epochs_[epoch];
    of.base.counted = in.varint();
    of.base.bots = in.varint();
    of.base.days = load_days(in, UINT32_MAX);
    of.sums.counted -= of.base.counted;
    of.sums.bots -= of.base.bots;
    add(of.sums, of.base.days, -1);
    const std::uint64_t slots = in.varint();
    for (std::uint64_t i = 0; i < slots && in.ok(); ++i) {
      const std::string_view bytes = in.raw(sizeof(base::Incarnation));
      base::Incarnation incarnation{};
      std::copy(bytes.begin(), bytes.end(), incarnation.begin());
      Slot slot;
      slot.counted = in.varint();
      slot.bots = in.varint();
      std::vector<SlotDay> past = load_days(in);
      slot.recent = load_days(in);
      if (!in.ok() || (!of.slots.empty() && incarnation <= of.slots.rbegin()->first)) return false;
      if (!past.empty()) {
        slot.past_version = version_of(past);
        slot.past = std::make_shared<const SlotPast>(SlotPast{slot.past_version, std::move(past)});
      }
      if (slot.version() == 0) return false;
      put(of, incarnation, slot);
    }
    if (of.slots.empty()) return false;
  }
  return in.ok();
}

}  // namespace footfall::counting
