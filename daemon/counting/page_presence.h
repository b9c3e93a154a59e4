// SPDX-License-Identifier: Apache-2.0
// PagePresence: who is online on each page of a site; a Presence per page, and a broom.
//
//     page id - 2 ->  [ Presence | Presence |    -     |    -     | Presence | .. ]
//     active          [ 0, 1, 4 ]          the pages whose Presence holds something; swept a part each second
//
// A page that nobody comes back to would hold its last visitors for ever, so each second that passes looks at as many
// active pages as it takes to come round once per window: idle pages cost nothing but their empty place.
// (unknown) and (other) have no presence of their own. forget() is one number for all pages: each page lets go when it
// is next looked at.
// Cost: a touch is one of Presence; a second is active / window calls of Presence::online.
// Tested by tests/unit/counting/site_state_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "counting/hit.h"
#include "counting/presence.h"

namespace footfall::counting {

// Units      UTC seconds, given by the caller and never before the latest given.
// Ownership  owns the presences. Threading: none of its own, guarded by the lock of its site.
// Errors     none; load() answers false on malformed bytes.
class PagePresence {
 public:
  void touch(PageId page, VisitorId visitor, std::int64_t at_s, std::int32_t window_s);
  void move_away(PageId page, VisitorId old_id, std::int64_t at_s, std::int32_t window_s);
  std::uint32_t online(PageId page, std::int64_t now_s, std::int32_t window_s);
  // Of pages that are read as one: distinct visitors. Costs a sort of all who are there, if they are on several.
  std::uint32_t online_of_all(PageId page, std::span<const PageId> others, std::int64_t now_s, std::int32_t window_s);

  bool holds(PageId page, VisitorId visitor) const {
    const std::uint32_t index = page.value - kFirstPage.value;
    return index < pages_.size() && pages_[index].presence.holds(visitor);
  }
  // For online(): the place, and then, when that is there, what is in it.
  void prefetch_place(PageId page) const {
    const std::uint32_t index = page.value - kFirstPage.value;
    if (index < pages_.size()) __builtin_prefetch(&pages_[index], 1);
  }
  void prefetch(PageId page) const {
    const std::uint32_t index = page.value - kFirstPage.value;
    if (index < pages_.size()) pages_[index].presence.prefetch();
  }
  void prefetch(PageId page, VisitorId visitor) const {
    const std::uint32_t index = page.value - kFirstPage.value;
    if (index < pages_.size()) pages_[index].presence.prefetch(visitor);
  }
  void prefetch_overflow(PageId page, VisitorId visitor) const {
    const std::uint32_t index = page.value - kFirstPage.value;
    if (index < pages_.size()) pages_[index].presence.prefetch_overflow(visitor);
  }

  // `passed_s` seconds went by: looks at that part of the active pages, and frees those where nobody is left.
  void sweep(std::int64_t now_s, std::int64_t passed_s, std::int32_t window_s);
  // Nobody is online on the site.
  void clear();
  // Lets everybody go, on every page, who was not seen after until_s.
  void forget(std::int64_t until_s) {
    forgotten_until_s_ = until_s;
    ++forgotten_times_;
  }

  // One past the greatest page that ever had a presence.
  std::uint32_t end() const { return kFirstPage.value + static_cast<std::uint32_t>(pages_.size()); }
  std::size_t pairs() const { return pairs_; }  // cells of all pages
  std::size_t memory_bytes() const;

  // Only pages with something to save; the same bytes for equal content.
  void save(base::ByteWriter& out, std::int64_t now_s, std::int32_t window_s) const;
  // REQUIRES: empty. Pages at or past `pages_end` are malformed.
  bool load(base::ByteReader& in, std::uint32_t pages_end, std::int32_t window_s);

 private:
  struct Place {
    Presence presence;
    std::uint32_t forgotten = 0;  // forgotten_times_ when it was last looked at
    bool active = false;          // listed in active_
  };
  Place& place_of(PageId page);
  // Keeps pairs_ and active_ true around a change of one page's presence.
  template <class Change>
  auto change(Place& place, std::uint32_t index, const Change& change);

  std::vector<Place> pages_;           // page id - kFirstPage -> presence
  std::vector<std::uint32_t> active_;  // indices into pages_, in no order
  std::size_t sweep_next_ = 0;         // into active_
  std::size_t pairs_ = 0;
  std::int64_t forgotten_until_s_ = INT64_MIN;
  std::uint32_t forgotten_times_ = 0;
};

}  // namespace footfall::counting
