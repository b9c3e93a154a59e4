// SPDX-License-Identifier: Apache-2.0
// The days of Rankings: few, sorted, the one of the latest hit at hand.
#include "counting/rankings.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "counting/saturating.h"

namespace footfall::counting {

namespace {
constexpr std::size_t index_of(Dimension dimension) {
  return static_cast<std::size_t>(dimension);
}
}  // namespace

Rankings::Rankings(Rankings&& other) noexcept
    : days_(std::move(other.days_)), recent_(std::exchange(other.recent_, nullptr)) {}
Rankings& Rankings::operator=(Rankings&& other) noexcept {
  days_ = std::move(other.days_);
  recent_ = std::exchange(other.recent_, nullptr);
  return *this;
}

bool Rankings::DayTables::counted() const {
  return std::any_of(tables.begin(), tables.end(), [](const CountTable& table) { return table.counted() > 0; });
}

const Rankings::DayTables* Rankings::find(Day day) const {
  if (recent_ != nullptr && recent_->day == day) return recent_;
  const auto it =
      std::lower_bound(days_.begin(), days_.end(), day, [](const auto& d, Day key) { return d->day < key; });
  return it != days_.end() && (*it)->day == day ? it->get() : nullptr;
}

Rankings::DayTables& Rankings::at(Day day) {
  if (recent_ != nullptr && recent_->day == day) return *recent_;
  auto it = std::lower_bound(days_.begin(), days_.end(), day, [](const auto& d, Day key) { return d->day < key; });
  if (it == days_.end() || (*it)->day != day) {
    it = days_.insert(it, std::make_unique<DayTables>());
    (*it)->day = day;
  }
  recent_ = it->get();
  return *recent_;
}

namespace {
std::uint32_t labels_in(const CountTable& table) {
  return table.used() - (table.contains(kOtherLabel.value) ? 1U : 0U);
}
}  // namespace

std::uint32_t Rankings::reserve(Day day, Dimension dimension, std::uint32_t id, std::uint32_t labels_max) {
  CountTable& table = at(day).tables[index_of(dimension)];
  if (table.contains(id)) return id;
  if (id != kOtherLabel.value && labels_in(table) >= labels_max) id = kOtherLabel.value;
  table.enter(id);
  return id;
}

bool Rankings::full(Day day, Dimension dimension, std::uint32_t labels_max) const {
  const DayTables* tables = find(day);
  return (tables == nullptr ? 0 : labels_in(tables->tables[index_of(dimension)])) >= labels_max;
}

void Rankings::add(Day day, Dimension dimension, std::uint32_t id, std::uint64_t count) {
  if (count > 0) at(day).tables[index_of(dimension)].add(id, count);
}

namespace {

// Adds up what follows one another with the same id, as labels of most hits do, before it goes to the table.
class Tally {
 public:
  explicit Tally(CountTable& table) : table_(table) {}
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  ~Tally() { give(); }
  void add(std::uint32_t id) {
    if (id != id_) {
      give();
      id_ = id;
      count_ = 0;
    }
    ++count_;
  }

 private:
  void give() {
    if (id_ != kNoLabel.value) table_.add(id_, count_);
  }
  CountTable& table_;
  std::uint32_t id_ = kNoLabel.value;
  std::uint64_t count_ = 0;
};

bool is_ranked(const Hit& hit) {
  return hit.kind == Kind::pageview && hit.counts;
}

}  // namespace

void Rankings::add(Day day, std::span<const Hit> hits) {
  static_assert(index_of(Dimension::page) == 0 && index_of(Dimension::event) == kDimensions - 1);
  DayTables* tables = nullptr;  // made by the first that is ranked
  unsigned labelled = 0;        // a bit for each dimension that anybody has a label in
  for (const Hit& hit : hits) {
    if (is_ranked(hit)) {
      if (tables == nullptr) tables = &at(day);
      tables->tables[index_of(Dimension::page)].add(hit.page.value, 1);
      for (std::size_t i = 1; i < index_of(Dimension::event); ++i)
        labelled |= (hit.labels[i] != kNoLabel ? 1U : 0U) << i;
    } else if (hit.kind == Kind::event && !hit.bot && hit.labels.back() != kNoLabel) {
      add(day, Dimension::event, hit.labels.back().value);
    }
  }
  for (; labelled != 0; labelled &= labelled - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(labelled));
    Tally tally(tables->tables[i]);
    for (const Hit& hit : hits) {
      if (is_ranked(hit)) tally.add(hit.labels[i].value);
    }
  }
}

