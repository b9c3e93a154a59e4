// SPDX-License-Identifier: Apache-2.0
// Online: how many visitors are online on a site, over all nodes. Each node writes who is present with it into sorted
// sets in Redis, and counts what all have written.
//
//     PREFIX:{SITE.PART}:online:WINDOW-CHANGE-PARTS    member: the visitor's id, 8 bytes    score: the second (Redis's)
//                                                      at which presence ends; the greater one wins (ZADD GT)
//
//     SiteState --- told at once ----> backlog --\                                   /--> ZCOUNT (now (marks -> answer
//                \- walks (all, or                >--> ZADD GT, 500 at a time --> Redis
//                   what rose since) ------------/
//
// The answer is the number of scores after now, over the parts. An id that was moved to another one (a salt's rotation)
// has a score of kMarks and more: that beats every second, and is not counted.
//
// A generation is (window, the change that set it, number of parts): another one is another set of keys. While a new
// one is coming, everybody present is written into both; each is whole before it is read. Redis forgets the old one
// (EXPIREAT).
//
// Exact within 2 s: what is new is written each flush_ms, and counted each ask_ms. What Redis has lost is written again
// after lost(), at the speed that it takes. A walk is a backlog without memory: who is present is read from SiteState
// when there is room in flight. The backlog beside it holds each id once, its newest state; beyond kBacklogMax of a
// site everybody is walked instead.
//
// Cost: 20 bytes in flight a visitor; a site that is read or has visitors costs 2 ZCOUNTs a second for each part, any
// other at most one in 2 s, together at most idle_asks_per_s; one HGETALL in 4 s.
//
// Units      milliseconds and seconds of the clock that it is given; it finds out by itself how Redis's differs.
// Ownership  keeps references to the calls, the clock and each site's source, until remove() or its own end.
// Threading  the Calls'; but for OnlineAnswer, which any thread reads. Errors: none: an answer grows old.
// Tested by tests/unit/redis/online_test.cc, and online_random_test.cc against a brute-force program: many nodes, a
// model of Redis, virtual time.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/counter.h"
#include "counting/presence_news.h"
#include "redis/calls.h"
#include "redis/online_parts.h"
#include "redis/server_clock.h"

namespace footfall::redis {

// The presence of a site on this node: a counting::SiteState, under the lock of its site. Each call is one short hold.
class OnlineSource {
 public:
  OnlineSource() = default;
  OnlineSource(const OnlineSource&) = delete;
  OnlineSource& operator=(const OnlineSource&) = delete;
  virtual ~OnlineSource() = default;

  virtual std::uint32_t online_here() = 0;                        // SiteState::online, now
  virtual counting::PresenceTold take_presence() = 0;             // SiteState::take_presence
  virtual counting::PresenceWalk begin_walk(bool everybody) = 0;  // SiteState::begin_presence_walk, now
  virtual bool walk(counting::PresenceWalk& walk, std::vector<counting::Seen>& out) = 0;  // SiteState::walk_presence
};

// The latest answer for a site. Read by any thread, and never waits; written by Online.
class OnlineAnswer {
 public:
  static constexpr std::int64_t kFresh_s = 3;  // an older answer is none

  struct Value {
    std::uint32_t online;
    std::int64_t as_of_s;  // of the node's clock
  };
  // None: not known, or not lately: the node's own number is what there is (scope "node"). It may lack what was hit in
  // the last 2 s. That somebody asks is noted: such sites are counted more often.
  std::optional<Value> read(std::int64_t now_s) const {
    if (read_s_.load(std::memory_order_relaxed) != now_s) read_s_.store(now_s, std::memory_order_relaxed);
    const std::uint64_t packed = packed_.load(std::memory_order_relaxed);
    const Value value{static_cast<std::uint32_t>(packed), static_cast<std::int64_t>(packed >> 32U)};
    return now_s - value.as_of_s <= kFresh_s ? std::optional(value) : std::nullopt;
  }

