// SPDX-License-Identifier: Apache-2.0
// Site: a lock and the plain counting::SiteState that it guards, with the marks of what each stream has defined.
//
// The lock is taken once per pass to decide and once to apply; nothing under it does I/O or copies without bound.
// Ownership: the Registry owns every Site for as long as the process runs, deleted ones too, so a plain pointer to a
// Site never dangles. Tested by tests/unit/sites/site_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "counting/site_state.h"
#include "counting/spike.h"
#include "sites/hit_limit.h"
#include "sites/refusals.h"
#include "sites/settings.h"

namespace footfall::sites {

// What all nodes together know of a site, as of the last seconds. Any thread; never waits.
class SharedNumbers {
 public:
  SharedNumbers() = default;
  SharedNumbers(const SharedNumbers&) = delete;
  SharedNumbers& operator=(const SharedNumbers&) = delete;
  virtual ~SharedNumbers() = default;
  // None: not known, or not lately.
  virtual std::optional<std::uint32_t> online(std::int64_t now_s) const = 0;
  struct Visitors {
    std::uint64_t all = 0;   // of all nodes: as Redis estimates it
    std::uint64_t here = 0;  // of this node's own number then: these are among them
  };
  virtual std::optional<Visitors> visitors(counting::Day day, std::int64_t now_s) const = 0;
};

class Site {
 public:
  Site(SiteId id, const counting::Limits& limits, std::int32_t window_s) : id_(id), state_(limits, window_s) {}

  SiteId id() const { return id_; }

  base::Mutex& mutex() RETURN_CAPABILITY(mutex_) { return mutex_; }
  counting::SiteState& state() REQUIRES(mutex_) { return state_; }

  // True once per (stream, id) until clear_definitions(stream): the caller then writes the definition to that stream.
  // REQUIRES: stream < 64.
  bool page_needs_definition(unsigned stream, counting::PageId page) REQUIRES(mutex_) {
    return mark(page_defined_in_, stream, page.value);
  }
  bool label_needs_definition(unsigned stream, counting::LabelId label) REQUIRES(mutex_) {
    return mark(label_defined_in_, stream, label.value);
  }
  // The stream's file failed: what it defined may be gone.
  void clear_definitions(unsigned stream) REQUIRES(mutex_);

  // What the counter shows: counted and seeds, of the epochs that are summed.
  std::uint64_t total(std::int64_t now_s) EXCLUDES(mutex_);

  Refusals& refusals() { return refusals_; }    // under no lock of this one
  HitLimit& hit_limit() { return hit_limit_; }  // the same

  // A minute with far more hits than those of the hours before; none: the latest was none. Kept by the shard that ticks
  // the site.
  const std::optional<counting::Spike>& spike() const REQUIRES(mutex_) { return spike_; }
  void set_spike(const std::optional<counting::Spike>& spike) REQUIRES(mutex_) { spike_ = spike; }

  // nullptr: this node counts for itself. What is given lives as long as anybody reads.
  const SharedNumbers* shared() const { return shared_.load(std::memory_order_acquire); }
  void set_shared(const SharedNumbers* shared) { shared_.store(shared, std::memory_order_release); }

  // Sites with somebody online, or with subscribers, get a tick each second from the shard that they fall to.
  bool active() const { return active_.load(std::memory_order_relaxed); }
  // True if the site was not active before: the caller then adds it to the list of that shard.
  bool activate() { return !active_.exchange(true, std::memory_order_relaxed); }
  void deactivate() { active_.store(false, std::memory_order_relaxed); }

 private:
  static bool mark(std::vector<std::uint64_t>& marks, unsigned stream, std::uint32_t id) {
    if (marks.size() <= id) marks.resize(id + 1);
    const std::uint64_t bit = std::uint64_t{1} << stream;
    const bool fresh = (marks[id] & bit) == 0;
    marks[id] |= bit;
    return fresh;
  }

  const SiteId id_;
  base::Mutex mutex_;
  std::atomic<bool> active_{false};
  std::atomic<const SharedNumbers*> shared_{nullptr};
  Refusals refusals_;
  HitLimit hit_limit_;
  counting::SiteState state_ GUARDED_BY(mutex_);
  std::optional<counting::Spike> spike_ GUARDED_BY(mutex_);
  std::vector<std::uint64_t> page_defined_in_ GUARDED_BY(mutex_);   // page id -> a bit per stream
  std::vector<std::uint64_t> label_defined_in_ GUARDED_BY(mutex_);  // label id -> a bit per stream
};

}  // namespace footfall::sites
