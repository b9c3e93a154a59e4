// SPDX-License-Identifier: Apache-2.0
// Reading: the included epochs summed, from one moment, and closing days. Nearly always one epoch is included; after an
// undo there are several, and a day that is open in more than one of them has its visitor sets united for the reader.
#include <algorithm>

#include "counting/site_state.h"
#include "counting/site_state_body.h"

namespace footfall::counting {

namespace {

void add_cell(Cell& sum, const Cell& cell) {
  add_saturating(sum.hits, cell.hits);
  add_saturating(sum.bots, cell.bots);
  add_saturating(sum.visitors, cell.visitors);
  sum.online_max = std::max(sum.online_max, cell.online_max);
}

// `sum` is of several nodes, and of whoever wrote the bytes: it is shown between nothing and 2^64 - 1.
void add_wide(std::uint64_t& counter, Wide sum) {
  counter = total_of(counter, sum);
}

// Adds up cells of the same key; ascending.
std::vector<Cell> add_up(std::vector<Cell> cells) {
  const auto by_key = [](const Cell& a, const Cell& b) { return a.key < b.key; };
  if (!std::is_sorted(cells.begin(), cells.end(), by_key)) std::sort(cells.begin(), cells.end(), by_key);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (kept > 0 && cells[kept - 1].key == cells[i].key) {
      add_cell(cells[kept - 1], cells[i]);
    } else {
      cells[kept++] = cells[i];
    }
  }
  cells.resize(kept);
  return cells;
}

bool same(const Calendar& a, const Calendar& b) {
  return a.today == b.today && a.month_begin == b.month_begin && a.year_begin == b.year_begin;
}

}  // namespace

// The second that presence is read at. A live state observes what ended before it.
std::int64_t SiteState::read_clock(std::int64_t now_s) {
  if (body_ == nullptr) return now_s;
  if (body_->observer.started()) advance(now_s, body_->observer.utc_offset_s());
  return std::max(now_s, body_->latest_s);
}

std::uint32_t SiteState::online(std::int64_t now_s) {
  const std::int64_t at_s = read_clock(now_s);
  return body_ == nullptr ? 0 : body_->presence.online(at_s, kept_s_);
}

SiteState::DayCounts SiteState::day_of(Day day) const {
  DayCounts out{.cell = {.key = day}};
  const EpochCounts* first = nullptr;  // with the day open
  std::optional<Visitors> united;      // if there are several
  each_included([&](const EpochCounts& counts) {
    add_cell(out.cell, counts.buckets().day(day));
    const Visitors* open = counts.open_visitors(day);
    if (counts.estimated(day) || (open != nullptr && !open->exact())) out.visitors_exact = false;
    if (open == nullptr) return;
    if (first == nullptr) {
      first = &counts;
      return;
    }
    if (!united) {
      united.emplace(limits_.visitors_exact_max);
      united->merge(*first->open_visitors(day));
    }
    united->merge(*open);
  });
  each_remote([&](const RemoteCounts::Sums& sums) {
    const RemoteCounts::DaySum* const others = sums.find(day);
    if (others == nullptr) return;
    add_wide(out.cell.hits, others->hits);
    add_wide(out.cell.bots, others->bots);
  });
  if (united) {
    out.visitors_exact = out.visitors_exact && united->exact();
    add_saturating(out.cell.visitors, united->count());
  } else if (first != nullptr) {
    add_saturating(out.cell.visitors, first->open_count(day));
  }
  return out;
}

void SiteState::add_day(PeriodCounts& sum, const DayCounts& day) {
  add_saturating(sum.hits, day.cell.hits);
  add_saturating(sum.visitors, day.cell.visitors);
  add_saturating(sum.bots, day.cell.bots);
  sum.visitors_exact = sum.visitors_exact && day.visitors_exact;
}

std::vector<Day> SiteState::days_held(Day from, Day to) const {
  std::vector<Day> days;
  each_included([&](const EpochCounts& counts) {
    counts.buckets().each_day(from, to, [&](const Cell& cell) { days.push_back(static_cast<Day>(cell.key)); });
    for (const Day day : counts.open_days()) {
      if (day >= from && day < to) days.push_back(day);
    }
  });
  each_remote([&](const RemoteCounts::Sums& sums) {
    for (const RemoteCounts::DaySum& sum : sums.days) {
      if (sum.day >= from && sum.day < to) days.push_back(sum.day);
    }
  });
  std::sort(days.begin(), days.end());
  days.erase(std::unique(days.begin(), days.end()), days.end());
  return days;
}