std::vector<Day> Rankings::days() const {
  std::vector<Day> out;
  for (const auto& tables : days_) {
    if (tables->counted()) out.push_back(tables->day);
  }
  return out;
}

std::vector<Ranked> Rankings::all(Day day, Dimension dimension) const {
  const DayTables* tables = find(day);
  return tables == nullptr ? std::vector<Ranked>{} : tables->tables[index_of(dimension)].all();
}

std::vector<Ranked> Rankings::all(Day from, Day to, Dimension dimension) const {
  std::vector<Ranked> out;
  for (const auto& tables : days_) {
    if (tables->day < from || tables->day > to) continue;
    const std::vector<Ranked> of_day = tables->tables[index_of(dimension)].all();
    out.insert(out.end(), of_day.begin(), of_day.end());
  }
  return add_up(std::move(out));
}

std::vector<Ranked> Rankings::top(Dimension dimension, Day from, Day to, std::size_t limit) const {
  return largest(all(from, to, dimension), limit);
}

void Rankings::erase(Day day) {
  recent_ = nullptr;
  std::erase_if(days_, [day](const auto& tables) { return tables->day == day; });
}

std::size_t Rankings::memory_bytes() const {
  std::size_t bytes = days_.capacity() * sizeof days_[0];
  for (const auto& tables : days_) {
    bytes += sizeof *tables;
    for (const CountTable& table : tables->tables) bytes += table.memory_bytes();
  }
  return bytes;
}

// rankings   n (day counts{8}){n}      ascending by day; counts as CountTable writes them, by dimension
void Rankings::save(base::ByteWriter& out) const {
  const std::vector<Day> held = days();
  out.varint(held.size());
  for (const Day day : held) {
    out.svarint(day);
    for (const CountTable& table : find(day)->tables) table.save(out);
  }
}

bool Rankings::load(base::ByteReader& in) {
  *this = Rankings();
  Rankings loaded;
  const std::uint64_t days = in.varint();
  std::int64_t last_day = INT64_MIN;
  for (std::uint64_t d = 0; d < days && in.ok(); ++d) {
    const std::int64_t day = in.svarint();
    if (day <= last_day || day < INT32_MIN || day > INT32_MAX) return false;
    last_day = day;
    DayTables& tables = loaded.at(static_cast<Day>(day));
    for (std::size_t i = 0; i < kDimensions; ++i) {
      const std::uint32_t first = i == index_of(Dimension::page) ? kUnknownPage.value : kOtherLabel.value;
      if (!tables.tables[i].load(in, first, CountTable::kFree)) return false;
    }
    if (!tables.counted()) return false;
  }
  if (!in.ok()) return false;
  *this = std::move(loaded);
  return true;
}

std::vector<Ranked> largest(std::vector<Ranked> ranked, std::size_t limit) {
  const auto larger = [](const Ranked& a, const Ranked& b) {
    return a.count != b.count ? a.count > b.count : a.id < b.id;
  };
  const auto keep = static_cast<std::ptrdiff_t>(std::min(limit, ranked.size()));
  std::partial_sort(ranked.begin(), ranked.begin() + keep, ranked.end(), larger);
  ranked.resize(static_cast<std::size_t>(keep));
  return ranked;
}

std::vector<Ranked> add_up(std::vector<Ranked> ranked) {
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) { return a.id < b.id; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    if (kept > 0 && ranked[kept - 1].id == ranked[i].id) {
      add_saturating(ranked[kept - 1].count, ranked[i].count);
    } else {
      ranked[kept++] = ranked[i];
    }
  }
  ranked.resize(kept);
  return ranked;
}

}  // namespace footfall::counting
