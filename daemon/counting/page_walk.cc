// SPDX-License-Identifier: Apache-2.0
// The walk over page ids, the selection, and the last look at those chosen.
#include "counting/page_walk.h"

#include <algorithm>

#include "counting/site_state.h"
#include "counting/site_state_body.h"

namespace footfall::counting {

namespace {

// A page's counts, the place of its presence and what is there are a cache miss each: they are asked for this many rows
// ahead, the place by twice as many. Of BM_PageWalk.
constexpr std::uint32_t kAhead = 8;

// Whether `a` stands before `b` in the table.
struct Before {
  PageSort sort;
  bool operator()(const PageRow& a, const PageRow& b) const {
    if (sort == PageSort::online && a.online != b.online) return a.online > b.online;
    if (sort != PageSort::path && a.total() != b.total()) return a.total() > b.total();
    return a.path != b.path ? a.path < b.path : a.id < b.id;
  }
};

}  // namespace

PageWalk::PageWalk(PageSort sort, std::size_t limit)
    : sort_(sort), limit_(limit), rows_max_(limit + std::max<std::size_t>(limit, kPagesAStep)) {
  table_.rows.reserve(rows_max_);
}

void PageWalk::make_room() {
  std::vector<PageRow>& rows = table_.rows;
  if (rows.size() + kPagesAStep > rows_max_ || walked_) keep_first();
  if (walked_) std::sort(rows.begin(), rows.end(), [](const PageRow& a, const PageRow& b) { return a.id < b.id; });
}

void PageWalk::keep_first() {
  std::vector<PageRow>& rows = table_.rows;
  if (rows.size() <= limit_) return;
  const auto end = rows.begin() + static_cast<std::ptrdiff_t>(limit_);
  std::nth_element(rows.begin(), end - (limit_ > 0 ? 1 : 0), rows.end(), Before{sort_});
  rows.erase(end, rows.end());
  if (rows.empty()) return;
  full_ = true;
  last_kept_ = rows.back();
}

// Behind the last that is kept, whatever its path: so it is for nearly all.
bool PageWalk::hopeless(const PageRow& row) const {
  if (!full_ || sort_ == PageSort::path) return false;
  if (sort_ == PageSort::online) return row.online < last_kept_.online;
  return row.total() < last_kept_.total();
}

bool PageWalk::step(SiteState& state, std::int64_t now_s) {
  if (state.body_ == nullptr) return true;
  const std::int64_t at_s = state.read_clock(now_s);
  if (!walked_) {
    const bool first = next_ == 0;
    look(state, at_s);
    if (!walked_ || !first) return false;
    keep_first();  // there are few: this one hold is enough
  }
  take(state, at_s);
  return true;
}

void PageWalk::look(SiteState& state, std::int64_t at_s) {
  SiteState::Body& body = *state.body_;
  const std::uint32_t end = std::max(body.pages_hit.end(), body.pages_defined.end());
  const std::uint32_t stop = limit_ == 0 ? next_ : std::min(end, next_ + kPagesAStep);
  for (; next_ < stop; ++next_) {
    if (!body.pages_hit.has(next_) && !body.pages_defined.has(next_)) continue;
    if (body.marks().marked(PageId{next_})) continue;
    state.each_included([&](const EpochCounts& counts) { counts.prefetch_page(PageId{next_ + kAhead}); });
    PageRow row = state.row_of(PageId{next_});
    if (sort_ == PageSort::online || row.total() == 0) {
      row.online = state.online_of(row.id, at_s);
      if (row.counted == 0 && row.seeds == 0 && row.online == 0) continue;
    }
    if (hopeless(row)) continue;
    row.path = state.page_path(row.id);
    if (!row.path.empty()) table_.rows.push_back(row);
  }
  walked_ = next_ >= end || limit_ == 0;
}

void PageWalk::take(SiteState& state, std::int64_t at_s) {
  Wide seed = 0;
  state.each_included([&](const EpochCounts& counts) {
    add_saturating(table_.counted, counts.counted());
    seed += counts.seed();
  });
  table_.seed = to_i64(seed);
  table_.rest = table_.counted;

  PagePresence& presence = state.body_->page_presence;
  std::vector<PageRow>& rows = table_.rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + std::size_t{2} * kAhead < rows.size()) {
      const PageId ahead = rows[i + std::size_t{2} * kAhead].id;
      state.each_included([&](const EpochCounts& counts) { counts.prefetch_page(ahead); });
      presence.prefetch_place(ahead);
      __builtin_prefetch(&rows[i + std::size_t{2} * kAhead], 1);
    }
    if (i + kAhead < rows.size()) presence.prefetch(rows[i + kAhead].id);
    const std::string_view path = rows[i].path;
    rows[i] = state.row_of(rows[i].id);
    rows[i].path = path;
    rows[i].online = state.online_of(rows[i].id, at_s);
    table_.rest -= std::min(table_.rest, rows[i].counted);
  }
}

PageTable PageWalk::table() {
  std::vector<PageRow>& rows = table_.rows;
  // Who left since it was chosen, whose epoch is not summed any more, or what is read as another page since.
  std::erase_if(rows, [](const PageRow& row) { return row.counted == 0 && row.seeds == 0 && row.online == 0; });
  std::sort(rows.begin(), rows.end(), Before{sort_});
  return std::move(table_);
}

}  // namespace footfall::counting
