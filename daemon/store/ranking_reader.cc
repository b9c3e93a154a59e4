// SPDX-License-Identifier: Apache-2.0
#include "store/ranking_reader.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

namespace footfall::store {
namespace {

constexpr std::size_t kTextsAtOnce = 512;  // resolved in one hold of the site's lock
constexpr auto kClosingWait = std::chrono::milliseconds(2);
constexpr int kTriesMax = 1000;

std::string_view text_of(const counting::SiteState& state, counting::Dimension dimension, std::uint32_t id) {
  if (dimension == counting::Dimension::page) return state.page_path(counting::PageId{id});
  return id == counting::kOtherLabel.value ? std::string_view("(other)") : state.label_text(counting::LabelId{id});
}

// A page's path -> what it is read as; empty: it is removed. The texts are there as long as the site is.
using ReadAs = std::vector<std::pair<std::string_view, std::string_view>>;

ReadAs read_as(sites::Site& site) {
  ReadAs out;
  const base::MutexLock lock(site.mutex());
  const counting::SiteState& state = site.state();
  for (const auto& [page, into] : state.page_marks().marks()) {
    const counting::PageId end = state.page_marks().read_as(page);
    out.emplace_back(state.page_path(page), end == counting::kRemovedPage ? std::string_view() : state.page_path(end));
  }
  return out;
}

// The label, and all that are read as it, or as what it is read as; none: it is removed.
std::set<std::string_view> read_together(const ReadAs& pages, std::string_view label) {
  const auto marked = std::ranges::find(pages, label, [](const auto& page) { return page.first; });
  if (marked != pages.end()) label = marked->second;
  if (label.empty()) return {};
  std::set<std::string_view> out{label};
  for (const auto& [path, into] : pages) {
    if (into == label) out.insert(path);
  }
  return out;
}

}  // namespace

base::Result<RankingReader::Moment> RankingReader::moment(sites::Site& site, counting::Dimension dimension,
                                                          counting::Day from, counting::Day to,
                                                          const std::set<std::string_view>* only) {
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const std::optional<std::uint64_t> before = closed_.checkpoint();
    if (!before) {
      std::this_thread::sleep_for(kClosingWait);
      continue;
    }
    Moment out{*before, {}, {}};
    std::vector<std::pair<counting::Epoch, counting::Day>> open;
    {
      const base::MutexLock lock(site.mutex());
      const std::set<counting::Epoch>& included = site.state().included();
      out.epochs.assign(included.begin(), included.end());
      open = site.state().open_days(to);
      std::erase_if(open,
                    [&](const auto& day) { return day.second < from || included.find(day.first) == included.end(); });
    }
    for (const auto& [epoch, day] : open) {
      std::vector<counting::Ranked> ranked;
      {
        const base::MutexLock lock(site.mutex());
        ranked = site.state().ranking(epoch, day, dimension);
      }
      for (std::size_t i = 0; i < ranked.size();) {
        const base::MutexLock lock(site.mutex());
        for (const std::size_t end = std::min(ranked.size(), i + kTextsAtOnce); i < end; ++i) {
          const std::string_view text = text_of(site.state(), dimension, ranked[i].id);
          if (only == nullptr || only->contains(text)) out.live.push_back({day, {std::string(text), ranked[i].count}});
        }
      }
    }
    if (closed_.checkpoint() == before) return out;
  }
  return base::Error{base::Errc::unavailable, "days are being closed; try again in a second"};
}

base::Result<std::vector<LabelCount>> RankingReader::labels(sites::Site& site, counting::Dimension dimension,
                                                            counting::Day from, counting::Day to) {
  base::Result<Moment> now = moment(site, dimension, from, to, nullptr);
  if (!now) return now.error();
  auto rows = history_.top(site.id(), now->epochs, dimension, from, to, SIZE_MAX, now->checkpoint);
  if (!rows) return rows.error();
  std::unordered_map<std::string, std::uint64_t> sums;  // label -> count
  for (HistoryRow& row : *rows) sums[std::move(row.label)] += row.count;
  for (auto& [day, label] : now->live) sums[std::move(label.first)] += label.second;
  if (dimension == counting::Dimension::page) {
    for (const auto& [path, into] : read_as(site)) {
      const auto moved = sums.extract(std::string(path));
      if (!moved.empty() && !into.empty()) sums[std::string(into)] += moved.mapped();
    }
  }
  std::vector<LabelCount> out(sums.begin(), sums.end());
  std::sort(out.begin(), out.end(), [](const LabelCount& a, const LabelCount& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return out;
}

base::Result<std::vector<std::pair<counting::Day, std::uint64_t>>> RankingReader::days_of(
    sites::Site& site, counting::Dimension dimension, std::string_view label, counting::Day from, counting::Day to) {
  const std::set<std::string_view> labels =
      dimension == counting::Dimension::page ? read_together(read_as(site), label) : std::set{label};
  base::Result<Moment> now = moment(site, dimension, from, to, &labels);
  if (!now) return now.error();
  std::map<counting::Day, std::uint64_t> sums;
  for (const std::string_view one : labels) {
    auto rows = history_.days_of(site.id(), now->epochs, dimension, one, from, to, now->checkpoint);
    if (!rows) return rows.error();
    for (const HistoryRow& row : *rows) sums[row.day] += row.count;
  }
  for (const auto& [day, count] : now->live) sums[day] += count.second;
  return std::vector<std::pair<counting::Day, std::uint64_t>>(sums.begin(), sums.end());
}

}  // namespace footfall::store
