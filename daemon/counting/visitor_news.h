// SPDX-License-Identifier: Apache-2.0
// VisitorNews: which visitors are new to their day, for other nodes. Of a day in a sketch those who raised a register:
// no other could raise one elsewhere, once these are known there.
//
// Bounds     kListedMax ids at once; beyond, the days' sets are to be read whole.
// Threading  none of its own: guarded by the lock of its site. Errors: none.
// Tested by tests/unit/counting/visitor_news_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "counting/hit.h"

namespace footfall::counting {

// A day of an epoch.
struct EpochDay {
  Epoch epoch;
  Day day = 0;
  friend constexpr auto operator<=>(const EpochDay&, const EpochDay&) = default;
};

// All visitors of a day: either their ids, or Redis's dense bytes of a sketch.
struct DaySet {
  std::vector<VisitorId> ids;
  std::string sketch;
};

struct VisitorsTold {
  std::vector<std::pair<EpochDay, std::vector<VisitorId>>> days;
  bool everything = false;  // the list says too little
};

class VisitorNews {
 public:
  static constexpr std::size_t kListedMax = 1U << 16U;

  void note(const EpochDay& day, VisitorId visitor) {
    if (++listed_ > kListedMax) {
      told_.everything = true;
      return;
    }
    if (told_.days.empty() || told_.days[recent_].first != day) find(day);
    told_.days[recent_].second.push_back(visitor);
  }
  VisitorsTold take() {
    if (told_.everything) told_.days.clear();
    listed_ = recent_ = 0;
    return std::exchange(told_, {});
  }

 private:
  void find(const EpochDay& day) {
    for (recent_ = 0; recent_ < told_.days.size(); ++recent_) {
      if (told_.days[recent_].first == day) return;
    }
    told_.days.emplace_back(day, std::vector<VisitorId>{});
  }

  VisitorsTold told_{{}, true};  // of those who came before nothing was told
  std::size_t listed_ = 0;
  std::size_t recent_ = 0;  // of told_.days: mostly the next one's too
};

}  // namespace footfall::counting
