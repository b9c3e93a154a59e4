// SPDX-License-Identifier: Apache-2.0
// Every change of a page's presence goes through change(), which keeps the sum of cells and the list of active pages.
#include "counting/page_presence.h"

#include <algorithm>
#include <string>

namespace footfall::counting {

template <class Change>
auto PagePresence::change(Place& place, std::uint32_t index, const Change& change) {
  pairs_ -= place.presence.cells();
  if (place.forgotten != forgotten_times_) {
    place.presence.forget(forgotten_until_s_);
    place.forgotten = forgotten_times_;
  }
  if constexpr (std::is_void_v<decltype(change(place.presence))>) {
    change(place.presence);
    const std::size_t cells = place.presence.cells();
    pairs_ += cells;
    if (cells > 0 && !place.active) {
      place.active = true;
      active_.push_back(index);
    }
  } else {
    const auto result = change(place.presence);
    pairs_ += place.presence.cells();
    return result;
  }
}

PagePresence::Place& PagePresence::place_of(PageId page) {
  const std::size_t index = page.value - kFirstPage.value;
  if (index >= pages_.size()) pages_.resize(index + 1);
  return pages_[index];
}

void PagePresence::touch(PageId page, VisitorId visitor, std::int64_t at_s, std::int32_t window_s) {
  if (page < kFirstPage) return;
  change(place_of(page), page.value - kFirstPage.value,
         [&](Presence& presence) { presence.touch(visitor, at_s, window_s); });
}

void PagePresence::move_away(PageId page, VisitorId old_id, std::int64_t at_s, std::int32_t window_s) {
  if (page < kFirstPage) return;
  change(place_of(page), page.value - kFirstPage.value,
         [&](Presence& presence) { presence.move_away(old_id, at_s, window_s); });
}

std::uint32_t PagePresence::online(PageId page, std::int64_t now_s, std::int32_t window_s) {
  if (page < kFirstPage || page.value >= end()) return 0;
  const std::uint32_t index = page.value - kFirstPage.value;
  Place& place = pages_[index];
  if (!place.active) return 0;
  return change(place, index, [&](Presence& presence) { return presence.online(now_s, window_s); });
}

std::uint32_t PagePresence::online_of_all(PageId page, std::span<const PageId> others, std::int64_t now_s,
                                          std::int32_t window_s) {
  std::uint32_t online_there = online(page, now_s, window_s);
  std::vector<PageId> there;  // where anybody is
  if (online_there > 0) there.push_back(page);
  for (const PageId other : others) {
    const std::uint32_t more = online(other, now_s, window_s);
    if (more == 0) continue;
    there.push_back(other);
    online_there = more;
  }
  if (there.size() < 2) return there.empty() ? 0 : online_there;

  // As on one page: a mark beats every hit of its id.
  std::vector<Seen> seen;
  for (const PageId one : there) {
    const Presence& presence = pages_[one.value - kFirstPage.value].presence;
    for (std::uint64_t place = 0; (place = presence.walk(place, now_s - window_s + 1, seen)) != 0;) {
    }
  }
  std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) {
    return a.visitor != b.visitor ? a.visitor < b.visitor : a.moved && !b.moved;
  });
  seen.erase(std::unique(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) { return a.visitor == b.visitor; }),
             seen.end());
  return static_cast<std::uint32_t>(std::ranges::count_if(seen, [](const Seen& one) { return !one.moved; }));
}

void PagePresence::sweep(std::int64_t now_s, std::int64_t passed_s, std::int32_t window_s) {
  if (active_.empty() || passed_s <= 0) return;
  const std::int64_t seconds = std::min<std::int64_t>(passed_s, window_s);
  const std::size_t share = active_.size() * static_cast<std::size_t>(seconds) / static_cast<std::size_t>(window_s) + 1;
  for (std::size_t looks = std::min(share, active_.size()); looks > 0; --looks) {
    if (sweep_next_ >= active_.size()) sweep_next_ = 0;
    const std::uint32_t index = active_[sweep_next_];
    online(PageId{index + kFirstPage.value}, now_s, window_s);
    Place& place = pages_[index];
    if (place.presence.cells() == 0) {
      place.active = false;
      active_[sweep_next_] = active_.back();
      active_.pop_back();
      if (active_.empty()) break;
    } else {
      ++sweep_next_;
    }
  }
}

void PagePresence::clear() {
  for (const std::uint32_t index : active_) pages_[index] = Place{};
  active_ = {};
  sweep_next_ = 0;
  pairs_ = 0;
}

std::size_t PagePresence::memory_bytes() const {
  std::size_t bytes = pages_.capacity() * sizeof(Place) + active_.capacity() * sizeof active_[0];
  for (const std::uint32_t index : active_) bytes += pages_[index].presence.memory_bytes();
  return bytes;
}

// page-presence   count (page-id length presence)*      ascending by page id
void PagePresence::save(base::ByteWriter& out, std::int64_t now_s, std::int32_t window_s) const {
  std::string empty;
  base::ByteWriter empty_writer(empty);
  Presence().save(empty_writer, now_s, window_s);

  std::vector<std::uint32_t> active = active_;
  std::sort(active.begin(), active.end());
  std::string pages;
  base::ByteWriter writer(pages);
  std::string one;
  std::size_t count = 0;
  for (const std::uint32_t index : active) {
    one.clear();
    base::ByteWriter one_writer(one);
    pages_[index].presence.save(one_writer, now_s, window_s);
    if (one == empty) continue;
    ++count;
    writer.varint(index + kFirstPage.value);
    writer.string(one);
  }
  out.varint(count);
  out.raw(pages);
}

bool PagePresence::load(base::ByteReader& in, std::uint32_t pages_end, std::int32_t window_s) {
  const std::uint64_t count = in.varint();
  std::uint64_t last = kFirstPage.value - 1;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t page = in.varint();
    base::ByteReader one(in.string());
    if (!in.ok() || page <= last || page >= pages_end) return false;
    last = page;
    const PageId id{static_cast<std::uint32_t>(page)};
    bool loaded = false;
    change(place_of(id), id.value - kFirstPage.value,
           [&](Presence& presence) { loaded = presence.load(one, window_s) && one.at_end(); });
    if (!loaded) return false;
  }
  return in.ok();
}

}  // namespace footfall::counting
