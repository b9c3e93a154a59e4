// SPDX-License-Identifier: Apache-2.0
// Nodes that share sites over a RedisModel, under a virtual clock, and the plainest program that says who is online.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "counting/site_state.h"
#include "redis/online.h"
#include "support/virtual_redis.h"

namespace footfall::redis {

inline constexpr std::int64_t kStartMs = 1'790'000'000'000;

// A site's presence on one node.
class NodeSite final : public OnlineSource {
 public:
  NodeSite(const base::Clock& clock, std::int32_t window_s) : state(counting::Limits{}, window_s), clock_(clock) {}

  std::uint32_t online_here() override { return state.online(clock_.utc_s()); }
  counting::PresenceTold take_presence() override { return state.take_presence(); }
  counting::PresenceWalk begin_walk(bool everybody) override {
    return state.begin_presence_walk(everybody, clock_.utc_s());
  }
  bool walk(counting::PresenceWalk& walk, std::vector<counting::Seen>& out) override {
    return state.walk_presence(walk, out);
  }

  counting::SiteState state;
  std::shared_ptr<const OnlineAnswer> answer;

 private:
  const base::Clock& clock_;
};

// Who is online, of one site, over all nodes.
class OnlineOracle {
 public:
  explicit OnlineOracle(std::size_t nodes) : seen_s_(nodes), floor_s_(nodes, INT64_MIN) {}

  void hit(std::size_t node, std::uint64_t visitor, std::int64_t at_s, std::uint64_t moved_from) {
    if (at_s <= floor_s_[node]) return;
    std::int64_t& latest_s = seen_s_[node].try_emplace(visitor, at_s).first->second;
    latest_s = std::max(latest_s, at_s);
    if (moved_from != 0) moved_.insert(moved_from);
  }
  void set_floor(std::size_t node, std::int64_t floor_s) {
    floor_s_[node] = floor_s;
    std::erase_if(seen_s_[node], [floor_s](const auto& entry) { return entry.second <= floor_s; });
  }
  std::uint32_t online(std::int64_t now_s, std::int32_t window_s) const {
    std::set<std::uint64_t> here;
    for (const auto& node : seen_s_) {
      for (const auto& [visitor, at_s] : node) {
        if (at_s > now_s - window_s && !moved_.contains(visitor)) here.insert(visitor);
      }
    }
    return static_cast<std::uint32_t>(here.size());
  }

 private:
  std::vector<std::map<std::uint64_t, std::int64_t>> seen_s_;  // node -> visitor -> the latest hit
  std::vector<std::int64_t> floor_s_;                          // node -> who was not seen after it has left
  std::set<std::uint64_t> moved_;
};

struct Node {
  Node(testing::RedisModel& model, const std::string& uri, std::mt19937_64& random, std::int64_t ahead_ms,
       const Online::Options& options)
      : link(model, uri, random, ahead_ms), online(link.calls, link.clock, options) {}

  testing::VirtualLink link;
  Online online;
  std::map<std::string, std::unique_ptr<NodeSite>> sites;  // name -> site
};

class OnlineNodes {
 public:
  OnlineNodes(std::uint64_t seed, const std::string& uri, std::size_t count, const Online::Options& options,
              const std::vector<std::int64_t>& ahead_ms = {})
      : random(seed) {
    model.now_ms = kStartMs;
    for (std::size_t i = 0; i < count; ++i) {
      Online::Options own = options;
      own.seed = random();
      nodes.push_back(std::make_unique<Node>(model, uri, random, i < ahead_ms.size() ? ahead_ms[i] : 0, own));
    }
  }

  void add(const std::string& name, std::int32_t window_s) {
    windows_[name] = {window_s, 0};
    oracles.emplace(name, nodes.size());
    for (auto& node : nodes) {
      auto site = std::make_unique<NodeSite>(node->link.clock, window_s);
      site->answer = node->online.add(name, *site, {window_s, 0});
      node->sites[name] = std::move(site);
    }
  }

  std::int64_t now_s() const { return model.now_ms / 1000; }
  // `late_s` ago, by the node's own clock.
  void hit(std::size_t node, const std::string& name, std::uint64_t visitor, std::int64_t late_s = 0,
           std::uint64_t moved_from = 0) {
    counting::Hit hit;
    hit.at_s = nodes[node]->link.clock.utc_s() - late_s;
    hit.visitor = counting::VisitorId{visitor};
    hit.moved_from = counting::VisitorId{moved_from};
    hit.touches_presence = hit.counts = hit.adds_visitor = true;
    if (late_s < nodes[node]->sites[name]->state.window_s())
      oracles.at(name).hit(node, visitor, now_s() - late_s, moved_from);
    nodes[node]->sites[name]->state.apply(counting::Epoch{}, {&hit, 1});
  }

  // The node hears of the site's window of now.
  void adopt_window(std::size_t node, const std::string& name, const Online::Window& window) {
    NodeSite& site = *nodes[node]->sites[name];
    const std::int64_t at_s = nodes[node]->link.clock.utc_s();
    oracles.at(name).set_floor(node, now_s() - site.state.window_s());
    site.state.expect_window(window.window_s);
    site.state.set_window(window.window_s, at_s);
    nodes[node]->online.set_window(name, window);
    windows_[name] = window;
  }

  // What happens each 20 ms is up to `each`.
  template <class Each>
  void run_ms(std::int64_t ms, const Each& each) {
    testing::run_links(model, nodes, ms, each, [this](Node& node, bool due) {
      if (due) {
        for (auto& [name, site] : node.sites) {
          site->state.advance(node.link.clock.utc_s(), 0);
          if (reads) static_cast<void>(site->answer->read(node.link.clock.utc_s()));
        }
      }
      node.online.tick();
    });
  }
  void run_ms(std::int64_t ms) {
    run_ms(ms, [] {});
  }
  bool all_up() const {
    return std::all_of(nodes.begin(), nodes.end(), [](const auto& node) { return node->link.client.up(); });
  }
  void lost() {
    for (auto& node : nodes) node->online.lost();
  }

  // Of one node; none: unknown.
  std::optional<OnlineAnswer::Value> answer(std::size_t node, const std::string& name) {
    return nodes[node]->sites[name]->answer->read(nodes[node]->link.clock.utc_s());
  }
  std::uint32_t expected(const std::string& name, std::int64_t at_s) const {
    return oracles.at(name).online(at_s, windows_.at(name).window_s);
  }
  // Every node knows, as of a second ago at most, who is online.
  void expect_exact() {
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      const std::int64_t ahead_s = nodes[node]->link.clock.utc_s() - now_s();
      for (const auto& [name, oracle] : oracles) {
        const auto value = answer(node, name);
        ASSERT_TRUE(value) << name << ", node " << node << " does not know, second " << now_s() - kStartMs / 1000;
        ASSERT_GE(value->as_of_s - ahead_s, now_s() - 2);
        ASSERT_EQ(value->online, expected(name, value->as_of_s - ahead_s))
            << name << ", node " << node << ", second " << now_s() - kStartMs / 1000;
      }
    }
  }

  std::mt19937_64 random;
  testing::RedisModel model;
  std::vector<std::unique_ptr<Node>> nodes;
  std::map<std::string, OnlineOracle> oracles;  // site -> who is online
  bool reads = true;                            // somebody reads every answer

 private:
  std::map<std::string, Online::Window> windows_;  // site -> as of the latest adoption
};

}  // namespace footfall::redis
