// SPDX-License-Identifier: Apache-2.0
// Other nodes: what they counted, and what this one tells them.
// Tested by tests/unit/counting/remote_counts_test.cc and tests/unit/sites/slot_test.cc.
#include <algorithm>

#include "counting/site_state.h"
#include "counting/site_state_body.h"

namespace footfall::counting {
namespace {

SlotCounts counts_of(const EpochCounts& counts) {
  SlotCounts out{.counted = counts.counted(), .bots = counts.bots(), .days = {}};
  counts.buckets().each_day(INT32_MIN, INT32_MAX, [&out](const Cell& cell) {
    if (cell.hits == 0 && cell.bots == 0) return;
    out.days.push_back({.day = static_cast<Day>(cell.key), .hits = cell.hits, .bots = cell.bots});
  });
  return out;
}

// Nothing differs but what was counted on `day`.
bool same_but_for(Day day, const Slot& a, const Slot& b) {
  if (a.past_version != b.past_version) return false;
  const auto rest_of = [day](const Slot& slot) {
    std::vector<SlotDay> rest = slot.recent;
    std::erase_if(rest, [day](const SlotDay& of) { return of.day == day; });
    return rest;
  };
  return rest_of(a) == rest_of(b);
}

}  // namespace

Learnt SiteState::would_learn(const Epoch& epoch, const base::Incarnation& incarnation, const Slot& slot) const {
  if (body_ == nullptr || body_->remote == nullptr) return RemoteCounts().check(epoch, incarnation, slot);
  return body_->remote->check(epoch, incarnation, slot);
}

Learnt SiteState::learn(const Epoch& epoch, const base::Incarnation& incarnation, const Slot& slot) {
  const Learnt outcome = would_learn(epoch, incarnation, slot);
  if (outcome != Learnt::news) return outcome;
  Body& body = this->body();
  if (body.remote == nullptr) body.remote = std::make_unique<RemoteCounts>();
  const Slot* const held = body.remote->find(epoch, incarnation);
  if (!same_but_for(body.past.calendar.today, held == nullptr ? Slot{} : *held, slot)) body.past.valid = false;
  return body.remote->learn(epoch, incarnation, slot);
}

const Slot* SiteState::learnt(const Epoch& epoch, const base::Incarnation& incarnation) const {
  return body_ == nullptr || body_->remote == nullptr ? nullptr : body_->remote->find(epoch, incarnation);
}

std::vector<RemoteSlot> SiteState::learnt() const {
  return body_ == nullptr || body_->remote == nullptr ? std::vector<RemoteSlot>{} : body_->remote->all();
}

std::vector<std::pair<Epoch, Slot>> SiteState::own_slots() const {
  std::vector<std::pair<Epoch, Slot>> out;
  if (body_ == nullptr) return out;
  for (const auto& [epoch, counts] : body_->epochs) {
    SlotCounts own = counts_of(*counts);
    if (body_->remote != nullptr) own = without(std::move(own), body_->remote->base(epoch));
    if (own.counted > 0 || own.bots > 0) out.emplace_back(epoch, make_slot(std::move(own)));
  }
  return out;
}

void SiteState::inherit(const Epoch& epoch, const base::Incarnation& before, const Slot& own) {
  Body& body = this->body();
  if (body.remote == nullptr) body.remote = std::make_unique<RemoteCounts>();
  body.past.valid = false;
  body.remote->inherit(epoch, before, own);
}

}  // namespace footfall::counting
