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
  Taken taken;
  Then<Taken> then;
};

SnapshotKeeper::SnapshotKeeper(redis::Calls& calls, const base::Clock& clock, const RedisOptions& options,
                               sites::Registry& registry, std::string node, WhenDurable when_durable,
                               std::function<void()> send)
    : clock_(clock),
      options_(options),
      registry_(registry),
      node_(std::move(node)),
      when_durable_(std::move(when_durable)),
      send_(std::move(send)),
      snapshots_(calls, options.prefix),
      due_s_(clock.utc_s() + std::min<std::int64_t>(options.snapshot_interval_s, kFirstAfter_s)) {}

void SnapshotKeeper::tick(std::int64_t now_s) {
  if (options_.snapshot_interval_s == 0 || taking_ || now_s < due_s_) return;
  std::vector<std::string> changed;
  for (const sites::Entry& entry : registry_.entries()) {
    const auto kept = kept_totals_.find(entry.settings->name);
    if (kept == kept_totals_.end() || kept->second != entry.site->total(now_s)) changed.push_back(entry.settings->name);
  }
  due_s_ = now_s + options_.snapshot_interval_s;
  if (changed.empty()) return;
  taking_ = true;
  take(std::move(changed), [this](base::Result<Taken> taken) {
    taking_ = false;
    const bool failed_before = std::exchange(failing_, !taken->failed.empty());
    if (!failing_) {
      if (failed_before) base::log::info("snapshots are kept again");
      return;
    }
    due_s_ = clock_.utc_s() + std::min<std::int64_t>(options_.snapshot_interval_s, kAgainAfter_s);
    if (failed_before) return;  // not a line for each try
    base::log::warning("snapshots: " + std::to_string(taken->failed.size()) + " of " +
                       std::to_string(taken->failed.size() + taken->names.size()) +
                       " were not kept; the last: " + taken->failed.back());
  });
}

void SnapshotKeeper::take(std::vector<std::string> sites, Then<Taken> then) {
  const auto taking = std::make_shared<Taking>();
  taking->sites = std::move(sites);
  std::reverse(taking->sites.begin(), taking->sites.end());
  taking->then = std::move(then);
  when_durable_([this, taking](const base::Result<void>&) { take_next(taking); });  // so that `then` is called later
}

void SnapshotKeeper::take_next(const std::shared_ptr<Taking>& taking) {
  if (taking->sites.empty()) return taking->then(std::move(taking->taken));
  const std::string name = std::move(taking->sites.back());
  taking->sites.pop_back();
  sites::Site* site = registry_.find(name);
  if (site == nullptr) return failed(taking, name, {base::Errc::not_found, "it was removed meanwhile"});
  const std::int64_t now_ms = clock_.utc_ms();
  const sites::Snapshot snapshot = sites::take_snapshot(*site, *registry_.settings(site->id()), node_, now_ms);
  when_durable_([this, taking, kept = Name{name, snapshot_id(now_ms, node_), now_ms}, bytes = encode(snapshot),
                 total = snapshot.total](const base::Result<void>& durable) {
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
                    take_next(taking);
                  });
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
