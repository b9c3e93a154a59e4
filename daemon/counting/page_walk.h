// SPDX-License-Identifier: Apache-2.0
// PageWalk: the table of a site's pages, in holds of its lock that are all short, whatever the number of pages.
//
//     lock   2,048 pages: which might be among the first `limit`?     | as often as it takes
//            make room: drop who cannot be                            |
//     lock   counted of the site; counted, seed and online of the chosen, and the rest
//            sort, and whatever the caller does with the rows
//
// Every number is of the last hold, so the rows' counted and the rest add up to the site's exactly. Which pages were
// chosen is as of the walk, some milliseconds before; a site of up to 2,048 pages is chosen from in the same hold.
// Paths are never moved nor forgotten, so rows keep views of them outside of the lock.
// Cost: site_state_bench, BM_PageWalk: of 100,000 pages, 10,000 asked for, the longest hold.
// Tested by tests/unit/counting/site_state_test.cc, site_state_random_test.cc, and under hits by
// tests/unit/api/pages_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "counting/hit.h"
#include "counting/saturating.h"

namespace footfall::counting {

class SiteState;

struct PageRow {
  PageId id;
  std::uint32_t online = 0;
  std::string_view path;  // valid as long as the site is there, with its lock or without
  std::uint64_t counted = 0;
  Wide seeds = 0;  // of several epochs, and pages that are read as this one: beyond 63 bits at most by a few

  std::int64_t seed() const { return to_i64(seeds); }  // as it is shown
  std::uint64_t total() const { return total_of(counted, seeds); }
};

enum class PageSort : std::uint8_t { total, online, path };

struct PageTable {
  std::uint64_t counted = 0;  // of the site: the rows' and rest's counted add up to it
  std::int64_t seed = 0;
  std::vector<PageRow> rows;
  std::uint64_t rest = 0;  // counted of the pages that are not in rows
};

//     PageWalk walk(sort, limit);
//     for (bool done = false; !done;) {
//       walk.make_room();
//       const base::MutexLock lock(site.mutex());
//       done = walk.step(site.state(), now_s);
//     }
//     walk.table()
//
// Units      UTC seconds, given by the caller.
// Ownership  owns its rows: at most 2 * limit, and one step's.
// Threading  that of the caller. step() under the site's lock, all else without.
// Errors     none.
class PageWalk {
 public:
  static constexpr std::uint32_t kPagesAStep = 2048;

  // Pages that are counted, seeded or looked at now. Equal totals, and equal online, by path.
  PageWalk(PageSort sort, std::size_t limit);

  void make_room();
  // True when the numbers are taken. REQUIRES: make_room() since the step before; the same state each time.
  bool step(SiteState& state, std::int64_t now_s);
  // Sorted. REQUIRES: step() was true. Once.
  PageTable table();

 private:
  void look(SiteState& state, std::int64_t at_s);
  void take(SiteState& state, std::int64_t at_s);
  bool hopeless(const PageRow& row) const;
  void keep_first();

  PageSort sort_;
  std::size_t limit_;
  std::size_t rows_max_;
  std::uint32_t next_ = 0;  // the page id to go on with
  bool walked_ = false;     // rows are the chosen ones
  bool full_ = false;       // `limit` rows were kept at least once
  PageRow last_kept_{};     // the last of them
  PageTable table_;
};

}  // namespace footfall::counting
