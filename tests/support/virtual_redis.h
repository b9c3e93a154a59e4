// SPDX-License-Identifier: Apache-2.0
// VirtualRedis: clients of a RedisModel under a virtual clock, over connections that delay, and break with whatever was
// on its way lost, or done and not answered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "redis/calls.h"
#include "redis/client.h"
#include "support/redis_model.h"

namespace footfall::testing {

// One node's client and its connections. Time is the model's; the node's own clock may differ from it.
class VirtualLink {
 public:
  VirtualLink(RedisModel& model, const std::string& uri, std::mt19937_64& random, std::int64_t clock_ahead_ms)
      : clock(model.now_ms + clock_ahead_ms),
        client(*redis::parse_target(uri), {.seed = random()}, clock.utc_ms()),
        calls(client, clock),
        model_(model),
        random_(random),
        clock_ahead_ms_(clock_ahead_ms) {}

  void set_clock() { clock.set_ms(model_.now_ms + clock_ahead_ms_); }
  // Everything up to the model's time. `on_answers` is called after Calls has taken some.
  void step(const std::function<void()>& on_answers) {
    set_clock();
    for (bool more = true; more;) {
      more = carry_out();
      for (auto& [id, way] : ways_) more = deliver(id, way) || more;
      std::erase_if(ways_, [](const auto& entry) { return entry.second.gone; });
      if (client.has_answers() || calls.refused()) {
        calls.take_answers();
        on_answers();
        more = true;
      }
    }
    if (client.deadline_ms() <= clock.utc_ms()) client.advance(clock.utc_ms());
  }

  // All connections break: what has not arrived yet never does, nor do replies.
  void cut() {
    std::vector<redis::Client::LinkId> gone;
    for (const auto& [id, way] : ways_) gone.push_back(id);
    for (const redis::Client::LinkId id : gone) {
      Way& way = ways_.at(id);
      for (std::size_t arrives = random_() % (way.there.size() + 1); arrives > 0; --arrives) {
        model_.answer(way.connection, way.there.front().second);
        way.there.pop_front();
      }
      ways_.erase(id);
      client.closed(id, "reset by peer", clock.utc_ms());
    }
  }

  std::int64_t delay_ms_max = 0;  // each way
  base::ManualClock clock;
  redis::Client client;
  redis::ClientCalls calls;

 private:
  using Bytes = std::deque<std::pair<std::int64_t, std::string>>;  // when they arrive, ascending
  struct Way {
    RedisModel::Connection connection;
    Bytes there, back;
    std::int64_t opens_ms = 0;
    bool opening = true;
    bool gone = false;
  };

  std::int64_t arrival_ms(const Bytes& behind) {
    const auto delay_ms = static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(delay_ms_max + 1));
    const std::int64_t at_ms = model_.now_ms + delay_ms;
    return behind.empty() ? at_ms : std::max(at_ms, behind.back().first);
  }

  bool carry_out() {
    bool more = false;
    while (const auto action = client.take_action()) {
      more = true;
      if (action->what == redis::Client::Action::What::close) {
        ways_.erase(action->link);
      } else {
        Way& way = ways_[action->link];
        way.connection.to = action->to;
        way.opens_ms = arrival_ms({});
      }
    }
    for (const redis::Client::LinkId id : client.take_dirty()) {
      std::string* unsent = client.unsent(id);
      const auto way = ways_.find(id);
      if (unsent == nullptr || way == ways_.end() || unsent->empty()) continue;
      way->second.there.emplace_back(arrival_ms(way->second.there), std::exchange(*unsent, {}));
      more = true;
    }
    return more;
  }

  bool deliver(redis::Client::LinkId id, Way& way) {
    if (way.gone) return false;
    if (way.opening) {
      if (model_.now_ms < way.opens_ms) return false;
      way.opening = false;
      if (model_.reachable(way.connection.to)) {
        client.opened(id, clock.utc_ms());
      } else {
        way.gone = true;
        client.closed(id, "connection refused", clock.utc_ms());
      }
      return true;
    }
    bool more = false;
    if (model_.owes(way.connection)) {
      way.back.emplace_back(arrival_ms(way.back), model_.answer(way.connection, {}));
      more = true;
    }
    while (!way.there.empty() && way.there.front().first <= model_.now_ms) {
      std::string reply = model_.answer(way.connection, way.there.front().second);
      way.there.pop_front();
      if (!reply.empty()) way.back.emplace_back(arrival_ms(way.back), std::move(reply));
      more = true;
    }
    while (!way.back.empty() && way.back.front().first <= model_.now_ms) {
      const std::string reply = std::move(way.back.front().second);
      way.back.pop_front();
      client.received(id, reply, clock.utc_ms());
      more = true;
    }
    return more;
  }

  RedisModel& model_;
  std::mt19937_64& random_;
  std::int64_t clock_ahead_ms_;
  std::map<redis::Client::LinkId, Way> ways_;  // link -> its connection
};

// `ms` of the model's time, in steps of 20: what `each` does, then all nodes' links, with `tick(node, due)` when
// answers came, and as due each 100 ms. A node has a `link`; `nodes` are pointers to them.
template <class Nodes, class Each, class Tick>
void run_links(RedisModel& model, Nodes& nodes, std::int64_t ms, const Each& each, const Tick& tick) {
  for (const std::int64_t end = model.now_ms + ms; model.now_ms < end;) {
    model.now_ms += 20;
    for (auto& node : nodes) node->link.set_clock();
    each();
    for (auto& node : nodes) {
      const auto on_answers = [&] { tick(*node, false); };
      node->link.step(on_answers);
      if (model.now_ms % 100 != 0) continue;
      tick(*node, true);
      node->link.step(on_answers);
    }
  }
}

}  // namespace footfall::testing
