// SPDX-License-Identifier: Apache-2.0
#include "site_series.h"

#include <algorithm>

namespace footfall {

std::vector<metrics::SiteFacts> sites_with_series(const sites::Registry& registry, std::size_t count,
                                                  std::int64_t now_s) {
  if (count == 0) return {};
  struct Candidate {
    counting::Summary numbers;
    const sites::Entry* entry;
  };
  static const counting::Calendar kAnyDay = counting::calendar_of(0);  // total, counted and online are the same on all
  const std::vector<sites::Entry> entries = registry.entries();
  std::vector<Candidate> all;
  all.reserve(entries.size());
  for (const sites::Entry& entry : entries) {
    const base::MutexLock lock(entry.site->mutex());
    all.push_back({entry.site->state().summary(now_s, kAnyDay), &entry});
  }
  const std::size_t shown = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), all.end(),
                    [](const Candidate& a, const Candidate& b) {
                      if (a.numbers.total != b.numbers.total) return a.numbers.total > b.numbers.total;
                      return a.entry->settings->name < b.entry->settings->name;
                    });
  std::vector<metrics::SiteFacts> out;
  out.reserve(shown);
  for (std::size_t i = 0; i < shown; ++i) {
    const counting::Summary& numbers = all[i].numbers;
    out.push_back({all[i].entry->settings->name, numbers.total, numbers.counted, numbers.online});
  }
  return out;
}

}  // namespace footfall
