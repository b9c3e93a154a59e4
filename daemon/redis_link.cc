// SPDX-License-Identifier: Apache-2.0
#include "redis_link.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <ctime>
#include <set>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "base/mutex.h"
#include "lookup/time_zones.h"
#include "redis_once.h"
#include "shared_site.h"

namespace footfall {
namespace {

constexpr std::int64_t kFirstAfter_s =
    60;  // the first snapshots of a process, so that restarts do not put them off for ever
constexpr std::int64_t kAgainAfter_s = 60;  // where some could not be kept
constexpr std::int64_t kThere_s = 60;       // a node that was seen since is there
constexpr std::int64_t kSaltsEvery_ms = 5000;
constexpr std::chrono::milliseconds kAskAgainAfter{200};
constexpr std::chrono::milliseconds kTalkEvery{100};  // looks whether a flush is due

// "20261125T145600.123Z-1a2b3c4d": sorts by time, and is the node's own.
std::string snapshot_id(std::int64_t taken_ms, const std::string& node) {
  const auto second = static_cast<std::time_t>(taken_ms / 1000);
  std::tm utc{};
  gmtime_r(&second, &utc);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%S", &utc);
  const std::string ms = std::to_string(1000 + taken_ms % 1000).substr(1);
  return std::string(text.data()) + "." + ms + "Z-" + node.substr(0, 8);
}

std::uint64_t total_of(sites::Site& site, std::int64_t now_s) {
  const base::MutexLock lock(site.mutex());
  return site.state().summary(now_s, counting::calendar_of(0)).total;
}

}  // namespace

struct RedisLink::Taking {
  std::vector<std::string> sites;  // the last is next
  Taken taken;
  Then<Taken> then;
};

RedisLink::RedisLink(const boost::asio::any_io_executor& control, const RedisOptions& options, const base::Clock& clock,
                     sites::Registry& registry, const store::OwnSlot& slot, LocalNodeWays ways, ingest::Salts& salts,
                     const std::optional<ingest::ClusterKey>& key)
    : control_(control),
      options_(options),
      clock_(clock),
      registry_(registry),
      node_(base::to_text(slot.id)),
      ways_(sending(std::move(ways))),
      client_(
          *options.target,
          [] {
            redis::Client::Options client;
            client.seed = base::random_u64();
            return client;
          }(),
          clock.utc_ms()),
      calls_(client_, clock),
      snapshots_(calls_, options.prefix),
      began_ms_(clock.utc_ms()),
      due_s_(clock.utc_s() + std::min<std::int64_t>(options.snapshot_interval_s, kFirstAfter_s)),
      timer_(control),
      transport_(control, client_, clock, tls_of(options), [this] { take_answers(); }) {
  base::log::info("Redis: " + to_string(*options.target));
  if (options_.node.empty()) return;
  redis::Replicator::Options nodes;
  nodes.prefix = options_.prefix;
  local_.emplace(registry, slot, options_.node, ways_);
  replicator_.emplace(calls_, *local_, nodes);
  if (key) {
    salts_.emplace(salts, *key, options_.prefix);
    shared_salts_.emplace(calls_, salts_->name(), kSaltsEvery_ms,
                          [this](std::optional<std::string_view> value) { return look_at_salts(value); });
    redis::Online::Options online;
    online.prefix = options_.prefix;
    online.seed = base::random_u64();
    online_.emplace(calls_, clock_, online);
    redis::Visitors::Options visitors;
    visitors.prefix = options_.prefix;
    visitors.node = node_;
    visitors.seed = base::random_u64();
    visitors_.emplace(calls_, clock_, visitors);
  } else {
    base::log::info(
        "without --cluster-key a visitor of two nodes is two: who is online, and visitors, are this node's");
  }
  talk();
}

struct RedisLink::Shared {
  Shared(sites::Site& of, const base::Clock& clock, std::shared_ptr<const lookup::TimeZone> zone,
         std::uint64_t settings_mark)
      : site(of, clock, std::move(zone)), mark(settings_mark) {}
  SharedSite site;
  std::uint64_t mark;  // of the settings that it was shared with
};

RedisLink::~RedisLink() {
  for (const auto& [name, shared] : shared_) shared->site.site().set_shared(nullptr);
}

// What is called when something became durable is sent too.
LocalNodeWays RedisLink::sending(LocalNodeWays ways) {
  ways.when_durable = [this, when_durable =
                                 std::move(ways.when_durable)](const std::function<void(base::Result<void>)>& then) {
    when_durable([this, then](const base::Result<void>& durable) {
      then(durable);
      go();
    });
  };
  return ways;
}

// Who had waited for room in flight has it then.
void RedisLink::take_answers() {
  calls_.take_answers();
  if (!online_) return;
  online_->tick();
  visitors_->tick();
}

void RedisLink::go() {
  transport_.carry_out();
  if (calls_.refused()) boost::asio::post(control_, [this] { take_answers(); });
}

// REQUIRES: nodes().
void RedisLink::adopters(const std::string& site, const counting::Epoch& epoch, std::int32_t wait_s,
                         std::function<void(base::Result<std::vector<Node>>)> then) {
  const std::int64_t until_ms = clock_.utc_ms() + std::int64_t{wait_s} * 1000;
  replicator_->adopters(
      site, epoch, clock_.utc_s(), kThere_s,
      [this, site, epoch, until_ms,
       then = std::move(then)](const base::Result<std::vector<redis::Replicator::Adopter>>& found) {
        if (!found) return then(found.error());
        std::vector<Node> nodes;
        bool all = true;
        for (const redis::Replicator::Adopter& node : *found) {
          nodes.push_back({node.name, node.incarnation, node.adopted});
          all = all && node.adopted;
        }
        const std::int64_t left_ms = until_ms - clock_.utc_ms();
        if (all || left_ms <= 0) return then(std::move(nodes));
        const auto again = std::make_shared<boost::asio::steady_timer>(control_, kAskAgainAfter);
        again->async_wait([this, again, site, epoch, left_ms, then](const boost::system::error_code& ended) {
          if (!ended) adopters(site, epoch, static_cast<std::int32_t>((left_ms + 999) / 1000), then);
        });
      });
  go();
}

void RedisLink::share_sites() {
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

// What is to be done about what Redis has of the nodes' salts.
redis::SharedValue::Decision RedisLink::look_at_salts(std::optional<std::string_view> value) {
  using Write = redis::SharedValue::Decision::Write;
  const auto step = salts_->found(value, clock_.utc_s());
  if (!step) {
    if (salts_problem_ != step.error().detail) base::log::error("the nodes' salts: " + step.error().detail);
    salts_problem_ = step.error().detail;
    return {};
  }
  salts_problem_.clear();
  if (step->adopted) ways_.publish_salts();
  if (value) salts_known_ = true;
  using Step = ingest::SharedSalts::Step::Write;
  const Write write = step->write == Step::nothing     ? Write::nothing
                      : step->write == Step::if_absent ? Write::if_absent
                                                       : Write::always;
  if (write == Write::if_absent) shared_salts_->hurry();  // whose is there by then?
  return {write, step->value};
}

double RedisLink::lag_s() const {
  const std::int64_t since_ms = std::max(replicator_->in_step_ms(), began_ms_);
  return static_cast<double>(clock_.utc_ms() - since_ms) / 1000;
}

void RedisLink::talk() {
  timer_.expires_after(kTalkEvery);
  timer_.async_wait([this](const boost::system::error_code& ended) {
    if (ended) return;
    const std::int64_t now_ms = clock_.utc_ms();
    const std::uint64_t connects = client_.counters().connects.get();
    replicator_->tick(now_ms, client_.up(), connects);
    if (salts_) {
      if (const std::uint64_t losses = replicator_->counters().losses.get() + connects; losses != losses_) {
        losses_ = losses;
        online_->lost();
        visitors_->lost();
        shared_salts_->hurry();
      }
      if (client_.up()) shared_salts_->tick(now_ms);
      share_sites();
      online_->tick();
      visitors_->tick();
    }
    go();
    talk();
  });
}

void RedisLink::tick(std::int64_t now_s) {
  if (options_.snapshot_interval_s == 0 || taking_ || now_s < due_s_) return;
  std::vector<std::string> changed;
  for (const sites::Entry& entry : registry_.entries()) {
    const auto kept = kept_totals_.find(entry.settings->name);
    if (kept == kept_totals_.end() || kept->second != total_of(*entry.site, now_s))
      changed.push_back(entry.settings->name);
  }
  due_s_ = now_s + options_.snapshot_interval_s;
  if (changed.empty()) return;
  taking_ = true;
  take(std::move(changed), [this](base::Result<Taken> taken) {
    taking_ = false;
    if (taken->failed.empty()) return;
    due_s_ = clock_.utc_s() + std::min<std::int64_t>(options_.snapshot_interval_s, kAgainAfter_s);
    base::log::warning("snapshots: " + std::to_string(taken->failed.size()) + " of " +
                       std::to_string(taken->failed.size() + taken->names.size()) +
                       " were not kept; the last: " + taken->failed.back());
  });
}

void RedisLink::take(std::vector<std::string> sites, Then<Taken> then) {
  const auto taking = std::make_shared<Taking>();
  taking->sites = std::move(sites);
  std::reverse(taking->sites.begin(), taking->sites.end());
  taking->then = std::move(then);
  ways_.when_durable(
      [this, taking](const base::Result<void>&) { take_next(taking); });  // so that `then` is called later
}

void RedisLink::take_next(const std::shared_ptr<Taking>& taking) {
  if (taking->sites.empty()) return taking->then(std::move(taking->taken));
  const std::string name = std::move(taking->sites.back());
  taking->sites.pop_back();
  sites::Site* site = registry_.find(name);
  if (site == nullptr) return failed(taking, name, {base::Errc::not_found, "it was removed meanwhile"});
  const std::int64_t now_ms = clock_.utc_ms();
  const sites::Snapshot snapshot = sites::take_snapshot(*site, *registry_.settings(site->id()), node_, now_ms);
  ways_.when_durable([this, taking, kept = Name{name, snapshot_id(now_ms, node_), now_ms}, bytes = encode(snapshot),
                      total = snapshot.total](const base::Result<void>& durable) {
    durable ? save(taking, kept, bytes, total) : failed(taking, kept.site, durable.error());
  });
}

void RedisLink::save(const std::shared_ptr<Taking>& taking, const Name& name, const std::string& bytes,
                     std::uint64_t total) {
  snapshots_.save({name.site, name.id, name.taken_ms}, bytes, options_.snapshots_kept,
                  [this, taking, name, total](const base::Result<void>& kept) {
                    if (!kept) return failed(taking, name.site, kept.error());
                    ++stats_.taken;
                    stats_.last_s = clock_.utc_s();
                    kept_totals_[name.site] = total;
                    taking->taken.names.push_back(name);
                    take_next(taking);
                  });
  go();
}

void RedisLink::failed(const std::shared_ptr<Taking>& taking, const std::string& site, const base::Error& why) {
  ++stats_.failed;
  taking->taken.failed.push_back(site + ": " + why.detail);
  take_next(taking);
}

void RedisLink::list(const std::string& site, Then<std::vector<Name>> then) {
  auto found = std::make_shared<std::vector<Name>>();
  if (!site.empty()) {
    list_next(std::make_shared<std::vector<std::string>>(1, site), found, std::move(then));
    return go();
  }
  snapshots_.sites([this, found, then = std::move(then)](base::Result<std::vector<std::string>> sites) {
    if (!sites) return then(sites.error());
    std::sort(sites->begin(), sites->end(), std::greater<>());
    list_next(std::make_shared<std::vector<std::string>>(*std::move(sites)), found, then);
  });
  go();
}

void RedisLink::list_next(const std::shared_ptr<std::vector<std::string>>& sites,
                          const std::shared_ptr<std::vector<Name>>& found, Then<std::vector<Name>> then) {
  if (sites->empty()) return then(std::move(*found));
  const std::string site = std::move(sites->back());
  sites->pop_back();
  snapshots_.list(
      site, [this, sites, found, then = std::move(then)](base::Result<std::vector<redis::Snapshots::Name>> names) {
        if (!names) return then(names.error());
        for (redis::Snapshots::Name& name : *names)
          found->push_back({std::move(name.site), std::move(name.id), name.taken_ms});
        list_next(sites, found, then);
      });
}

void RedisLink::load(const std::string& site, const std::string& id, Then<std::pair<Name, sites::Snapshot>> then) {
  if (id == "latest") {
    return list(site, [this, site, then = std::move(then)](base::Result<std::vector<Name>> names) {
      if (!names) return then(names.error());
      if (names->empty())
        return then(base::Error{base::Errc::not_found,
                                "Redis has no snapshot of " + site + " under the prefix " + options_.prefix});
      load(site, names->front().id, then);
    });
  }
  snapshots_.load(site, id, [site, id, then = std::move(then)](base::Result<std::string> bytes) {
    if (!bytes) return then(bytes.error());
    base::Result<sites::Snapshot> snapshot = sites::decode_snapshot(*bytes);
    if (!snapshot)
      return then(
          base::Error{snapshot.error().code, "snapshot " + id + " of " + site + ": " + snapshot.error().detail});
    const Name name{site, id, snapshot->taken_ms};
    then(std::make_pair(name, *std::move(snapshot)));
  });
  go();
}

}  // namespace footfall
