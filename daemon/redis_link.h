// SPDX-License-Identifier: Apache-2.0
// RedisLink: the daemon's way to Redis: the client with its sockets, the snapshots that it keeps there, and, with a
// name of its own, what it and other nodes tell each other.
//
//   each snapshot_interval_s   of every site whose total has changed: its numbers -> wait until they are durable ->
//   Redis on demand                  the same of one site, or all
//
// Redis holds nothing that a power cut could take back here: numbers are read first, and sent when every stream is
// durable up to there. While Redis is away nothing else waits; what was to be kept is tried again each minute.
//
// Ownership  owns client, transport and calls; the registry, the clock and the executor outlive it.
// Threading  the control thread.
// Errors     as answers; problem() says what keeps Redis from being used.
// Tested by tests/integration/snapshot_test.py and nodes_test.py with a real redis-server.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/node_list.h"
#include "api/snapshot_store.h"
#include "base/clock.h"
#include "ingest/salts.h"
#include "ingest/shared_salts.h"
#include "local_node.h"
#include "redis/calls.h"
#include "redis/client.h"
#include "redis/online.h"
#include "redis/replicator.h"
#include "redis/shared_value.h"
#include "redis/snapshots.h"
#include "redis/transport.h"
#include "redis/visitors.h"
#include "redis_options.h"
#include "sites/registry.h"

namespace footfall {

struct SnapshotStats {
  std::uint64_t taken = 0;
  std::uint64_t failed = 0;
  std::int64_t last_s = 0;  // when the latest was kept, UTC
};

class RedisLink final : public api::SnapshotStore, public api::NodeList {
 public:
  // Throws base::Failure: the authorities cannot be read. REQUIRES: options.target.
  // `key`: with it, who is online, and the visitors of a day, are counted over all nodes.
  RedisLink(const boost::asio::any_io_executor& control, const RedisOptions& options, const base::Clock& clock,
            sites::Registry& registry, const store::OwnSlot& slot, LocalNodeWays ways, ingest::Salts& salts,
            const std::optional<ingest::ClusterKey>& key);
  ~RedisLink() override;

  // Each second.
  void tick(std::int64_t now_s);
  // A change was made here: other nodes, if there are any, are told at once.
  void hurry() {
    if (replicator_) replicator_->hurry();
  }

  void take(std::vector<std::string> sites, Then<Taken> then) override;
  void list(const std::string& site, Then<std::vector<Name>> then) override;
  void load(const std::string& site, const std::string& id, Then<std::pair<Name, sites::Snapshot>> then) override;

  void adopters(const std::string& site, const counting::Epoch& epoch, std::int32_t wait_s,
                std::function<void(base::Result<std::vector<Node>>)> then) override;

  bool up() const { return client_.up(); }
  std::string problem() const { return client_.problem(); }
  const redis::ClientCounters& counters() const { return client_.counters(); }
  const SnapshotStats& snapshot_stats() const { return stats_; }
  double lag_s() const;  // since this node and Redis last knew the same. REQUIRES: nodes()
  // Of what nodes tell each other; nullptr: this one counts for itself.
  redis::Replicator* nodes() { return replicator_ ? &*replicator_ : nullptr; }

 private:
  struct Taking;  // several snapshots, one after the other
  void take_next(const std::shared_ptr<Taking>& taking);
  void save(const std::shared_ptr<Taking>& taking, const Name& name, const std::string& bytes, std::uint64_t total);
  void failed(const std::shared_ptr<Taking>& taking, const std::string& site, const base::Error& why);
  void list_next(const std::shared_ptr<std::vector<std::string>>& sites,
                 const std::shared_ptr<std::vector<Name>>& found, Then<std::vector<Name>> then);
  void talk();  // to other nodes, several times a second
  void share_sites();
  redis::SharedValue::Decision look_at_salts(std::optional<std::string_view> value);
  void take_answers();
  void go();  // sends what was called
  LocalNodeWays sending(LocalNodeWays ways);

  boost::asio::any_io_executor control_;
  const RedisOptions options_;
  const base::Clock& clock_;
  sites::Registry& registry_;
  const std::string node_;
  const LocalNodeWays ways_;
  redis::Client client_;
  redis::ClientCalls calls_;
  redis::Snapshots snapshots_;
  std::map<std::string, std::uint64_t> kept_totals_;  // site -> the total of its latest snapshot
  const std::int64_t began_ms_;
  std::int64_t due_s_;   // when snapshots are to be taken next
  bool taking_ = false;  // those of the interval
  SnapshotStats stats_;
  std::optional<LocalNode> local_;
  std::optional<redis::Replicator> replicator_;
  // With a cluster key:
  std::optional<ingest::SharedSalts> salts_;
  std::optional<redis::SharedValue> shared_salts_;
  std::optional<redis::Online> online_;
  std::optional<redis::Visitors> visitors_;
  struct Shared;
  std::map<std::string, std::unique_ptr<Shared>> shared_;  // name -> site
  std::vector<std::unique_ptr<Shared>> unshared_;          // of sites that were removed: readers may still look
  std::uint64_t shared_as_of_ = UINT64_MAX;                // registry's applied() then
  std::uint64_t losses_ = 0;                               // and connections, that were dealt with
  bool salts_known_ = false;                               // the cluster's are this node's
  std::string salts_problem_;                              // that was told
  boost::asio::steady_timer timer_;                        // of talk()
  redis::Transport transport_;                             // the last: its handlers use what stands before
};

}  // namespace footfall
