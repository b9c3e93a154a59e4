// SPDX-License-Identifier: Apache-2.0
// The inside of SiteState, for its own .cc files only: what exists from the first hit, reservation, seed or slot on.
#pragma once

#include <array>
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

// What reserve_label() answered of late: most hits name the same few browsers and systems, and a place under a cap, or
// that there is none, stays as it is until the day is closed.
class RecentLabels {
 public:
  // What is kept of that label; kNoLabel: nothing, and the caller fills it in.
  LabelId& of(const Epoch& epoch, Day day, Dimension dimension, std::uint64_t hash) {
    if (day != day_ || epoch != epoch_) {
      entries_ = {};
      day_ = day;
      epoch_ = epoch;
    }
    Entry& entry = entries_.at(static_cast<std::size_t>(dimension)).at(hash % kOfDimension);
    if (entry.hash != hash) entry = {hash, kNoLabel};
    return entry.id;
  }
  void forget() { entries_ = {}; }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    LabelId id = kNoLabel;
  };
  Epoch epoch_;
  Day day_ = 0;
  static constexpr std::size_t kOfDimension = 8;                      // browsers, for one, are half a dozen
  std::array<std::array<Entry, kOfDimension>, kDimensions> entries_;  // by dimension, and bits of the hash
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

  const PageMarks& marks() const {
    static const PageMarks kNone;
    return page_marks == nullptr ? kNone : *page_marks;
  }
  PageMarks& marks_to_change() {
    if (page_marks == nullptr) page_marks = std::make_unique<PageMarks>();
    return *page_marks;
  }

  LabelId reserve_label(const Limits& limits, const Epoch& epoch, Day day, Dimension dimension, std::string_view text,
                        std::uint64_t hash) {
    if (recent_labels == nullptr) return reserve_new_label(limits, epoch, day, dimension, text, hash);
    LabelId& recent = recent_labels->of(epoch, day, dimension, hash);
    if (recent == kNoLabel) recent = reserve_new_label(limits, epoch, day, dimension, text, hash);
    return recent;
  }
  LabelId reserve_new_label(const Limits& limits, const Epoch& epoch, Day day, Dimension dimension,
                            std::string_view text, std::uint64_t hash) {
    Rankings& rankings = counts(epoch).rankings();
    auto id = labels.find(text, hash);
    if (!id) {
      if (labels.size() >= limits.labels_known_max || labels.end() >= kIdsMax) return kOtherLabel;
      if (rankings.full(day, dimension, limits.labels_max)) return kOtherLabel;
      id = labels.intern(text, hash);
    } else if (recent_labels == nullptr) {
      recent_labels = std::make_unique<RecentLabels>();
    }
    return LabelId{rankings.reserve(day, dimension, *id, limits.labels_max)};
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
  std::unique_ptr<RecentLabels> recent_labels;  // null until a label comes again
  IdMarks pages_hit;                            // page ids that an applied hit bears
  IdMarks pages_defined;                        // page ids that a stream defined, or that are seeded
  IdMarks labels_known;                         // label ids that an applied hit bears, or that a stream defined
  Presence presence;
  PagePresence page_presence;
  std::unique_ptr<PageMarks> page_marks;  // none: no page is read as another
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
