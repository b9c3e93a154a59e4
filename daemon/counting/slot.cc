// SPDX-License-Identifier: Apache-2.0
#include "counting/slot.h"

#include <algorithm>

namespace footfall::counting {

bool operator==(const Slot& a, const Slot& b) {
  const bool same_past = a.past == b.past || (a.past != nullptr && b.past != nullptr && *a.past == *b.past);
  return same_past && a.counted == b.counted && a.bots == b.bots && a.past_version == b.past_version &&
         a.recent == b.recent;
}

Slot make_slot(SlotCounts counts) {
  Slot slot;
  slot.counted = counts.counted;
  slot.bots = counts.bots;
  std::vector<SlotDay>& days = counts.days;
  if (days.size() > kSlotDaysMax) {
    const auto oldest = days.end() - static_cast<std::ptrdiff_t>(kSlotDaysMax);
    for (auto day = days.begin(); day != oldest; ++day) {
      add_saturating(oldest->hits, day->hits);
      add_saturating(oldest->bots, day->bots);
    }
    days.erase(days.begin(), oldest);
  }
  const auto recent = days.end() - static_cast<std::ptrdiff_t>(std::min(days.size(), kSlotRecentDays));
  slot.recent.assign(recent, days.end());
  days.erase(recent, days.end());
  if (days.empty()) return slot;
  slot.past_version = version_of(days);
  slot.past = std::make_shared<const SlotPast>(SlotPast{slot.past_version, std::move(days)});
  return slot;
}

SlotCounts whole(const Slot& slot) {
  SlotCounts out{.counted = slot.counted, .bots = slot.bots, .days = {}};
  if (slot.past != nullptr) out.days = slot.past->days;
  out.days.insert(out.days.end(), slot.recent.begin(), slot.recent.end());
  return out;
}

SlotCounts together(SlotCounts a, const SlotCounts& b) {
  add_saturating(a.counted, b.counted);
  add_saturating(a.bots, b.bots);
  a.days.insert(a.days.end(), b.days.begin(), b.days.end());
  std::stable_sort(a.days.begin(), a.days.end(), [](const SlotDay& x, const SlotDay& y) { return x.day < y.day; });
  std::vector<SlotDay> days;
  for (const SlotDay& day : a.days) {
    if (days.empty() || days.back().day != day.day) {
      days.push_back(day);
    } else {
      add_saturating(days.back().hits, day.hits);
      add_saturating(days.back().bots, day.bots);
    }
  }
  a.days = std::move(days);
  return a;
}

SlotCounts without(SlotCounts counts, const SlotCounts& part) {
  const auto take = [](std::uint64_t& from, std::uint64_t amount) { from -= std::min(from, amount); };
  take(counts.counted, part.counted);
  take(counts.bots, part.bots);
  auto of_part = part.days.begin();
  for (SlotDay& day : counts.days) {
    while (of_part != part.days.end() && of_part->day < day.day) ++of_part;
    if (of_part == part.days.end()) break;
    if (of_part->day != day.day) continue;
    take(day.hits, of_part->hits);
    take(day.bots, of_part->bots);
  }
  std::erase_if(counts.days, [](const SlotDay& day) { return day.hits == 0 && day.bots == 0; });
  return counts;
}

void save_days(base::ByteWriter& out, const std::vector<SlotDay>& days) {
  out.varint(days.size());
  std::int64_t before = 0;
  for (const SlotDay& day : days) {
    out.svarint(day.day - before);
    out.varint(day.hits);
    out.varint(day.bots);
    before = day.day;
  }
}

std::vector<SlotDay> load_days(base::ByteReader& in, std::uint64_t days_max) {
  std::vector<SlotDay> days;
  std::int64_t key = 0;
  const std::uint64_t count = in.varint();
  if (count > days_max) in.fail();
  for (std::uint64_t left = count; left > 0 && in.ok(); --left) {
    const std::int64_t difference = in.svarint();
    if (!days.empty() && difference <= 0) in.fail();
    if (__builtin_add_overflow(key, difference, &key) || key < INT32_MIN || key > INT32_MAX) in.fail();
    const SlotDay day{.day = static_cast<Day>(key), .hits = in.varint(), .bots = in.varint()};
    if (day.hits == 0 && day.bots == 0) in.fail();
    if (in.ok()) days.push_back(day);
  }
  return in.ok() ? days : std::vector<SlotDay>{};
}

std::uint64_t version_of(const std::vector<SlotDay>& days) {
  std::uint64_t sum = 0;
  for (const SlotDay& day : days) {
    add_saturating(sum, day.hits);
    add_saturating(sum, day.bots);
  }
  return sum;
}

}  // namespace footfall::counting
