// SPDX-License-Identifier: Apache-2.0
// PresenceNews: what other nodes are to be told of a site's presence, so that each of them has every visitor, and none
// expires there early.
//
//     told at once (take)     who appeared, moved to another id, or returned when what is known elsewhere may soon
//     expire told by a walk          everybody else whose latest hit rose since the walk before began; one each tenth
//     of a window
//
//     hit of ann      |0 s: told at once            |105 s, 205 s: told by walks            |470 s: returned, told at
//     once walks      |30 s      |60 s      |90 s ...
//
// Elsewhere is known a hit `p`, and ann expires a window after it. Her next hit comes less than
// returned_after_s(window) later, or is told at once. The walk that gives it begins at most a tenth of a window after
// it and may take as long: returned_after_s is what these two, and 2 s for the way, leave of a window. A late hit,
// which the next walk would leave out, is told at once too. Bounds     kListedMax at once; beyond, everybody is to be
// walked. Threading  none of its own: guarded by the lock of its site. Errors: none. Tested by
// tests/unit/counting/presence_news_test.cc, tests/unit/redis/online_random_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "counting/presence.h"

namespace footfall::counting {

// Each visitor at most once or twice. `everybody`: the list says too little, all who are present are to be walked.
struct PresenceTold {
  std::vector<Seen> list;
  bool everybody = false;
};

// A walk that has begun: see SiteState::walk_presence().
struct PresenceWalk {
  std::uint64_t place = 0;
  std::int64_t from_s = INT64_MIN;  // who was not seen since is left out
};

class PresenceNews {
 public:
  static constexpr std::size_t kListedMax = 1U << 16U;

  // Seconds between the beginnings of two walks.
  static constexpr std::int32_t walk_each_s(std::int32_t window_s) { return std::max(window_s / 10, 1); }
  static constexpr std::int32_t returned_after_s(std::int32_t window_s) {
    return std::max(window_s - 2 * walk_each_s(window_s) - 2, 1);
  }

  // `later_s` is what Presence answered: nothing is told of a hit that is not later than what was known.
  void note(const Seen& seen, std::int32_t later_s, std::int32_t window_s) {
    if (later_s == 0 || (later_s < returned_after_s(window_s) && seen.at_s >= walked_s_)) return;
    if (told_.list.size() < kListedMax) {
      told_.list.push_back(seen);
    } else {
      told_.everybody = true;
    }
  }
  PresenceTold take() {
    if (told_.everybody) told_.list.clear();
    return std::exchange(told_, {});
  }
  PresenceWalk begin_walk(bool everybody, std::int64_t now_s) {
    const std::int64_t before_s = std::exchange(walked_s_, now_s);
    return {0, everybody ? INT64_MIN : before_s};
  }

 private:
  PresenceTold told_{{}, true};        // of those who are here already nothing was told
  std::int64_t walked_s_ = INT64_MIN;  // when the latest walk began
};

}  // namespace footfall::counting
