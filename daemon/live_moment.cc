// SPDX-License-Identifier: Apache-2.0
#include "live_moment.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <optional>

#include "store/content_hash.h"

namespace footfall {
namespace {

using Time = std::chrono::steady_clock;

std::int64_t us_between(Time::time_point begin, Time::time_point end) {
  return std::chrono::duration_cast<std::chrono::microseconds>(end - begin).count();
}

// What the threads share while the shards are stopped. Held by each until it has let go.
struct Stop {
  Stop(std::size_t shards, std::vector<sites::Site*> all, const sites::Registry& of)
      : sites(std::move(all)),
        registry(of),
        standings(shards),
        arrived_at(shards),
        observations(sites.size()),
        site_hashes(sites.size()),
        site_moments(sites.size()),
        arrived(static_cast<std::ptrdiff_t>(shards) + 1),
        hashed(static_cast<std::ptrdiff_t>(shards) + 1) {}

  const base::Error* failure() const {
    for (const auto& standing : standings)
      if (standing->failure) return &*standing->failure;
    return nullptr;
  }
  // The sites that nobody has taken yet, one after the other.
  void take_sites() {
    for (std::size_t i = next.fetch_add(1); i < sites.size(); i = next.fetch_add(1)) {
      sites::Site& site = *sites[i];
      base::MutexLock lock(site.mutex());
      observations[i] = site.state().take_observations();
      site_moments[i] = store::moment_site(registry, site, as_of_s, site_hashes[i]);
    }
  }

  const std::vector<sites::Site*> sites;
  const sites::Registry& registry;
  std::vector<std::optional<Shard::Standing>> standings;         // by shard
  std::vector<Time::time_point> arrived_at;                      // by shard
  std::vector<std::vector<counting::Observation>> observations;  // by site, as are those below
  std::vector<store::ContentHash> site_hashes;
  std::vector<store::MomentSite> site_moments;
  std::int64_t as_of_s = 0;
  std::atomic<std::size_t> next{0};
  std::latch arrived, hashed;
  std::latch begun{1};  // as_of_s is known
};

}  // namespace

base::Result<LiveMoment> take_live_moment(const std::vector<std::unique_ptr<Shard>>& shards,
                                          const sites::Registry& registry, const base::Clock& clock) {
  const auto stop = std::make_shared<Stop>(shards.size(), registry.all_sites(), registry);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    Shard& shard = *shards[i];
    shard.post([stop, i, &shard] {
      stop->arrived_at[i] = Time::now();
      stop->standings[i] = shard.standing();
      stop->arrived.count_down();
      stop->begun.wait();
      stop->take_sites();
      stop->hashed.arrive_and_wait();
    });
  }
  stop->arrived.arrive_and_wait();
  const Time::time_point all_stopped = Time::now();
  stop->as_of_s = clock.utc_s();
  const base::Error* const failure = stop->failure();
  if (failure != nullptr) stop->next = stop->sites.size();  // what was observed stays where it is
  stop->begun.count_down();
  const store::ContentHash registry_hash = store::hash_of(registry, stop->as_of_s);  // imports are marked by shards
  stop->take_sites();
  stop->hashed.arrive_and_wait();
  if (failure != nullptr) return *failure;

  LiveMoment live;
  Time::time_point first = all_stopped;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    first = std::min(first, stop->arrived_at[i]);
    const Shard::Standing& standing = *stop->standings[i];
    live.moment.positions[standing.stream] = standing.applied_through;
    live.observations.insert(live.observations.end(), standing.observations.begin(), standing.observations.end());
  }
  live.gathered_us = us_between(first, all_stopped);
  live.stopped_us = us_between(first, Time::now());
  for (std::size_t i = 0; i < stop->sites.size(); ++i) {
    for (const counting::Observation& seen : stop->observations[i])
      live.observations.emplace_back(stop->sites[i]->id(), seen);
  }
  live.moment.as_of_s = stop->as_of_s;
  live.moment.hash = store::to_text(store::whole(registry_hash, stop->site_hashes));
  live.moment.sites = std::move(stop->site_moments);
  return live;
}

}  // namespace footfall
