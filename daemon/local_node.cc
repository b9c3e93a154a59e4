// SPDX-License-Identifier: Apache-2.0
#include "local_node.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "sites/slot.h"

namespace footfall {

LocalNode::LocalNode(sites::Registry& registry, const store::OwnSlot& slot, std::string name, LocalNodeWays ways)
    : registry_(registry), slot_(slot), name_(std::move(name)), ways_(std::move(ways)) {}

std::vector<std::string> LocalNode::sites() {
  std::vector<std::string> out;
  for (const sites::Site* site : registry_.all_sites()) out.push_back(registry_.last_settings(site->id())->name);
  return out;
}

std::vector<std::string> LocalNode::take_changed() {
  std::vector<std::string> out;
  for (sites::Site* site : registry_.all_sites()) {
    std::uint64_t hits = 0;
    {
      const base::MutexLock lock(site->mutex());
      hits = site->state().hits();
    }
    std::uint64_t& seen = hits_[site->id().value];
    if (seen == hits) continue;
    seen = hits;
    out.push_back(registry_.last_settings(site->id())->name);
  }
  return out;
}

void LocalNode::own_slots(std::vector<std::string> sites,
                          std::function<void(base::Result<std::vector<OwnSite>>)> then) {
  auto own = std::make_shared<std::vector<OwnSite>>();
  for (std::string& name : sites) {
    if (sites::Site* site = registry_.find(name)) own->push_back({std::move(name), sites::take_slots(*site)});
  }
  ways_.when_durable([own, then = std::move(then)](const base::Result<void>& durable) {
    durable ? then(std::move(*own)) : then(durable.error());
  });
}

std::vector<counting::RemoteSlot> LocalNode::known_slots(const std::string& site) {
  sites::Site* of = registry_.find(site);
  if (of == nullptr) return {};
  const base::MutexLock lock(of->mutex());
  return of->state().learnt();
}

std::optional<LocalNode::Versions> LocalNode::known_versions(const std::string& site, const counting::Epoch& epoch,
                                                             const base::Incarnation& incarnation) {
  sites::Site* of = registry_.find(site);
  if (of == nullptr) return std::nullopt;
  const base::MutexLock lock(of->mutex());
  const counting::Slot* slot = of->state().learnt(epoch, incarnation);
  return slot == nullptr ? std::nullopt : std::optional(Versions{slot->version(), slot->past_version});
}

counting::Epoch LocalNode::epoch(const std::string& site) {
  sites::Site* of = registry_.find(site);
  if (of == nullptr) return {};
  const base::MutexLock lock(of->mutex());
  return of->state().epoch();
}

base::Result<void> LocalNode::learn(std::vector<Learnt> slots) {
  std::vector<store::SlotOfSite> of_sites;
  for (Learnt& learnt : slots) {
    if (sites::Site* site = registry_.find(learnt.site)) of_sites.push_back({site, std::move(learnt.slot)});
  }
  const auto outcome = ways_.learn(of_sites);
  if (!outcome) return outcome.error();
  for (std::size_t i = 0; i < outcome->size(); ++i) {
    if ((*outcome)[i] != counting::Learnt::full) continue;
    const std::string& name = registry_.last_settings(of_sites[i].site->id())->name;
    if (full_.insert(name).second)
      base::log::error(
          "slots_full",
          name + " has " + std::to_string(counting::kRemoteSlotsMax) +
              " slots of other nodes, over all its epochs: what further ones count is not in its totals here");
  }
  if (std::find(outcome->begin(), outcome->end(), counting::Learnt::past_missing) != outcome->end()) {
    return base::Error{base::Errc::conflict, "a slot came without its past"};
  }
  return {};
}

base::Result<void> LocalNode::adopt(const sites::SharedChange& change) {
  if (registry_.has_told(change.field())) return {};
  const bool rival = registry_.knows(change.change.id);
  base::Result<sites::Change> adopted = registry_.adopt(change);
  base::Result<void> done = adopted ? ways_.commit(*std::move(adopted)) : adopted.error();
  if (done && rival) {
    base::log::warning(
        "changes_rival",
        "change " + change.change.id + (change.site.empty() ? "" : " of " + change.site) +
            " was given to two nodes before they knew of each other's, and is not the same at both; one of the "
            "two is in force at all nodes now: compare the total");
  }
  return done;
}

void LocalNode::each_shared(const std::function<void(const sites::SharedChange&)>& visit) {
  registry_.each_shared(base::to_text(slot_.id), visit);
}

void LocalNode::own_slot_ahead(const std::string& site, const counting::Epoch&, const counting::Slot& slot) {
  if (std::exchange(told_ahead_, true)) return;
  base::log::error(
      "slot_ahead",
      "Redis has " + std::to_string(slot.counted) + " hits of " + site +
          " under this process's slot, which are more than it counted: the machine was copied or put back to "
          "an earlier state while it ran. What it counts is not told to other nodes until footfalld is "
          "started again.");
}

}  // namespace footfall
