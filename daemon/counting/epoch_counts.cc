// SPDX-License-Identifier: Apache-2.0
// The hot path of a hit into its epoch, closing days, and the bytes of an epoch.
#include "counting/epoch_counts.h"

#include <algorithm>

namespace footfall::counting {

void EpochCounts::add(std::span<const Hit> run, const EpochDay& day_of_it, VisitorNews* news) {
  const Day day = day_of_it.day;
  std::uint64_t counted = 0;
  std::uint64_t bots = 0;
  for (const Hit& hit : run) {
    if (hit.kind != Kind::pageview) continue;
    if (hit.bot) ++bots;
    if (!hit.counts) continue;
    ++counted;
    pages_.add(hit.page.value, 1);
  }
  add_saturating(counted_, counted);
  add_saturating(bots_, bots);
  buckets_.add(run.front().at_s, run.front().utc_offset_s, counted, bots);
  rankings_.add(day, run);

  OpenDay* today = nullptr;
  for (const Hit& hit : run) {
    if (!hit.adds_visitor || hit.visitor.value == 0) continue;
    if (today == nullptr) today = &open(day);
    if (!today->visitors.add(hit.visitor)) continue;
    today->count_known = false;
    if (news != nullptr) news->note(day_of_it, hit.visitor);
  }
}

void EpochCounts::observe(const Observation& seen) {
  if (seen.online == 0) return;
  const Peak peak{seen.online, seen.at_s};
  const Day day = local_day(seen.at_s, seen.utc_offset_s);
  peak_.merge(peak);
  if (day > peak_day_) {
    peak_day_ = day;
    day_peak_ = peak;
  } else if (day == peak_day_) {
    day_peak_.merge(peak);
  }
  buckets_.observe(seen.at_s, seen.utc_offset_s, seen.online);
}

std::vector<EpochCounts::OpenDay>::const_iterator EpochCounts::find_open(Day day) const {
  const auto it =
      std::lower_bound(open_.begin(), open_.end(), day, [](const OpenDay& open, Day key) { return open.day < key; });
  return it != open_.end() && it->day == day ? it : open_.end();
}

EpochCounts::OpenDay& EpochCounts::open(Day day) {
  if (recent_open_ < open_.size() && open_[recent_open_].day == day) return open_[recent_open_];
  auto it =
      std::lower_bound(open_.begin(), open_.end(), day, [](const OpenDay& open, Day key) { return open.day < key; });
  if (it == open_.end() || it->day != day) it = open_.insert(it, OpenDay{day, Visitors(visitors_exact_max_)});
  recent_open_ = static_cast<std::size_t>(it - open_.begin());
  return *it;
}

std::vector<Day> EpochCounts::open_days() const {
  std::vector<Day> out;
  out.reserve(open_.size());
  for (const OpenDay& open : open_) out.push_back(open.day);
  return out;
}

const Visitors* EpochCounts::open_visitors(Day day) const {
  const auto it = find_open(day);
  return it == open_.end() ? nullptr : &it->visitors;
}

std::uint64_t EpochCounts::open_count(Day day) const {
  const auto it = find_open(day);
  if (it == open_.end()) return 0;
  if (!it->count_known) {
    it->count = it->visitors.count();
    it->count_known = true;
  }
  return it->count;
}

bool EpochCounts::estimated(Day day) const {
  return std::binary_search(estimated_.begin(), estimated_.end(), day);
}

void EpochCounts::close(Day day) {
  rankings_.erase(day);
  const auto it = find_open(day);
  if (it == open_.end()) return;
  buckets_.add_closed_visitors(day, open_count(day));
  if (!it->visitors.exact() && !estimated(day)) {
    estimated_.insert(std::upper_bound(estimated_.begin(), estimated_.end(), day), day);
  }
  open_.erase(it);
  recent_open_ = 0;
}

std::size_t EpochCounts::memory_bytes() const {
  std::size_t bytes = sizeof *this + pages_.memory_bytes() + page_seeds_.size() * (sizeof(PageId) + sizeof(Wide) + 40) +
                      buckets_.memory_bytes() + rankings_.memory_bytes() + open_.capacity() * sizeof(OpenDay) +
                      estimated_.capacity() * sizeof(Day);
  for (const OpenDay& open : open_) bytes += open.visitors.memory_bytes();
  return bytes;
}

namespace {

constexpr std::int64_t kUpperMax = std::int64_t{1} << 40U;  // 2^40 seeds of 2^64: what comes on top never overflows

void save_wide(base::ByteWriter& out, Wide value) {
  __extension__ typedef unsigned __int128 Bits;
  const Bits bits = static_cast<Bits>(value);
  out.svarint(static_cast<std::int64_t>(static_cast<std::uint64_t>(bits >> 64U)));
  out.u64(static_cast<std::uint64_t>(bits));
}

Wide load_wide(base::ByteReader& in) {
  __extension__ typedef unsigned __int128 Bits;
  const std::int64_t upper = in.svarint();
  if (upper > kUpperMax || upper < -kUpperMax) in.fail();
  return static_cast<Wide>(static_cast<Bits>(static_cast<std::uint64_t>(upper)) << 64U | in.u64());
}

void save_peak(base::ByteWriter& out, const Peak& peak) {
  out.varint(peak.online);
  out.svarint(peak.at_s);
}

bool load_peak(base::ByteReader& in, Peak& peak) {
  const std::uint64_t online = in.varint();
  peak.at_s = in.svarint();
  peak.online = static_cast<std::uint32_t>(online);
  return online <= UINT32_MAX;
}

bool load_day(base::ByteReader& in, std::int64_t& last, Day& day) {
  const std::int64_t value = in.svarint();
  if (!in.ok() || value <= last || value < INT32_MIN || value > INT32_MAX) return false;
  last = value;
  day = static_cast<Day>(value);
  return true;
}

}  // namespace

// EPOCH_COUNTS in store/FORMAT.md. The site's counted is the sum of its pages and not written.
void EpochCounts::save(base::ByteWriter& out) const {
  out.varint(bots_);
  save_wide(out, seed_);
  pages_.save(out);
  out.varint(static_cast<std::uint64_t>(
      std::count_if(page_seeds_.begin(), page_seeds_.end(), [](const auto& entry) { return entry.second != 0; })));
  for (const auto& [page, seed] : page_seeds_) {
    if (seed == 0) continue;
    out.varint(page.value);
    save_wide(out, seed);
  }
  save_peak(out, peak_);
  out.svarint(peak_day_);
  save_peak(out, day_peak_);
  buckets_.save(out);
  out.varint(open_.size());
  for (const OpenDay& open : open_) {
    out.svarint(open.day);
    open.visitors.save(out);
  }
  out.varint(estimated_.size());
  for (const Day day : estimated_) out.svarint(day);
  rankings_.save(out);
}

bool EpochCounts::load(base::ByteReader& in, std::uint32_t pages_end) {
  bots_ = in.varint();
  seed_ = load_wide(in);
  if (!pages_.load(in, 0, pages_end)) return false;
  for (const Ranked& page : pages_.all()) add_saturating(counted_, page.count);

  std::int64_t last = -1;
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    const std::uint64_t page = in.varint();
    const Wide seed = load_wide(in);
    if (!in.ok() || page >= pages_end || static_cast<std::int64_t>(page) <= last || seed == 0) return false;
    last = static_cast<std::int64_t>(page);
    page_seeds_.emplace_hint(page_seeds_.end(), PageId{static_cast<std::uint32_t>(page)}, seed);
  }

  last = INT64_MIN;
  if (!load_peak(in, peak_) || !load_day(in, last, peak_day_) || !load_peak(in, day_peak_)) return false;
  if (!buckets_.load(in)) return false;

  last = INT64_MIN;
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    Day day = 0;
    if (!load_day(in, last, day)) return false;
    open_.push_back(OpenDay{day, Visitors(visitors_exact_max_)});
    if (!open_.back().visitors.load(in)) return false;
  }
  last = INT64_MIN;
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    Day day = 0;
    if (!load_day(in, last, day)) return false;
    estimated_.push_back(day);
  }
  return rankings_.load(in) && in.ok();
}

}  // namespace footfall::counting
