// SPDX-License-Identifier: Apache-2.0
// SnapshotKeeper: keeps snapshots of sites in Redis.
//
//   each snapshot_interval_s   of every site whose total has changed: its numbers -> wait until they are durable ->
//   Redis on demand                  the same of one site, or all
//
// Redis holds nothing that a power cut could take back here: numbers are read first, and sent when every stream is
// durable up to there. What was to be kept while Redis is away is tried again each minute.
//
// Ownership  what it is made with outlives it. Threading: the control thread. Errors: as answers.
// Tested by tests/integration/snapshot_test.py with a real redis-server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/snapshot_store.h"
#include "base/clock.h"
#include "redis/calls.h"
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
  void take_next(const std::shared_ptr<Taking>& taking);
  void save(const std::shared_ptr<Taking>& taking, const Name& name, const std::string& bytes, std::uint64_t total);
  void failed(const std::shared_ptr<Taking>& taking, const std::string& site, const base::Error& why);
  void list_next(const std::shared_ptr<std::vector<std::string>>& sites,
                 const std::shared_ptr<std::vector<Name>>& found, Then<std::vector<Name>> then);

  const base::Clock& clock_;
  const RedisOptions& options_;
  sites::Registry& registry_;
  const std::string node_;
  const WhenDurable when_durable_;
  const std::function<void()> send_;
  redis::Snapshots snapshots_;
  std::map<std::string, std::uint64_t> kept_totals_;  // site -> the total of its latest snapshot
  std::int64_t due_s_;                                // when snapshots are to be taken next
  bool taking_ = false;                               // those of the interval
  bool failing_ = false;                              // some of those of the last interval were not kept
  SnapshotStats stats_;
};

}  // namespace footfall
