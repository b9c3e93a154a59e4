// SPDX-License-Identifier: Apache-2.0
// NodeLink: what this node and others tell each other through Redis: counts and changes, and with a cluster's key the
// salts, who is online, and a day's visitors.
//
// Ownership  what it is made with outlives it; sites forget it at its end. Threading: the control thread.
// Errors     nothing waits for Redis: an answer grows old.
// Tested by tests/integration/nodes_test.py with a real redis-server.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/node_list.h"
#include "base/clock.h"
#include "ingest/salts.h"
#include "ingest/shared_salts.h"
#include "local_node.h"
#include "redis/calls.h"
#include "redis/departed.h"
#include "redis/online.h"
#include "redis/replicator.h"
#include "redis/shared_value.h"
#include "redis/visitors.h"
#include "redis_options.h"
#include "sites/registry.h"
#include "store/own_slot.h"

namespace footfall {

class NodeLink final : public api::NodeList {
 public:
  // `key`: with it, who is online, and the visitors of a day, are counted over all nodes. `send` carries out what was
  // called. REQUIRES: options.node.
  NodeLink(const boost::asio::any_io_executor& control, redis::Calls& calls, const base::Clock& clock,
           const RedisOptions& options, sites::Registry& registry, const store::OwnSlot& slot, LocalNodeWays ways,
           ingest::Salts& salts, const std::optional<ingest::ClusterKey>& key, std::function<void()> send);
  ~NodeLink() override;

  // Several times a second. `masters` rises with each server that became a master.
  void tick(std::int64_t now_ms, bool up, std::uint64_t masters);
  // Calls were answered: who had waited for room in flight has it now.
  void go_on();
  // A change was made here: the others are told at once.
  void hurry() { replicator_.hurry(); }

  void adopters(const std::string& site, const counting::Epoch& epoch, std::int32_t wait_s,
                std::function<void(base::Result<std::vector<Node>>)> then) override;

  const redis::Replicator& replicator() const { return replicator_; }
  // How far Redis's clock is ahead of this node's; none: it is not known, or not needed.
  std::optional<std::int64_t> clock_ahead_ms() const { return online_ ? online_->skew_ms() : std::nullopt; }
  double lag_s() const;  // since this node and Redis last knew the same

 private:
  struct Shared;
  void adopters_until(const std::string& site, const counting::Epoch& epoch, std::int64_t until_ms,
                      std::function<void(base::Result<std::vector<Node>>)> then);
  void share_sites();
  std::optional<std::string> look_at_salts(std::optional<std::string_view> value);

  boost::asio::any_io_executor control_;
  const base::Clock& clock_;
  sites::Registry& registry_;
  const LocalNodeWays ways_;
  const std::function<void()> send_;
  const std::int64_t began_ms_;
  LocalNode local_;
  redis::Replicator replicator_;
  redis::Departed departed_;
  // With a cluster key:
  std::optional<ingest::SharedSalts> salts_;
  std::optional<redis::SharedValue> shared_salts_;
  std::optional<redis::Online> online_;
  std::optional<redis::Visitors> visitors_;
  std::map<std::string, std::unique_ptr<Shared>> shared_;  // name -> site
  std::vector<std::unique_ptr<Shared>> unshared_;          // of sites that were removed: readers may still look
  std::uint64_t shared_as_of_ = UINT64_MAX;                // registry's applied() then
  std::uint64_t losses_ = 0;                               // and masters, that were dealt with
  bool salts_known_ = false;                               // the cluster's are this node's
  std::string salts_problem_;                              // that was told
};

}  // namespace footfall
