// SPDX-License-Identifier: Apache-2.0
#include "redis/departed.h"

#include "redis/node_row.h"
#include "redis/server_clock.h"

namespace footfall::redis {

struct Departed::Sweep {
  std::int64_t since_s = 0;               // who was seen since is there
  std::unordered_set<std::string> there;  // such runs
  std::vector<std::string> gone;          // runs whose rows are older
  std::vector<std::string> sites;         // to be looked at
};

void Departed::tick(std::int64_t now_ms, bool up) {
  if (!up || now_ms < due_ms_) return;
  due_ms_ = now_ms + options_.each_s * 1000;
  begin();
}

Call Departed::calls() const {
  return [&calls = calls_, alive = std::weak_ptr<bool>(alive_)](const std::vector<std::string>& words,
                                                                std::function<void(const Reply&)> done) {
    if (alive.expired()) return;
    calls.call(words, [alive, done = std::move(done)](const base::Result<Reply>& reply) {
      if (!alive.expired() && reply) done(*reply);
    });
  };
}

void Departed::begin() {
  calls()({"SET", key("meta", "sweep"), "1", "NX", "EX", std::to_string(options_.each_s)}, [this](const Reply& taken) {
    if (taken.is(Reply::Type::nil)) return;  // another node did
    calls()({"TIME"}, [this](const Reply& time) {
      const auto redis_ms = ServerClock::read(time);
      if (!redis_ms) return;
      const auto sweep = std::make_shared<Sweep>();
      sweep->since_s = *redis_ms / 1000 - options_.gone_s;
      look_at_nodes(sweep);
    });
  });
}

void Departed::look_at_nodes(const SweepPtr& sweep) {
  scan(calls(), "HSCAN", key("meta", "nodes"), options_.pairs_at_once,
       [this, sweep](const std::vector<Reply>& rows, const More& more) {
         for (std::size_t i = 0; i + 1 < rows.size(); i += 2) {
           const auto row = NodeRow::parse(rows[i + 1].text);
           if (row && row->seen_s >= sweep->since_s) {
             sweep->there.insert(rows[i].text);
           } else {
             sweep->gone.push_back(rows[i].text);
           }
         }
         if (more) return more();
         sweep->sites = sites_();
         next_site(sweep);
       });
}

void Departed::next_site(const SweepPtr& sweep) {
  if (sweep->sites.empty()) return take_out(sweep, key("meta", "nodes"), std::move(sweep->gone), [] {});
  const std::string adopted = key(sweep->sites.back(), "adopted");
  sweep->sites.pop_back();
  const auto gone = std::make_shared<std::vector<std::string>>();
  scan(calls(), "HSCAN", adopted, options_.pairs_at_once,
       [this, sweep, adopted, gone](const std::vector<Reply>& rows, const More& more) {
         for (std::size_t i = 0; i + 1 < rows.size(); i += 2) {
           if (!sweep->there.contains(rows[i].text)) gone->push_back(rows[i].text);
         }
         more ? more() : take_out(sweep, adopted, std::move(*gone), [this, sweep] { next_site(sweep); });
       });
}

void Departed::take_out(const SweepPtr& sweep, const std::string& hash, std::vector<std::string> runs,
                        const std::function<void()>& then) {
  if (runs.empty()) return then();
  read_fields(calls(), key("meta", "nodes"), std::move(runs), options_.pairs_at_once,
              [this, sweep, hash, then](std::span<const std::string> names, const std::vector<Reply>& rows, bool last) {
                std::vector<std::string> words{"HDEL", hash};
                for (std::size_t i = 0; i < names.size(); ++i) {
                  const auto row = NodeRow::parse(rows[i].text);
                  if (!row || row->seen_s < sweep->since_s) words.push_back(names[i]);
                }
                if (words.size() > 2) calls()(words, [](const Reply&) {});
                if (last) then();
              });
}

}  // namespace footfall::redis
