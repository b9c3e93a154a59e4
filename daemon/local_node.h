// SPDX-License-Identifier: Apache-2.0
// LocalNode: this node, as the replicator sees it: the registry's sites, what is durable of their counts, and the ways
// by which something of another node gets into the journal.
//
// Ownership  the registry outlives it. Threading: the control thread.
// Errors     as ReplicatedNode says. Tested by tests/integration/nodes_test.py.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/incarnation.h"
#include "redis/replicator.h"
#include "sites/registry.h"
#include "store/nodes_stream.h"
#include "store/own_slot.h"

namespace footfall {

// How it reaches the daemon; called on the control thread.
struct LocalNodeWays {
  // Calls what it is given, on the control thread, when all that was counted before is durable.
  std::function<void(std::function<void(base::Result<void>)>)> when_durable;
  // Journals and applies; shards know it when publish() was called.
  std::function<base::Result<void>(sites::Change)> commit;
  std::function<void()> publish;
  std::function<base::Result<std::vector<counting::Learnt>>(std::vector<store::SlotOfSite>)> learn;
  // Another chain of salts is in force: shards are to have it.
  std::function<void()> publish_salts;
};

class LocalNode final : public redis::ReplicatedNode {
 public:
  LocalNode(sites::Registry& registry, const store::OwnSlot& slot, std::string name, LocalNodeWays ways);

  base::Incarnation incarnation() override { return slot_.id; }
  std::optional<base::Incarnation> incarnation_before() override { return slot_.before; }
  std::optional<base::Incarnation> ticket() override { return slot_.ticket; }
  std::string name() override { return name_; }
  std::vector<std::string> sites() override;
  bool has_site(const std::string& site) override { return registry_.find(site) != nullptr; }
  std::vector<std::string> take_changed() override;
  void own_slots(std::vector<std::string> sites, std::function<void(base::Result<std::vector<OwnSite>>)> then) override;
  std::vector<counting::RemoteSlot> known_slots(const std::string& site) override;
  std::optional<Versions> known_versions(const std::string& site, const counting::Epoch& epoch,
                                         const base::Incarnation& incarnation) override;
  counting::Epoch epoch(const std::string& site) override;
  base::Result<void> learn(std::vector<Learnt> slots) override;
  base::Result<void> adopt(const sites::SharedChange& change) override;
  void adopted() override { ways_.publish(); }
  bool knows(const std::string& name) override { return registry_.has_told(name); }
  bool is_past(const std::string& name) override { return registry_.is_past(sites::id_of(name)); }
  void each_shared(const std::function<void(const sites::SharedChange&)>& visit) override;
  std::uint64_t changes_applied() override { return registry_.applied(); }
  void own_slot_ahead(const std::string& site, const counting::Epoch& epoch, const counting::Slot& slot) override;

 private:
  sites::Registry& registry_;
  const store::OwnSlot slot_;
  const std::string name_;
  const LocalNodeWays ways_;
  std::unordered_map<std::uint32_t, std::uint64_t> hits_;  // site id -> its hits at the last take_changed()
  bool told_ahead_ = false;
  std::set<std::string> full_;  // sites of which it was told that they take no more slots
};

}  // namespace footfall
