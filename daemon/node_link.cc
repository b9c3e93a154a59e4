// SPDX-License-Identifier: Apache-2.0
#include "node_link.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <set>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "lookup/time_zones.h"
#include "shared_site.h"

namespace footfall {
namespace {

constexpr std::int64_t kThere_s = 60;  // a node that was seen since is there
constexpr std::int64_t kSaltsEvery_ms = 5000;
constexpr std::chrono::milliseconds kAskAgainAfter{200};

redis::Replicator::Options replicator_options(const RedisOptions& options) {
  redis::Replicator::Options out;
  out.prefix = options.prefix;
  return out;
}

}  // namespace

struct NodeLink::Shared {
  Shared(sites::Site& of, const base::Clock& clock, std::shared_ptr<const lookup::TimeZone> zone,
         std::uint64_t settings_mark)
      : site(of, clock, std::move(zone)), mark(settings_mark) {}
  SharedSite site;
  std::uint64_t mark;  // of the settings that it was shared with
};

NodeLink::NodeLink(const boost::asio::any_io_executor& control, redis::Calls& calls, const base::Clock& clock,
                   const RedisOptions& options, sites::Registry& registry, const store::OwnSlot& slot,
                   LocalNodeWays ways, ingest::Salts& salts, const std::optional<ingest::ClusterKey>& key,
                   std::function<void()> send)
    : control_(control),
      clock_(clock),
      registry_(registry),
      ways_(std::move(ways)),
      send_(std::move(send)),
      began_ms_(clock.utc_ms()),
      local_(registry, slot, options.node, ways_),
      replicator_(calls, local_, replicator_options(options)),
      departed_(calls, {.prefix = options.prefix}, [this] { return local_.sites(); }) {
  if (!key) {
    base::log::info(
        "cluster_key_missing",
        "without --cluster-key a visitor of two nodes is two: who is online, and visitors, are this node's");
    return;
  }
  salts_.emplace(salts, *key, options.prefix);
  shared_salts_.emplace(calls, salts_->name(), kSaltsEvery_ms,
                        [this](std::optional<std::string_view> value) { return look_at_salts(value); });
  redis::Online::Options online;
  online.prefix = options.prefix;
  online.seed = base::random_u64();
  online_.emplace(calls, clock_, online);
  redis::Visitors::Options visitors;
  visitors.prefix = options.prefix;
  visitors.node = base::to_text(slot.id);
  visitors.seed = base::random_u64();
  visitors_.emplace(calls, clock_, visitors);
}

NodeLink::~NodeLink() {
  for (const auto& [name, shared] : shared_) shared->site.site().set_shared(nullptr);
}

void NodeLink::tick(std::int64_t now_ms, bool up, std::uint64_t masters) {
  replicator_.tick(now_ms, up, masters);
  departed_.tick(now_ms, up);
  if (!salts_) return;
  if (const std::uint64_t losses = replicator_.counters().losses_in_service.get() + masters; losses != losses_) {
    losses_ = losses;
    online_->lost();
    visitors_->lost();
    shared_salts_->hurry();
  }
  if (up) shared_salts_->tick(now_ms);
  share_sites();
  go_on();
}

void NodeLink::go_on() {
  if (!online_) return;
  online_->tick();
  visitors_->tick();
}

void NodeLink::adopters(const std::string& site, const counting::Epoch& epoch, std::int32_t wait_s,
                        std::function<void(base::Result<std::vector<Node>>)> then) {
  adopters_until(site, epoch, clock_.utc_ms() + std::int64_t{wait_s} * 1000, std::move(then));
}

void NodeLink::adopters_until(const std::string& site, const counting::Epoch& epoch, std::int64_t until_ms,
                              std::function<void(base::Result<std::vector<Node>>)> then) {
  replicator_.adopters(
      site, epoch, kThere_s,
      [this, site, epoch, until_ms,
       then = std::move(then)](const base::Result<std::vector<redis::Replicator::Adopter>>& found) {
        if (!found) return then(found.error());
        std::vector<Node> nodes;
        bool all = true;
        for (const redis::Replicator::Adopter& node : *found) {
          nodes.push_back({node.name, node.incarnation, node.adopted});
          all = all && node.adopted;
        }
        if (all || clock_.utc_ms() >= until_ms) return then(std::move(nodes));
        const auto again = std::make_shared<boost::asio::steady_timer>(control_, kAskAgainAfter);
        again->async_wait([this, again, site, epoch, until_ms, then](const boost::system::error_code& ended) {
          if (!ended) adopters_until(site, epoch, until_ms, then);
        });
      });
  send_();
}

void NodeLink::share_sites() {
  if (!salts_known_ || registry_.applied() == shared_as_of_) return;
  shared_as_of_ = registry_.applied();
  std::set<std::string> there;
  for (const sites::Entry& entry : registry_.entries()) {
    const std::string& name = entry.settings->name;
    there.insert(name);
    const auto zone = lookup::TimeZone::find(entry.settings->timezone);
    if (!zone) continue;  // settings name a zone that is there
    const redis::Online::Window window{entry.settings->window_s, registry_.settings_mark(entry.site->id())};
    const auto known = shared_.find(name);
    if (known == shared_.end()) {
      auto shared = std::make_unique<Shared>(*entry.site, clock_, *zone, window.change);
      shared->site.set_answers(online_->add(name, shared->site, window), visitors_->add(name, shared->site));
      entry.site->set_shared(&shared->site);
      shared_.emplace(name, std::move(shared));
      continue;
    }
    visitors_->changed(name);  // epochs may be others
    if (known->second->mark == window.change) continue;
    known->second->mark = window.change;
    known->second->site.set_zone(*zone);
    online_->set_window(name, window);
  }
  for (auto it = shared_.begin(); it != shared_.end();) {
    if (there.contains(it->first)) {
      ++it;
      continue;
    }
    online_->remove(it->first);
    visitors_->remove(it->first);
    it->second->site.site().set_shared(nullptr);
    unshared_.push_back(std::move(it->second));
    it = shared_.erase(it);
  }
}

// What Redis is to have of the nodes' salts.
std::optional<std::string> NodeLink::look_at_salts(std::optional<std::string_view> value) {
  auto step = salts_->found(value, clock_.utc_s());
  if (!step) {
    if (salts_problem_ != step.error().detail)
      base::log::error("salts_not_shared", "the nodes' salts: " + step.error().detail);
    salts_problem_ = step.error().detail;
    return {};
  }
  salts_problem_.clear();
  if (step->adopted) ways_.publish_salts();
  if (value) {
    salts_known_ = true;
  } else {
    shared_salts_->hurry();  // whose is there by then?
  }
  return std::move(step->value);
}

double NodeLink::lag_s() const {
  const std::int64_t since_ms = std::max(replicator_.in_step_ms(), began_ms_);
  return static_cast<double>(clock_.utc_ms() - since_ms) / 1000;
}

}  // namespace footfall