const SiteState::PastDays& SiteState::past_days(const Calendar& calendar) {
  PastDays& past = body_->past;
  if (past.valid && same(past.calendar, calendar)) return past;
  past = PastDays{.valid = true, .calendar = calendar, .yesterday = {}, .month = {}, .year = {}};
  const Day yesterday = calendar.today - 1;
  for (const Day day : days_held(std::min({calendar.year_begin, calendar.month_begin, yesterday}), calendar.today)) {
    const DayCounts counts = day_of(day);
    if (day == yesterday) add_day(past.yesterday, counts);
    if (day >= calendar.month_begin) add_day(past.month, counts);
    if (day >= calendar.year_begin) add_day(past.year, counts);
  }
  return past;
}

Summary SiteState::summary(std::int64_t now_s, const Calendar& calendar) {
  Summary out;
  out.epoch = epoch_;
  if (body_ == nullptr) return out;
  out.online = online(now_s);

  Wide seed = 0;
  each_included([&](const EpochCounts& counts) {
    add_saturating(out.counted, counts.counted());
    add_saturating(out.bots, counts.bots());
    seed += counts.seed();
    out.peak.merge(counts.peak());
    out.peak_today.merge(counts.peak_of(calendar.today));
  });
  out.counted_here = out.counted;
  each_remote([&](const RemoteCounts::Sums& sums) {
    add_wide(out.counted, sums.counted);
    add_wide(out.bots, sums.bots);
  });
  out.others = body_->remote != nullptr && body_->remote->others();
  out.seeds = seed;
  out.seed = to_i64(seed);
  out.total = total_of(out.counted, seed);

  const PastDays& past = past_days(calendar);
  const DayCounts today = day_of(calendar.today);
  out.yesterday = past.yesterday;
  out.month = past.month;
  out.year = past.year;
  for (PeriodCounts* period : {&out.today, &out.month, &out.year}) add_day(*period, today);
  return out;
}

PageRow SiteState::row_of(PageId page) const {
  PageRow row{.id = page, .path = {}};
  const PageMarks& marks = body_->marks();
  if (marks.marked(page)) return row;
  each_included([&](const EpochCounts& counts) {
    add_saturating(row.counted, counts.page_counted(page));
    row.seeds += counts.page_seed(page);
    for (const PageId other : marks.others(page)) {
      add_saturating(row.counted, counts.page_counted(other));
      row.seeds += counts.page_seed(other);
    }
  });
  return row;
}

std::uint32_t SiteState::online_of(PageId page, std::int64_t at_s) {
  const PageMarks& marks = body_->marks();
  if (marks.empty()) return body_->page_presence.online(page, at_s, kept_s_);
  if (marks.marked(page)) return 0;
  return body_->page_presence.online_of_all(page, marks.others(page), at_s, kept_s_);
}

std::optional<PageRow> SiteState::page(std::string_view path, std::uint64_t hash, std::int64_t now_s) {
  if (body_ == nullptr) return std::nullopt;
  const auto known = body_->paths.find(path, hash);
  if (!known) return std::nullopt;
  const PageId page = body_->marks().read_as(PageId{*known});
  if (page == kRemovedPage) return std::nullopt;
  PageRow row = row_of(page);
  row.path = page_path(page);
  row.online = online_of(page, read_clock(now_s));
  const bool hit = body_->pages_hit.has(page.value) ||
                   std::ranges::any_of(body_->marks().others(page),
                                       [this](PageId other) { return body_->pages_hit.has(other.value); });
  return hit || row.seeds != 0 ? std::optional<PageRow>(row) : std::nullopt;
}

PageTable SiteState::pages(std::int64_t now_s, PageSort sort, std::size_t limit) {
  PageWalk walk(sort, limit);
  do {
    walk.make_room();
  } while (!walk.step(*this, now_s));
  return walk.table();
}

std::vector<Cell> SiteState::minutes(std::int64_t from_s, std::int64_t to_s) const {
  std::vector<Cell> cells;
  each_included([&](const EpochCounts& counts) {
    counts.buckets().each_minute(from_s, to_s, [&](const Cell& cell) { cells.push_back(cell); });
  });
  return add_up(std::move(cells));
}

std::vector<Cell> SiteState::hours(std::int64_t from_s, std::int64_t to_s) const {
  std::vector<Cell> cells;
  each_included([&](const EpochCounts& counts) {
    counts.buckets().each_hour(from_s, to_s, [&](const Cell& cell) { cells.push_back(cell); });
  });
  return add_up(std::move(cells));
}

std::vector<Cell> SiteState::days(Day from, Day to) const {
  std::vector<Cell> cells;
  for (const Day day : days_held(from, to)) cells.push_back(day_of(day).cell);
  return cells;
}

std::vector<std::pair<std::int64_t, std::uint32_t>> SiteState::seconds(std::int64_t from_s, std::int64_t to_s) const {
  if (body_ == nullptr) return {};
  return body_->observer.seconds(from_s, to_s);
}

