// SPDX-License-Identifier: Apache-2.0
#include "snapshot_keeper.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/log.h"
#include "sites/snapshot.h"

namespace footfall {
namespace {

// The first snapshots of a process, so that restarts do not put them off for ever.
constexpr std::int64_t kFirstAfter_s = 60;
constexpr std::int64_t kAgainAfter_s = 60;  // where some could not be kept
constexpr std::int64_t kLooks = 4;          // in an interval, of each of several nodes
// Less than the interval, so that who took the last one finds its turn over when an interval has gone since.
constexpr std::int64_t kTurnMsPerS = 875;

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

}  // namespace

struct SnapshotKeeper::Taking {
  std::vector<std::string> sites;  // the last is next
  bool in_turn = false;            // those alone that no other node has taken in the interval
  Taken taken;
  Then<Taken> then;
};

SnapshotKeeper::SnapshotKeeper(redis::Calls& calls, const base::Clock& clock, const RedisOptions& options,
                               sites::Registry& registry, std::string node, WhenDurable when_durable,
                               std::function<void()> send)
    : calls_(calls),
      clock_(clock),
      options_(options),
      registry_(registry),
      node_(std::move(node)),
      when_durable_(std::move(when_durable)),
      send_(std::move(send)),
      snapshots_(calls, options.prefix),
      due_s_(clock.utc_s()) {
  if (!options_.node.empty()) turns_.emplace(calls, options.prefix, node_);
  due_s_ += std::min(look_each_s(), kFirstAfter_s);
}

std::int64_t SnapshotKeeper::look_each_s() const {
  if (!turns_) return options_.snapshot_interval_s;
  return std::max<std::int64_t>(options_.snapshot_interval_s / kLooks, 1);
}

void SnapshotKeeper::tick(std::int64_t now_s) {
  if (options_.snapshot_interval_s == 0 || taking_ || now_s < due_s_) return;
  std::vector<std::string> changed;
  for (const sites::Entry& entry : registry_.entries()) {
    const auto kept = kept_totals_.find(entry.settings->name);
    if (kept == kept_totals_.end() || kept->second != entry.site->total(now_s)) changed.push_back(entry.settings->name);
  }
  due_s_ = now_s + look_each_s();
  if (changed.empty()) return;
  taking_ = true;
  const auto taking = std::make_shared<Taking>();
  taking->sites = std::move(changed);
  taking->in_turn = turns_.has_value();
  taking->then = [this](base::Result<Taken> taken) {
    taking_ = false;
    const bool failed_before = std::exchange(failing_, !taken->failed.empty());
    if (!failing_) {
      if (failed_before) base::log::info("snapshots_kept_again", "snapshots are kept again");
      return;
    }
    due_s_ = clock_.utc_s() + std::min(look_each_s(), kAgainAfter_s);
    if (failed_before) return;  // not a line for each try
    base::log::warning("snapshots_failed", "snapshots: " + std::to_string(taken->failed.size()) + " of " +
                                               std::to_string(taken->failed.size() + taken->names.size()) +
                                               " were not kept; the last: " + taken->failed.back());
  };
  begin(taking);
}

void SnapshotKeeper::take(std::vector<std::string> sites, Then<Taken> then) {
  const auto taking = std::make_shared<Taking>();
  taking->sites = std::move(sites);
  taking->then = std::move(then);
  begin(taking);
}

void SnapshotKeeper::begin(const std::shared_ptr<Taking>& taking) {
  std::reverse(taking->sites.begin(), taking->sites.end());
  const auto go = [this, taking](const base::Result<void>&) { take_next(taking); };
  if (!turns_) return when_durable_(go);  // so that `then` is called later
  calls_.call({"TIME"}, [this, go, sent_ms = clock_.utc_ms()](const base::Result<redis::Reply>& time) {
    if (const auto server_ms = time ? redis::ServerClock::read(*time) : std::nullopt)
      server_clock_.sample(sent_ms, clock_.utc_ms(), *server_ms);
    go({});
  });
  send_();
}

void SnapshotKeeper::take_next(const std::shared_ptr<Taking>& taking) {
  if (taking->sites.empty()) return taking->then(std::move(taking->taken));
  const std::string name = std::move(taking->sites.back());
  taking->sites.pop_back();
  taking->in_turn ? take_in_turn(taking, name) : take_one(taking, name);
}

void SnapshotKeeper::take_in_turn(const std::shared_ptr<Taking>& taking, const std::string& name) {
  turns_->begin(name, [this, taking, name](const base::Result<redis::SnapshotTurns::Turn>& turn) {
    if (!turn) return failed(taking, name, turn.error());
    if (turn->total) kept_totals_[name] = *turn->total;
    turn->ours ? take_one(taking, name) : take_next(taking);
  });
  send_();
}

void SnapshotKeeper::take_one(const std::shared_ptr<Taking>& taking, const std::string& name) {
  sites::Site* site = registry_.find(name);
  if (site == nullptr) return failed(taking, name, {base::Errc::not_found, "it was removed meanwhile"});
  const std::int64_t now_ms = clock_.utc_ms();
  sites::Snapshot snapshot = sites::take_snapshot(*site, *registry_.settings(site->id()), node_, now_ms);
  snapshot.taken_ms += server_clock_.shift_s() * 1000;
  const Name kept{name, snapshot_id(snapshot.taken_ms, node_), snapshot.taken_ms};
  when_durable_(
      [this, taking, kept, bytes = encode(snapshot), total = snapshot.total](const base::Result<void>& durable) {
        durable ? save(taking, kept, bytes, total) : failed(taking, kept.site, durable.error());
      });
}

void SnapshotKeeper::save(const std::shared_ptr<Taking>& taking, const Name& name, const std::string& bytes,
                          std::uint64_t total) {
  snapshots_.save({name.site, name.id, name.taken_ms}, bytes, options_.snapshots_kept,
                  [this, taking, name, total](const base::Result<void>& kept) {
                    if (!kept) return failed(taking, name.site, kept.error());
                    ++stats_.taken;
                    stats_.last_s = clock_.utc_s();
                    kept_totals_[name.site] = total;
                    taking->taken.names.push_back(name);
                    saved(taking, name, total);
                  });
  send_();
}

void SnapshotKeeper::saved(const std::shared_ptr<Taking>& taking, const Name& name, std::uint64_t total) {
  if (!taking->in_turn) return take_next(taking);
  turns_->end(name.site, total, options_.snapshot_interval_s * kTurnMsPerS,
              [this, taking](const base::Result<void>&) { take_next(taking); });  // an error: another is taken early
  send_();
}

void SnapshotKeeper::failed(const std::shared_ptr<Taking>& taking, const std::string& site, const base::Error& why) {
  ++stats_.failed;
  taking->taken.failed.push_back(site + ": " + why.detail);
  take_next(taking);
}

void SnapshotKeeper::list(const std::string& site, Then<std::vector<Name>> then) {
  auto found = std::make_shared<std::vector<Name>>();
  if (!site.empty()) {
    list_next(std::make_shared<std::vector<std::string>>(1, site), found, std::move(then));
    return send_();
  }
  snapshots_.sites([this, found, then = std::move(then)](base::Result<std::vector<std::string>> sites) {
    if (!sites) return then(sites.error());
    std::sort(sites->begin(), sites->end(), std::greater<>());
    list_next(std::make_shared<std::vector<std::string>>(*std::move(sites)), found, then);
  });
  send_();
}

void SnapshotKeeper::list_next(const std::shared_ptr<std::vector<std::string>>& sites,
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

void SnapshotKeeper::load(const std::string& site, const std::string& id, Then<std::pair<Name, sites::Snapshot>> then) {
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
  send_();
}

}  // namespace footfall
