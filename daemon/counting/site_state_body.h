// SPDX-License-Identifier: Apache-2.0
// The inside of SiteState, for its own .cc files only: what exists from the first hit, reservation, seed or slot on.
#pragma once

#include <map>
#include <memory>

#include "counting/epoch_counts.h"
#include "counting/id_marks.h"
#include "counting/interner.h"
#include "counting/observer.h"
#include "counting/page_presence.h"
#include "counting/presence.h"
#include "counting/remote_counts.h"
#include "counting/site_state.h"

namespace footfall::counting {

// Sums over the days before today, kept until one of those days changes: reading today's is then all that a reader
// does.
struct SiteState::PastDays {
  bool valid = false;
  Calendar calendar;
  PeriodCounts yesterday, month, year;  // month and year without today
};

struct SiteState::Body {
  explicit Body(const Limits& limits)
      : visitors_exact_max(limits.visitors_exact_max), observer(limits.seconds_of_online) {}

  EpochCounts& counts(const Epoch& epoch) {
    std::unique_ptr<EpochCounts>& counts = epochs[epoch];
    if (counts == nullptr) counts = std::make_unique<EpochCounts>(visitors_exact_max);
    return *counts;
  }
  const EpochCounts* find(const Epoch& epoch) const {
    const auto it = epochs.find(epoch);
    return it == epochs.end() ? nullptr : it->second.get();
  }

  void prefetch(const Hit& hit) const {
    presence.prefetch(hit.visitor);
    page_presence.prefetch(hit.page, hit.visitor);
  }
  void prefetch_overflow(const Hit& hit) const {
    presence.prefetch_overflow(hit.visitor);
    page_presence.prefetch_overflow(hit.page, hit.visitor);
  }

  std::uint32_t visitors_exact_max;
  std::map<Epoch, std::unique_ptr<EpochCounts>> epochs;  // epoch -> its numbers
  Interner paths{kFirstPage.value};
  Interner labels{kFirstLabel.value};
  IdMarks pages_hit;      // page ids that an applied hit bears
  IdMarks pages_defined;  // page ids that a stream defined, or that are seeded
  IdMarks labels_known;   // label ids that an applied hit bears, or that a stream defined
  Presence presence;
  PagePresence page_presence;
  Observer observer;
  std::uint64_t hits = 0;             // that were ever applied, of all kinds and epochs
  std::int64_t latest_s = INT64_MIN;  // of any hit or clock; presence is read no earlier
  PastDays past;
  std::unique_ptr<RemoteCounts> remote;  // null until something is learnt
};

template <class Visit>
void SiteState::each_included(const Visit& visit) const {
  if (body_ == nullptr) return;
  for (const Epoch& epoch : included_) {
    if (const EpochCounts* counts = body_->find(epoch)) visit(*counts);
  }
}

template <class Visit>
void SiteState::each_remote(const Visit& visit) const {
  if (body_ == nullptr || body_->remote == nullptr) return;
  for (const Epoch& epoch : included_) {
    if (const RemoteCounts::Sums* sums = body_->remote->sums(epoch)) visit(*sums);
  }
}

}  // namespace footfall::counting
