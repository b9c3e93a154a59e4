// SPDX-License-Identifier: Apache-2.0
// PageMarks: which pages are read as another, and which are not read at all. No number moves: whatever is counted of a
// page stays under its id, and is added up by who reads.
//
//     page     5 -> 9    7 -> 9    9 -> 12    4 -> removed        the marks, one of a page at most
//     read as  12 = 12 + 9 + 5 + 7,  of 4 nothing                 5 is followed to where no mark stands
//
// A page gets a mark only while it has none, and only to where it does not lead back; so marks make no circle,
// whichever of them are taken back, in whatever order.
// Cost: a change works all of it out anew; asking is one look into a table.
// Threading  none of its own: guarded by the lock of its site. Errors: load() answers false on malformed bytes.
// Tested by tests/unit/counting/page_marks_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "counting/hit.h"

namespace footfall::counting {

// In the place of the page that another is read as: it is not read. No id of a page.
inline constexpr PageId kRemovedPage{UINT32_MAX};

class PageMarks {
 public:
  bool empty() const { return marks_.empty(); }
  std::size_t size() const { return marks_.size(); }
  bool marked(PageId page) const { return !marks_.empty() && marks_.contains(page); }
  // What the page is read as: itself, another, or kRemovedPage.
  PageId read_as(PageId page) const;
  // All others that are read as this one, ascending.
  std::span<const PageId> others(PageId page) const;
  const std::map<PageId, PageId>& marks() const { return marks_; }

  // REQUIRES: each of `pages` has no mark, and is not what `into` is read as.
  void mark(std::span<const PageId> pages, PageId into);
  void unmark(std::span<const PageId> pages);
  std::size_t memory_bytes() const;

  // REQUIRES: not empty.
  void save(base::ByteWriter& out) const;
  // REQUIRES: empty. Pages at or past `pages_end` are malformed, and so are circles.
  bool load(base::ByteReader& in, std::uint32_t pages_end);

 private:
  bool work_out();  // false: there is a circle

  std::map<PageId, PageId> marks_;                                 // page -> what it was merged into, or kRemovedPage
  std::unordered_map<std::uint32_t, PageId> read_as_;              // page of marks_ -> the page without a mark
  std::unordered_map<std::uint32_t, std::vector<PageId>> others_;  // page without a mark -> those read as it
};

}  // namespace footfall::counting
