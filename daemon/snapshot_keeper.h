// SPDX-License-Identifier: Apache-2.0
// SnapshotKeeper: keeps snapshots of sites in Redis.
//
//   each snapshot_interval_s   of every site whose total has changed |
//   on demand                  of one site, or all                   > its numbers -> they are durable -> Redis
//
// Of nodes that count together one takes a site's snapshot in each interval, an eighth of it earlier or later
// (redis::SnapshotTurns): its turn lasts seven eighths, and each node looks four times in an interval whether there is
// one, so that it matters little which nodes are there. One that dies in its turn delays the snapshot by half a minute.
// When it was taken is said by Redis's clock then, since it orders those of all nodes: by its own one whose clock is
// ahead would stay the latest, and push out those of the others.
//
// Redis holds nothing that a power cut could take back here: numbers are read first, and sent when every stream is
// durable up to there. What was to be kept while Redis is away is tried again each minute.
//
// Ownership  what it is made with outlives it. Threading: the control thread. Errors: as answers.
// Tested by tests/unit/server/snapshot_keeper_test.cc: many nodes, a model of Redis, virtual time; and by
// tests/integration/snapshot_test.py with a real redis-server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/snapshot_store.h"
#include "base/clock.h"
#include "redis/calls.h"
#include "redis/server_clock.h"
#include "redis/snapshot_turns.h"
#include "redis/snapshots.h"
#include "redis_options.h"
#include "sites/registry.h"

namespace footfall {

struct SnapshotStats {
  std::uint64_t taken = 0;
  std::uint64_t failed = 0;
  std::int64_t last_s = 0;  // when the latest was kept, UTC
};

class SnapshotKeeper final : public api::SnapshotStore {
 public:
  using WhenDurable = std::function<void(std::function<void(base::Result<void>)>)>;

  // `node`: the incarnation's text. `when_durable`: see LocalNodeWays. `send` carries out what was called.
  SnapshotKeeper(redis::Calls& calls, const base::Clock& clock, const RedisOptions& options, sites::Registry& registry,
                 std::string node, WhenDurable when_durable, std::function<void()> send);

  // Each second.
  void tick(std::int64_t now_s);

  void take(std::vector<std::string> sites, Then<Taken> then) override;
  void list(const std::string& site, Then<std::vector<Name>> then) override;
  void load(const std::string& site, const std::string& id, Then<std::pair<Name, sites::Snapshot>> then) override;

  const SnapshotStats& stats() const { return stats_; }

 private:
  struct Taking;  // several snapshots, one after the other
  // Seconds between looks at what has changed.
  std::int64_t look_each_s() const;
  void begin(const std::shared_ptr<Taking>& taking);
  void take_next(const std::shared_ptr<Taking>& taking);
  void take_in_turn(const std::shared_ptr<Taking>& taking, const std::string& name);
  void take_one(const std::shared_ptr<Taking>& taking, const std::string& name);
  void save(const std::shared_ptr<Taking>& taking, const Name& name, const std::string& bytes, std::uint64_t total);
  void saved(const std::shared_ptr<Taking>& taking, const Name& name, std::uint64_t total);
  void failed(const std::shared_ptr<Taking>& taking, const std::string& site, const base::Error& why);
  void list_next(const std::shared_ptr<std::vector<std::string>>& sites,
                 const std::shared_ptr<std::vector<Name>>& found, Then<std::vector<Name>> then);

  redis::Calls& calls_;
  const base::Clock& clock_;
  const RedisOptions& options_;
  sites::Registry& registry_;
  const std::string node_;
  const WhenDurable when_durable_;
  const std::function<void()> send_;
  redis::Snapshots snapshots_;
  std::optional<redis::SnapshotTurns> turns_;  // none: this node counts for itself
  redis::ServerClock server_clock_;
  std::map<std::string, std::uint64_t> kept_totals_;  // site -> the total of its latest snapshot, whoever took it
  std::int64_t due_s_;                                // of the next look
  bool taking_ = false;                               // those of the interval
  bool failing_ = false;                              // some of those of the last interval were not kept
  SnapshotStats stats_;
};

}  // namespace footfall
