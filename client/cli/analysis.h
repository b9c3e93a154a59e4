// SPDX-License-Identifier: Apache-2.0
// Analysis: an access log counted exactly, with the daemon's own counting under the clock of the log.
//
//     lines --filter--> 16 bytes a hit --sort by time--> counting::SiteState --> days, online, peak
//                  \--> clients, visitors, paths, referrers, counted as they come
//
// A visitor is (client, user agent) byte for byte, a path is without its query. Both, and clients, are told apart by
// 64-bit hashes under a key of this process: of a million visitors two fall together with a chance of 1 in 37 million.
// Servers log when an answer ends, so lines are not in time order; hits are sorted first (stable, where they are not
// sorted already). Nothing is capped: memory is 16 bytes a hit, and each distinct text once.
// Tested by tests/unit/client/analysis_test.cc, there also against the reference facts of real logs; fuzzed against an
// independent program by tests/integration/analyze_fuzz_test.py.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "counting/interner.h"
#include "counting/site_state.h"
#include "logs/line.h"
#include "lookup/time_zones.h"

namespace footfall::cli {

struct DayFindings {
  std::int64_t day = 0;  // since 1970-01-01
  std::uint64_t page_hits = 0;
  std::uint64_t visitors = 0;
};

struct Sample {
  std::int64_t at_s = 0;
  std::uint32_t online = 0;
};

struct Findings {
  std::uint64_t page_hits = 0;
  std::uint64_t clients = 0, visitors = 0;      // distinct, over page hits
  std::optional<std::int64_t> first_s, last_s;  // of page hits; none without one
  std::vector<DayFindings> days;                // of UTC, ascending; with page hits only
  std::vector<DayFindings> local_days;          // the same of a time zone, if one was given
  std::int32_t window_s = 0;
  counting::Peak peak;                                                  // the highest online; zeros without page hits
  std::vector<Sample> samples;                                          // in the order in which they were asked for
  std::vector<std::pair<std::string, std::uint64_t>> paths, referrers;  // by count descending, then byte order
  std::int64_t busiest_s = 0;  // the first of the seconds with the most page hits, and how many
  std::uint64_t busiest_hits = 0;
};

// Units      UTC seconds.
// Ownership  keeps no view into a line.
// Threading  one thread.
// Errors     none.
class Analysis {
 public:
  // A page hit.
  void add(const logs::Line& line);

  struct Questions {
    std::int32_t window_s = 300;                   // 15..3600
    std::vector<std::int64_t> at;                  // when to sample online
    std::size_t top = 10;                          // length of the lists
    std::shared_ptr<const lookup::TimeZone> zone;  // null: days of UTC only
  };
  // Sorts what was added.
  Findings answer(const Questions& questions);

 private:
  struct Record {
    std::int64_t at_s;
    std::uint64_t visitor;
  };
  struct Counted {
    std::vector<DayFindings> days;
    counting::Peak peak;
    std::vector<Sample> samples;
  };
  struct Tally {
    counting::Interner names{1};
    std::vector<std::uint64_t> counts;  // id - 1 -> page hits
    void add(std::string_view name);
    std::vector<std::pair<std::string, std::uint64_t>> top(std::size_t limit) const;
  };
  // Hashes come well mixed.
  struct AsIs {
    using is_avalanching = void;
    std::size_t operator()(std::uint64_t hash) const noexcept { return hash; }
  };

  Counted count(const Questions& questions, const lookup::TimeZone* zone) const;

  base::SipKey client_key_{base::random_u64(), base::random_u64()};
  base::SipKey agent_key_{base::random_u64(), base::random_u64()};
  std::vector<Record> records_;
  bool sorted_ = true;
  boost::unordered_flat_set<std::uint64_t, AsIs> clients_, visitors_;
  Tally paths_, referrers_;
};

}  // namespace footfall::cli
