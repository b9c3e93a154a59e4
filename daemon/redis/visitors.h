// SPDX-License-Identifier: Apache-2.0
// Visitors: the distinct visitors of today and yesterday over all nodes: a HyperLogLog in Redis for each site, day and
// epoch, to which each node adds the ids that are new to it.
//
//     PREFIX:{SITE}:visitors:EPOCH:DAY         HyperLogLog, elements: the id's 8 bytes, as counting::Visitors has them
//     PREFIX:{SITE}:visitors:EPOCH:DAY:NODE.N  a node's own sketch, for the moment in which it is merged into that
//
//     new ids --------------------------> PFADD, 500 at a time --|
//     after a start or a loss, each day:                          > Redis --> PFCOUNT of the included epochs --> answer
//         its ids, or its sketch -------> SET, PFMERGE, DEL -----|
//
// Adding twice adds nothing, so what is unknown is sent again. Counted is what changed, at the next flush, and
// everything each 10 s. The number is Redis's own estimate (0.81 %), which may be less than what this node counts by
// itself; beside it stands how many of this node's visitors are in it for sure, so that who shows it can tell an error
// of the estimate from visitors who came since. Keys leave Redis three days after their day.
//
// Cost: a site costs one or two PFCOUNTs in 10 s, and at each flush in which it changed and the one after. After a loss
// 12 KB for each site and day in a sketch, 8 bytes a visitor otherwise. Bounded: in_flight_bytes_max; kBacklogMax ids
// of a site, beyond which its days are written whole.
//
// Units      milliseconds of the clock that it is given; local day numbers of each site, which its source says.
// Ownership  keeps references to the calls, the clock and each site's source, until remove() or its own end.
// Threading  the Calls'; but for VisitorsAnswer, which any thread reads. Errors: none: an answer grows old.
// Tested by tests/unit/redis/visitors_test.cc: nodes, a model of Redis, virtual time; a real one in
// sharing_servers_test.cc.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/counter.h"
#include "counting/visitor_news.h"
#include "redis/calls.h"

namespace footfall::redis {

// The visitors of a site on this node: a counting::SiteState, under the lock of its site. Each call is one short hold.
class VisitorsSource {
 public:
  VisitorsSource() = default;
  VisitorsSource(const VisitorsSource&) = delete;
  VisitorsSource& operator=(const VisitorsSource&) = delete;
  virtual ~VisitorsSource() = default;

  virtual counting::VisitorsTold take_visitors() = 0;                       // SiteState::take_visitors
  virtual std::vector<counting::EpochDay> days(counting::Day first) = 0;    // SiteState::visitor_days
  virtual counting::DaySet visitors_of(const counting::EpochDay& day) = 0;  // SiteState::visitors_of
  virtual std::vector<counting::Epoch> included() = 0;                      // SiteState::included, as it is now
  virtual counting::Day today() = 0;                                        // in the site's time zone
  // Of today and yesterday, as this node alone counts them.
  virtual std::array<std::uint64_t, 2> visitors_here() = 0;
};

// The latest answers for a site. Read by any thread, and never waits; written by Visitors.
class VisitorsAnswer {
 public:
  static constexpr std::int64_t kFresh_s = 30;  // an older answer is none

  // PFCOUNT of today or yesterday; none: not known, or not lately.
  std::optional<std::uint64_t> read(counting::Day day, std::int64_t now_s) const {
    for (const std::atomic<std::uint64_t>& slot : days_) {
      const std::uint64_t packed = slot.load(std::memory_order_relaxed);
      if (packed == 0 || static_cast<counting::Day>(packed >> kCountBits) != day) continue;
      if (now_s - as_of_s_.load(std::memory_order_relaxed) > kFresh_s) return std::nullopt;
      return packed & kCountMax;
    }
    return std::nullopt;
  }
  // Of the visitors that this node alone counts on a day that read() answers: so many were in Redis when it was asked.
  std::uint64_t here(counting::Day day) const {
    return here_[static_cast<unsigned>(day) % 2].load(std::memory_order_relaxed);
  }

 private:
  friend class Visitors;
  static constexpr unsigned kCountBits = 40;  // 24 are left for the day
  static constexpr std::uint64_t kCountMax = (std::uint64_t{1} << kCountBits) - 1;
  std::atomic<std::uint64_t> days_[2] = {0, 0};  // of even and of odd days: the day, then the number
  std::atomic<std::uint64_t> here_[2] = {0, 0};
  std::atomic<std::int64_t> as_of_s_{INT64_MIN};
};

// Written by Visitors' thread, read by any.
struct VisitorsCounters {
  base::Counter written;  // ids that Redis took
  base::Counter merged;   // sketches that Redis took
  base::Counter failed;   // writes that failed or are unknown: they are done again
  base::Counter answers;  // for sites
};

class Visitors {
 public:
  struct Options {
    std::string prefix = "footfall";
    std::string node;  // its incarnation: no other one has it
    std::int64_t flush_ms = 1000;
    std::int64_t count_each_ms = 10'000;
    std::size_t in_flight_bytes_max = 4U << 20U;
    std::uint64_t seed = 0;  // of the jitter
  };
  static constexpr std::size_t kBacklogMax = 1U << 16U;  // ids of a site

  Visitors(Calls& calls, const base::Clock& clock, Options options);
  ~Visitors();

  // REQUIRES: no site of this name is there.
  std::shared_ptr<const VisitorsAnswer> add(const std::string& name, VisitorsSource& source);
  void remove(const std::string& name);
  // Another node's numbers of the site have changed, or which epochs are included: it is counted at the next flush.
  void changed(const std::string& name);
  // Redis, or one of its servers, has forgotten something: all is written again, and until then nothing is answered.
  void lost();

  // To be called each 100 ms, and after Calls::take_answers(). Some milliseconds at most.
  void tick();

  const VisitorsCounters& counters() const { return counters_; }
  std::size_t backlog() const;  // ids that wait, of all sites; looks at each

 private:
  struct Here;
  struct Site;
  struct Count;
  using Serial = std::uint64_t;  // of an add()

  Site* find(Serial serial);
  std::string key(const Site& site, const counting::EpochDay& day) const;
  void collect(Site& site, std::int64_t now_ms);
  void keep(Site& site, const counting::EpochDay& day, std::vector<counting::VisitorId> ids);
  void enqueue(Site& site);
  void pump();
  void write(Site& site);
  void write_whole(Site& site, const counting::EpochDay& day);
  void add_ids(Site& site, const counting::EpochDay& day, std::vector<counting::VisitorId> ids);
  void merge(Site& site, const counting::EpochDay& day, const std::string& sketch);
  void write_ended(Serial serial, std::size_t bytes, const counting::EpochDay& day, bool done, bool changed);
  void count(Site& site, std::int64_t now_ms);
  void counted(const std::shared_ptr<Count>& count);

  Calls& calls_;
  const base::Clock& clock_;
  const Options options_;
  std::minstd_rand random_;
  VisitorsCounters counters_;

  std::map<std::string, std::unique_ptr<Site>> sites_;  // name -> site
  std::map<Serial, Site*> by_serial_;
  Serial last_serial_ = 0;
  std::uint64_t merges_ = 0;  // begun: each has a key of its own
  std::deque<Serial> queue_;  // sites with something to write, in turn
  std::size_t in_flight_bytes_ = 0;
  std::size_t counts_in_flight_ = 0;
  std::int64_t look_at_ms_ = INT64_MIN;
  std::int64_t hold_until_ms_ = INT64_MIN;  // a write failed: no other before
};

}  // namespace footfall::redis
