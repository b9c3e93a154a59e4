// SPDX-License-Identifier: Apache-2.0
// RedisLink: the daemon's way to Redis: the client with its sockets, and what goes over it: the snapshots that are kept
// there, and, with a name of its own, what this node and others tell each other.
//
// While Redis is away nothing else waits.
//
// Ownership  owns client, transport and calls; the registry, the clock and the executor outlive it.
// Threading  the control thread.
// Errors     as answers; problem() says what keeps Redis from being used.
// Tested by tests/integration/snapshot_test.py and nodes_test.py with a real redis-server.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "node_link.h"
#include "redis/calls.h"
#include "redis/client.h"
#include "redis/transport.h"
#include "redis/trouble.h"
#include "redis_options.h"
#include "snapshot_keeper.h"

namespace footfall {

class RedisLink {
 public:
  // Throws base::Failure: the authorities cannot be read. REQUIRES: options.target.
  // `key`: see NodeLink.
  RedisLink(const boost::asio::any_io_executor& control, const RedisOptions& options, const base::Clock& clock,
            sites::Registry& registry, const store::OwnSlot& slot, LocalNodeWays ways, ingest::Salts& salts,
            const std::optional<ingest::ClusterKey>& key);

  void set_snapshots(std::int32_t interval_s, std::uint32_t kept);
  // No new round is begun until resume(); what is under way ends, and then all is quiet().
  void pause() { paused_ = true; }
  void resume() { paused_ = false; }
  bool quiet() const { return client_.quiet(); }
  // Each second.
  void tick(std::int64_t now_s);

  bool up() const { return client_.up(); }
  // Empty: none.
  std::string problem() const;
  const redis::ClientCounters& counters() const { return client_.counters(); }
  SnapshotKeeper& snapshots() { return snapshots_; }
  // nullptr: this node counts for itself.
  NodeLink* nodes() { return nodes_ ? &*nodes_ : nullptr; }

 private:
  void talk();  // to other nodes, several times a second
  void take_answers();
  void go();  // sends what was called
  LocalNodeWays sending(LocalNodeWays ways);

  boost::asio::any_io_executor control_;
  RedisOptions options_;
  const base::Clock& clock_;
  redis::Client client_;
  redis::ClientCalls calls_;
  bool paused_ = false;
  redis::TroubleLog trouble_log_;
  const LocalNodeWays ways_;
  SnapshotKeeper snapshots_;
  std::optional<NodeLink> nodes_;
  boost::asio::steady_timer timer_;  // of talk()
  redis::Transport transport_;       // the last: its handlers use what stands before
};

}  // namespace footfall
