// SPDX-License-Identifier: Apache-2.0
#include "counting/page_marks.h"

namespace footfall::counting {

PageId PageMarks::read_as(PageId page) const {
  if (marks_.empty()) return page;
  const auto known = read_as_.find(page.value);
  return known == read_as_.end() ? page : known->second;
}

std::span<const PageId> PageMarks::others(PageId page) const {
  if (marks_.empty()) return {};
  const auto known = others_.find(page.value);
  return known == others_.end() ? std::span<const PageId>() : std::span<const PageId>(known->second);
}

void PageMarks::mark(std::span<const PageId> pages, PageId into) {
  for (const PageId page : pages) marks_.emplace(page, into);
  work_out();
}

void PageMarks::unmark(std::span<const PageId> pages) {
  for (const PageId page : pages) marks_.erase(page);
  work_out();
}

bool PageMarks::work_out() {
  read_as_.clear();
  others_.clear();
  for (const auto& [page, into] : marks_) {
    PageId end = into;
    std::size_t steps = 0;
    for (auto next = marks_.find(end); next != marks_.end(); next = marks_.find(end)) {
      if (++steps > marks_.size()) return false;
      end = next->second;
    }
    read_as_.emplace(page.value, end);
    if (end != kRemovedPage) others_[end.value].push_back(page);
  }
  return true;
}

std::size_t PageMarks::memory_bytes() const {
  constexpr std::size_t kNode = 48;  // of a map, beside the value
  return marks_.size() * (kNode + 2 * sizeof(PageId)) + read_as_.size() * (kNode + 2 * sizeof(PageId)) +
         others_.size() * (kNode + sizeof(std::vector<PageId>)) + marks_.size() * sizeof(PageId);
}

// PAGE_MARKS in store/FORMAT.md.
void PageMarks::save(base::ByteWriter& out) const {
  out.varint(marks_.size());
  for (const auto& [page, into] : marks_) {
    out.varint(page.value);
    out.varint(into == kRemovedPage ? 0 : into.value);
  }
}

bool PageMarks::load(base::ByteReader& in, std::uint32_t pages_end) {
  std::uint64_t entries = in.varint();
  if (entries == 0) return false;
  std::uint64_t last = 0;
  for (; entries > 0 && in.ok(); --entries) {
    const std::uint64_t page = in.varint();
    const std::uint64_t into = in.varint();
    if (page <= last || page < kFirstPage.value || page >= pages_end) return false;
    if (into != 0 && (into < kFirstPage.value || into >= pages_end)) return false;
    last = page;
    marks_.emplace_hint(marks_.end(), PageId{static_cast<std::uint32_t>(page)},
                        into == 0 ? kRemovedPage : PageId{static_cast<std::uint32_t>(into)});
  }
  return in.ok() && work_out();
}

}  // namespace footfall::counting
