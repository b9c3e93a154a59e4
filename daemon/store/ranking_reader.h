// SPDX-License-Identifier: Apache-2.0
// RankingReader: a site's rankings over days that are open, in the live state, and closed, in the history.
//
//     day       1 ... 18        19          20
//               history      history      live state
//               (closed)     + live: what came late
//
// A checkpoint writes the days that are over to the history, and then the live state lets them go. Which of them it has
// let go ClosedDays tells: what the history holds up to that checkpoint, and what the live state holds, are all there
// is, and nothing twice. Both are read, and if the checkpoint is another one by then, again.
//
// Pages that are read as another (counting/page_marks.h) are added up here; the history keeps each under its own path.
//
// Cost       a scan of the rows of the days in question; a copy of each open day's table under the site's lock, and
//            the texts in short holds.
// Threading  a RankingReader belongs to one thread, like its History; ClosedDays may be read by any.
// Tested by tests/unit/store/ranking_reader_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "sites/site.h"
#include "store/history.h"

namespace footfall::store {

// The checkpoint whose closed days the live state has closed, and no others; none while it closes some. One thread
// writes.
class ClosedDays {
 public:
  void begin() { checkpoint_ = kClosing; }
  void end(std::uint64_t checkpoint) { checkpoint_ = checkpoint; }
  std::optional<std::uint64_t> checkpoint() const {
    const std::uint64_t checkpoint = checkpoint_;
    return checkpoint == kClosing ? std::nullopt : std::optional(checkpoint);
  }

 private:
  static constexpr std::uint64_t kClosing = UINT64_MAX;
  std::atomic<std::uint64_t> checkpoint_{0};
};

using LabelCount = std::pair<std::string, std::uint64_t>;

class RankingReader {
 public:
  // Both outlive it.
  RankingReader(History& history, const ClosedDays& closed) : history_(history), closed_(closed) {}

  // Every label with a count over days in [from, to], of the epochs that are summed; the largest first, then by label.
  // unavailable: days are being closed for longer than a moment.
  base::Result<std::vector<LabelCount>> labels(sites::Site& site, counting::Dimension dimension, counting::Day from,
                                               counting::Day to);
  // The same of one label, by day: ascending, days without it are absent. Of a page that is read as another that one's.
  base::Result<std::vector<std::pair<counting::Day, std::uint64_t>>> days_of(sites::Site& site,
                                                                             counting::Dimension dimension,
                                                                             std::string_view label, counting::Day from,
                                                                             counting::Day to);

 private:
  // What the live state holds, label by label.
  using Live = std::vector<std::pair<counting::Day, LabelCount>>;
  struct Moment {
    std::uint64_t checkpoint = 0;
    std::vector<counting::Epoch> epochs;
    Live live;
  };
  // `only`: some labels, or null: all of them.
  base::Result<Moment> moment(sites::Site& site, counting::Dimension dimension, counting::Day from, counting::Day to,
                              const std::set<std::string_view>* only);

  History& history_;
  const ClosedDays& closed_;
};

}  // namespace footfall::store
