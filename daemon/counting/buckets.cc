// SPDX-License-Identifier: Apache-2.0
// Buckets as three sorted arrays, and as bytes:
//
//     buckets = newest:svarint minutes hours days
//     cells   = count:varint { difference to the key before (the first: the key itself):svarint
//                              hits:varint bots:varint visitors:varint online_max:varint }
//
// Tested by tests/unit/counting/buckets_test.cc.
#include "counting/buckets.h"

#include <algorithm>

#include "counting/saturating.h"

namespace footfall::counting {
namespace {

using Cells = std::vector<Cell>;

constexpr std::int64_t kMinute_s = 60;
constexpr std::int64_t kHour_s = 3600;
// Pruned when there are this many, an eighth more than retention leaves of a site that is hit all the time.
constexpr std::size_t kMinutesHeld = Buckets::kMinutesKept_s / kMinute_s * 9 / 8;
constexpr std::size_t kHoursHeld = Buckets::kHoursKept_s / kHour_s * 9 / 8;

template <class AnyCells>
auto lower_bound(AnyCells& cells, std::int64_t key) {
  return std::lower_bound(cells.begin(), cells.end(), key,
                          [](const Cell& cell, std::int64_t k) { return cell.key < k; });
}

Cell& cell_of(Cells& cells, std::int64_t key) {
  if (!cells.empty() && cells.back().key == key) return cells.back();
  if (cells.empty() || cells.back().key < key) {
    cells.push_back({.key = key});
    return cells.back();
  }
  auto at = lower_bound(cells, key);
  if (at->key != key) at = cells.insert(at, {.key = key});
  return *at;
}

void each(const Cells& cells, std::int64_t from, std::int64_t to, const std::function<void(const Cell&)>& visit) {
  for (auto at = lower_bound(cells, from); at != cells.end() && at->key < to; ++at) visit(*at);
}

void erase_before(Cells& cells, std::int64_t key) {
  cells.erase(cells.begin(), lower_bound(cells, key));
  if (cells.capacity() > 2 * cells.size()) cells.shrink_to_fit();
}

void save_cells(base::ByteWriter& out, const Cells& cells, std::int64_t oldest) {
  auto at = lower_bound(cells, oldest);
  out.varint(static_cast<std::uint64_t>(cells.end() - at));
  for (std::int64_t before = 0; at != cells.end(); before = at->key, ++at) {
    out.svarint(at->key - before);
    out.varint(at->hits);
    out.varint(at->bots);
    out.varint(at->visitors);
    out.varint(at->online_max);
  }
}

bool load_cells(base::ByteReader& in, Cells& cells) {
  std::int64_t key = 0;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    const std::int64_t difference = in.svarint();
    if ((!cells.empty() && difference <= 0) || __builtin_add_overflow(key, difference, &key)) in.fail();
    Cell cell{.key = key, .hits = in.varint(), .bots = in.varint(), .visitors = in.varint()};
    const std::uint64_t online_max = in.varint();
    if (online_max > UINT32_MAX) in.fail();
    cell.online_max = static_cast<std::uint32_t>(online_max);
    if (in.ok()) cells.push_back(cell);
  }
  return in.ok();
}

}  // namespace

// The least key that is kept.
std::int64_t Buckets::oldest(std::int64_t kept_s) const {
  return newest_s_ < INT64_MIN + kept_s ? INT64_MIN : newest_s_ - kept_s + 1;
}

template <class Change>
void Buckets::change(std::int64_t at_s, std::int32_t utc_offset_s, const Change& change) {
  newest_s_ = std::max(newest_s_, at_s);
  const std::int64_t minute = floor_div(at_s, kMinute_s) * kMinute_s;
  const std::int64_t hour = floor_div(at_s + utc_offset_s, kHour_s) * kHour_s - utc_offset_s;
  if (minute >= oldest(kMinutesKept_s)) change(cell_of(minutes_, minute));
  if (hour >= oldest(kHoursKept_s)) change(cell_of(hours_, hour));
  change(cell_of(days_, local_day(at_s, utc_offset_s)));
  if (minutes_.size() > kMinutesHeld || hours_.size() > kHoursHeld) prune();
}

void Buckets::add(std::int64_t at_s, std::int32_t utc_offset_s, std::uint64_t hits, std::uint64_t bots) {
  if (hits == 0 && bots == 0) return;
  change(at_s, utc_offset_s, [&](Cell& cell) {
    add_saturating(cell.hits, hits);
    add_saturating(cell.bots, bots);
  });
}

void Buckets::observe(std::int64_t at_s, std::int32_t utc_offset_s, std::uint32_t online) {
  if (online == 0) return;
  change(at_s, utc_offset_s, [&](Cell& cell) { cell.online_max = std::max(cell.online_max, online); });
}

void Buckets::add_closed_visitors(Day day, std::uint64_t visitors) {
  if (visitors == 0) return;
  add_saturating(cell_of(days_, day).visitors, visitors);
}

void Buckets::each_minute(std::int64_t from_s, std::int64_t to_s, const std::function<void(const Cell&)>& visit) const {
  each(minutes_, std::max(from_s, oldest(kMinutesKept_s)), to_s, visit);
}

void Buckets::each_hour(std::int64_t from_s, std::int64_t to_s, const std::function<void(const Cell&)>& visit) const {
  each(hours_, std::max(from_s, oldest(kHoursKept_s)), to_s, visit);
}

void Buckets::each_day(Day from, Day to, const std::function<void(const Cell&)>& visit) const {
  each(days_, from, to, visit);
}

Cell Buckets::day(Day day) const {
  const auto at = lower_bound(days_, day);
  return at != days_.end() && at->key == day ? *at : Cell{.key = day};
}

void Buckets::prune() {
  erase_before(minutes_, oldest(kMinutesKept_s));
  erase_before(hours_, oldest(kHoursKept_s));
}

std::size_t Buckets::memory_bytes() const {
  return (minutes_.capacity() + hours_.capacity() + days_.capacity()) * sizeof(Cell);
}

void Buckets::save(base::ByteWriter& out) const {
  out.svarint(newest_s_);
  save_cells(out, minutes_, oldest(kMinutesKept_s));
  save_cells(out, hours_, oldest(kHoursKept_s));
  save_cells(out, days_, INT64_MIN);
}

bool Buckets::load(base::ByteReader& in) {
  Buckets read;
  read.newest_s_ = in.svarint();
  if (!load_cells(in, read.minutes_) || !load_cells(in, read.hours_) || !load_cells(in, read.days_)) return false;
  *this = std::move(read);
  return true;
}

}  // namespace footfall::counting