 private:
  friend class Online;
  std::atomic<std::uint64_t> packed_{0};  // the second (until 2106), then the number
  mutable std::atomic<std::int64_t> read_s_{INT64_MIN};
};

// Written by Online's thread, read by any.
struct OnlineCounters {
  base::Counter written;     // ids that Redis took, in any generation
  base::Counter failed;      // ids whose writing failed or is unknown: they are written again
  base::Counter answers;     // for sites
  base::Counter walks;       // begun
  base::Counter walks_late;  // begun late by more than a tenth of the window: somebody may have been missed
  base::Counter overflows;   // times that a site's backlog became a walk
  base::Counter divisions;   // times that this node found a site's parts too large
  base::Counter skewed;      // TIME answers that were away from our clock by more than 1 s
};

class Online {
 public:
  struct Options {
    std::string prefix = "footfall";
    std::uint32_t part_size = 50'000;  // online, beyond which a site is divided into more parts
    std::int64_t flush_ms = 500;
    std::int64_t ask_ms = 500;
    std::uint32_t idle_asks_per_s = 5'000;
    std::size_t in_flight_bytes_max = 4U << 20U;
    std::uint64_t seed = 0;  // of the jitter
  };
  // A window, and which change of the site's settings set it: a number that is the same on every node, and another one
  // for every change. (With 3600 s, then 15 s, then 3600 s again, those who left meanwhile must not come back.)
  struct Window {
    std::int32_t window_s = 300;
    std::uint64_t change = 0;
    friend auto operator<=>(const Window&, const Window&) = default;
  };
  static constexpr std::size_t kBacklogMax = 1U << 17U;      // ids of a site
  static constexpr std::int64_t kMarks = 1'000'000'000'000;  // the score of a moved id is this and its second

  Online(Calls& calls, const base::Clock& clock, Options options);
  ~Online();

  // REQUIRES: no site of this name is there.
  std::shared_ptr<const OnlineAnswer> add(const std::string& name, OnlineSource& source, const Window& window);
  void remove(const std::string& name);
  // The source's window is another one by now. Until every node has heard of it, the one before is read.
  void set_window(const std::string& name, const Window& window);

  // Redis, or one of its servers, has forgotten something: everybody is written again, and until then nothing is
  // answered.
  void lost();

  // To be called each 100 ms, and after Calls::take_answers(). Some milliseconds at most.
  void tick();

  const OnlineCounters& counters() const { return counters_; }
  // Of Redis's clock; none before it is known.
  std::optional<std::int64_t> skew_ms() const {
    return server_.known() ? std::optional(server_.ahead_ms()) : std::nullopt;
  }
  std::size_t backlog() const;  // ids that wait, of all sites; looks at each

 private:
  struct Generation;
  struct Site;
  struct Ask;
  using Serial = std::uint64_t;  // of an add()

  Site* find(Serial serial);
  std::int64_t redis_ms() const { return clock_.utc_ms() + server_.ahead_ms(); }
  std::int64_t redis_s() const { return clock_.utc_s() + server_.shift_s(); }
  std::string key(const Site& site, const Generation& generation, std::uint32_t part) const;
  std::string parts_key(const Site& site) const;

  void look(std::int64_t now_ms);
  void ask_time(std::int64_t now_ms);
  void collect(Site& site, std::int64_t now_ms);
  void choose_generations(Site& site);
  void begin_walk(Site& site, std::int64_t now_ms);
  void republish(Site& site);
  void keep(Site& site, std::span<const counting::Seen> seen);
  void enqueue(Site& site);
  void pump(std::int64_t now_ms);
  std::size_t visit(Site& site, std::int64_t now_ms);
  void publish(Site& site, std::span<const counting::Seen> seen, std::int64_t now_ms);
  void write(Site& site, const Generation& generation, std::uint32_t part, std::vector<counting::Seen> seen);
  void look_whether_whole(Site& site);
  void written(Serial serial, std::size_t bytes, std::span<const counting::Seen> seen, bool done);
  void let_expire(Site& site, Generation& generation, std::uint32_t part, std::int64_t now_ms);
  void tidy(Site& site, Generation& generation, std::int64_t now_ms);

  void ask(Site& site, std::int64_t now_ms);
  void answered(const std::shared_ptr<Ask>& ask);
  void ask_parts(Site& site, std::int64_t now_ms);
  void set_parts(Site& site, const OnlineParts::Entry& entry);
  bool divide_first(Site& site);
  std::int64_t idle_ask_ms() const;

  Calls& calls_;
  const base::Clock& clock_;
  const Options options_;
  std::minstd_rand random_;
  OnlineCounters counters_;
  ServerClock server_;
  std::int64_t look_at_ms_ = INT64_MIN;
  std::int64_t time_at_ms_ = INT64_MIN;  // when TIME is asked for next
  bool time_asked_ = false;

  std::map<std::string, std::unique_ptr<Site>> sites_;  // name -> site
  std::map<Serial, Site*> by_serial_;
  Serial last_serial_ = 0;
  Serial next_turn_ = 0;      // whose turn it is to ask first
  std::deque<Serial> queue_;  // sites with something to write, in turn
  std::size_t in_flight_bytes_ = 0;
  std::size_t asks_in_flight_ = 0;
  std::int64_t hold_until_ms_ = INT64_MIN;  // a write failed: no other before
};

}  // namespace footfall::redis
