// SPDX-License-Identifier: Apache-2.0
// Online against a brute-force program: three nodes, random hits on any of them, connections that delay and break,
// Redis that pauses, refuses and forgets, windows that change, parts that divide. After each quiet 2 s (5 s after a
// loss) every node's answer is exact.
#include <gtest/gtest.h>

#include "online_nodes.h"
#include "support/rng_seed.h"

namespace footfall::redis {
namespace {

constexpr std::size_t kNodes = 3;

struct Visitors {
  std::vector<std::uint64_t> ids;  // visitor -> the id under which they go on
  std::uint64_t last_id = 0;
};

class OnlineRandomTest : public ::testing::TestWithParam<int> {
 protected:
  std::int64_t draw(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(nodes_->random);
  }
  bool one_in(std::int64_t n) { return draw(1, n) == 1; }

  void traffic(const std::string& name, Visitors& visitors) {
    if (!one_in(3)) return;
    const auto at = static_cast<std::size_t>(draw(0, static_cast<std::int64_t>(visitors.ids.size()) - 1));
    std::uint64_t& id = visitors.ids[at];
    const std::uint64_t old_id = moves_ && one_in(200) ? std::exchange(id, ++visitors.last_id) : 0;
    // Whoever goes on under another id does so now: a late mark may leave before a hit of the old id does.
    const std::int64_t late_s = old_id == 0 && one_in(20) ? draw(0, 20) : 0;
    nodes_->hit(static_cast<std::size_t>(draw(0, kNodes - 1)), name, id, late_s, old_id);
  }

  std::unique_ptr<OnlineNodes> nodes_;
  // Visitors go on under other ids in half of the runs, windows change in the others: nodes adopt a window at different
  // seconds, and one may forget a mark that way whose id another one keeps.
  const bool moves_ = GetParam() / 2 % 2 == 0;
};

TEST_P(OnlineRandomTest, EveryNodeKnowsWhoIsOnlineOnAll) {
  const std::uint64_t seed = testing::rng_seed() + static_cast<std::uint64_t>(GetParam());
  const bool cluster = GetParam() % 2 == 1;
  Online::Options options;
  options.part_size = 60;
  nodes_ = std::make_unique<OnlineNodes>(seed, "redis://a:1", kNodes, options, std::vector<std::int64_t>{0, 0, 7000});
  std::vector<Address> servers{{"a", 1}};
  if (cluster) {
    servers.push_back({"b", 2});
    servers.push_back({"c", 3});
    nodes_->model.give(0, 5460, servers[0]);
    nodes_->model.give(5461, 10922, servers[1]);
    nodes_->model.give(10923, kSlots - 1, servers[2]);
  }
  for (const Address& server : servers) {
    nodes_->model.at(server).mode =
        cluster ? testing::RedisModel::Server::Mode::cluster : testing::RedisModel::Server::Mode::standalone;
  }
  const std::map<std::string, std::int64_t> sizes{{"small.vn", 10}, {"large.vn", 400}};
  std::map<std::string, Visitors> visitors;
  std::map<std::string, Online::Window> windows;
  for (const auto& [name, size] : sizes) {
    windows[name] = {std::vector<std::int32_t>{15, 20, 60}[static_cast<std::size_t>(draw(0, 2))], 0};
    nodes_->add(name, windows[name].window_s);
    for (std::int64_t i = 1; i <= size; ++i) visitors[name].ids.push_back(static_cast<std::uint64_t>(i));
    visitors[name].last_id = static_cast<std::uint64_t>(size);
  }
  for (auto& node : nodes_->nodes) node->link.delay_ms_max = draw(0, 100);

  for (int round = 0; round < 12; ++round) {
    std::int64_t quiet_ms = 2000;
    std::string changed;
    if (!moves_ && one_in(3)) {
      changed = one_in(2) ? "small.vn" : "large.vn";
      Online::Window& window = windows[changed];
      window = {window.window_s == 15 ? 40 : 15, window.change + 1};
      quiet_ms = 10'000;
    }
    std::set<std::size_t> adopted;
    const Address& server = servers[static_cast<std::size_t>(draw(0, static_cast<std::int64_t>(servers.size()) - 1))];
    const std::int64_t trouble = draw(0, 6);
    if (trouble == 1) nodes_->model.at(server).silent = true;
    if (trouble == 2) nodes_->model.at(server).refuses = "OOM command not allowed when used memory > 'maxmemory'.";
    nodes_->run_ms(draw(1, 40) * 1000, [&] {
      for (const auto& [name, size] : sizes) {
        for (std::int64_t hits = size / 100; hits >= 0; --hits) traffic(name, visitors[name]);
      }
      if (trouble == 3 && one_in(100)) nodes_->nodes[static_cast<std::size_t>(draw(0, kNodes - 1))]->link.cut();
      if (trouble == 4 && one_in(500)) {
        nodes_->model.at(server).flush();
        nodes_->lost();
        quiet_ms = std::max<std::int64_t>(quiet_ms, 5000);
      }
      if (!changed.empty() && one_in(30)) {
        const auto node = static_cast<std::size_t>(draw(0, kNodes - 1));
        if (adopted.insert(node).second) nodes_->adopt_window(node, changed, windows[changed]);
      }
    });
    for (std::size_t node = 0; node < kNodes && !changed.empty(); ++node) {
      if (adopted.insert(node).second) nodes_->adopt_window(node, changed, windows[changed]);
    }
    nodes_->model.at(server).silent = false;
    nodes_->model.at(server).refuses.clear();
    if (trouble == 1) nodes_->run_ms(3000);  // what was sent meanwhile is not answered any more: connections end
    for (int waits = 0; waits < 1000 && !nodes_->all_up(); ++waits) nodes_->run_ms(20);
    ASSERT_TRUE(nodes_->all_up());
    nodes_->run_ms(quiet_ms);
    ASSERT_NO_FATAL_FAILURE(nodes_->expect_exact()) << "round " << round << ", trouble " << trouble;
  }
  std::uint64_t divisions = 0;
  for (const auto& node : nodes_->nodes) divisions += node->online.counters().divisions.get();
  EXPECT_GT(divisions, 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, OnlineRandomTest, ::testing::Range(0, 8));

}  // namespace
}  // namespace footfall::redis