std::vector<Ranked> SiteState::top(Dimension dimension, Day from, Day to, std::size_t limit) const {
  std::vector<Ranked> ranked;
  each_included([&](const EpochCounts& counts) {
    const std::vector<Ranked> of_epoch = counts.rankings().all(from, to, dimension);
    ranked.insert(ranked.end(), of_epoch.begin(), of_epoch.end());
  });
  return largest(add_up(std::move(ranked)), limit);
}

// --- telling other nodes ---

PresenceTold SiteState::take_presence() {
  if (presence_news_ == nullptr) presence_news_ = std::make_unique<PresenceNews>();
  return presence_news_->take();
}

PresenceWalk SiteState::begin_presence_walk(bool everybody, std::int64_t now_s) {
  return presence_news_->begin_walk(everybody, now_s);
}

bool SiteState::walk_presence(PresenceWalk& walk, std::vector<Seen>& out) const {
  if (body_ == nullptr) return true;
  walk.place = body_->presence.walk(walk.place, walk.from_s, out);
  return walk.place == 0;
}

VisitorsTold SiteState::take_visitors() {
  if (visitor_news_ == nullptr) visitor_news_ = std::make_unique<VisitorNews>();
  return visitor_news_->take();
}

std::vector<EpochDay> SiteState::visitor_days(Day first) const {
  std::vector<EpochDay> out;
  if (body_ == nullptr) return out;
  for (const auto& [epoch, counts] : body_->epochs) {
    for (const Day day : counts->open_days()) {
      if (day >= first) out.push_back({epoch, day});
    }
  }
  return out;
}

DaySet SiteState::visitors_of(const EpochDay& day) const {
  const EpochCounts* counts = body_ == nullptr ? nullptr : body_->find(day.epoch);
  const Visitors* open = counts == nullptr ? nullptr : counts->open_visitors(day.day);
  return open == nullptr ? DaySet{} : open->all();
}

// --- closing days ---

std::vector<std::pair<Epoch, Day>> SiteState::open_days(Day last) const {
  std::vector<std::pair<Epoch, Day>> out;
  if (body_ == nullptr) return out;
  for (const auto& [epoch, counts] : body_->epochs) {
    std::vector<Day> days = counts->open_days();
    const std::vector<Day> ranked = counts->rankings().days();
    days.insert(days.end(), ranked.begin(), ranked.end());
    std::sort(days.begin(), days.end());
    days.erase(std::unique(days.begin(), days.end()), days.end());
    for (const Day day : days) {
      if (day <= last) out.emplace_back(epoch, day);
    }
  }
  return out;
}

std::vector<Ranked> SiteState::ranking(const Epoch& epoch, Day day, Dimension dimension) const {
  const EpochCounts* counts = body_ == nullptr ? nullptr : body_->find(epoch);
  return counts == nullptr ? std::vector<Ranked>{} : counts->rankings().all(day, dimension);
}

void SiteState::close_day(const Epoch& epoch, Day day) {
  if (body_ == nullptr || body_->find(epoch) == nullptr) return;
  body_->counts(epoch).close(day);
  if (body_->recent_labels != nullptr) body_->recent_labels->forget();
  body_->past.valid = false;
}

std::uint64_t SiteState::hits() const {
  return body_ == nullptr ? 0 : body_->hits;
}

Books SiteState::books() const {
  Books out;
  if (body_ == nullptr) return out;
  out.hits = body_->hits;
  for (const auto& [epoch, counts] : body_->epochs) {
    add_saturating(out.counted, counts->counted());
    add_saturating(out.bots, counts->bots());
    counts->buckets().each_day(INT32_MIN, INT32_MAX, [&out](const Cell& day) {
      add_saturating(out.in_days, day.hits);
      add_saturating(out.bots_in_days, day.bots);
    });
  }
  return out;
}

std::size_t SiteState::presence_pairs() const {
  return body_ == nullptr ? 0 : body_->presence.cells() + body_->page_presence.pairs();
}

std::size_t SiteState::memory_bytes() const {
  constexpr std::size_t kTreeNode = 48;  // of std::set and std::map, beside the value
  std::size_t bytes = sizeof *this + included_.size() * (kTreeNode + sizeof(Epoch));
  if (body_ == nullptr) return bytes;
  bytes += sizeof *body_ + body_->paths.memory_bytes() + body_->labels.memory_bytes() +
           body_->pages_hit.memory_bytes() + body_->pages_defined.memory_bytes() + body_->labels_known.memory_bytes() +
           body_->presence.memory_bytes() + body_->page_presence.memory_bytes() + body_->observer.memory_bytes() +
           body_->marks().memory_bytes();
  for (const auto& [epoch, counts] : body_->epochs) bytes += kTreeNode + sizeof(Epoch) + counts->memory_bytes();
  if (body_->remote != nullptr) bytes += body_->remote->memory_bytes();
  if (body_->recent_labels != nullptr) bytes += sizeof *body_->recent_labels;
  return bytes;
}

}  // namespace footfall::counting
