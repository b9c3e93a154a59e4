// SPDX-License-Identifier: Apache-2.0
// The replicator with a real redis-server, whose hashes have more fields than a reply may.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <unordered_set>

#include "redis/replicator.h"
#include "redis/transport.h"
#include "sites/slot.h"
#include "support/redis_process.h"

namespace footfall::redis {
namespace {

const std::string kSite = "example.vn";
constexpr std::size_t kMany = kElementsMax + 5000;

// Has one site, counts nothing, and knows all changes.
class Reader final : public ReplicatedNode {
 public:
  base::Incarnation incarnation() override { return base::Incarnation{0xff}; }
  std::optional<base::Incarnation> incarnation_before() override { return std::nullopt; }
  std::optional<base::Incarnation> ticket() override { return std::nullopt; }
  std::string name() override { return "reader"; }
  std::vector<std::string> sites() override { return {kSite}; }
  bool has_site(const std::string&) override { return true; }
  std::vector<std::string> take_changed() override { return {}; }
  void own_slots(std::vector<std::string>, std::function<void(base::Result<std::vector<OwnSite>>)> then) override {
    then(std::vector<OwnSite>{{kSite, {}}});
  }
  std::vector<counting::RemoteSlot> known_slots(const std::string&) override { return {}; }
  std::optional<Versions> known_versions(const std::string&, const counting::Epoch&,
                                         const base::Incarnation&) override {
    return std::nullopt;
  }
  counting::Epoch epoch(const std::string&) override { return {}; }
  base::Result<void> learn(std::vector<Learnt> slots) override {
    for (const Learnt& learnt : slots) learnt_.insert(base::to_text(learnt.slot.incarnation));
    return {};
  }
  base::Result<void> adopt(const sites::SharedChange&) override { return {}; }
  void adopted() override {}
  bool knows(const std::string& change_id) override {
    asked_.insert(change_id);
    return true;
  }
  bool is_past(const std::string&) override { return true; }
  void each_shared(const std::function<void(const sites::SharedChange&)>&) override {}
  std::uint64_t changes_applied() override { return 0; }
  void own_slot_ahead(const std::string&, const counting::Epoch&, const counting::Slot&) override {}

  std::unordered_set<std::string> learnt_;  // incarnations
  std::unordered_set<std::string> asked_;   // ids of changes
};

TEST(ReplicatorServersTest, HashesOfMoreThanAReplyHoldsAreReadWhole) {
  const std::string program = testing::find_redis_server();
  if (program.empty()) GTEST_SKIP() << "there is no redis-server here (Debian: redis-server)";
  testing::RedisProcess server(program);
  counting::Slot slot;
  slot.counted = 3;
  server.command(
      {"EVAL", "for i=1,tonumber(ARGV[1]) do redis.call('HSET', KEYS[1], string.format('%032x:1.0', i), ARGV[2]) end",
       "1", "footfall:{" + kSite + "}:slots", std::to_string(kMany), sites::encode_slot(slot)});
  server.command({"EVAL", "for i=1,tonumber(ARGV[1]) do redis.call('HSET', KEYS[1], 'c' .. i, 'v') end", "1",
                  "footfall:{" + kSite + "}:changes", std::to_string(kMany)});

  base::SystemClock clock;
  boost::asio::io_context loop;
  Client client(*parse_target("redis://127.0.0.1:" + std::to_string(server.port())), Client::Options{}, clock.utc_ms());
  ClientCalls calls(client, clock);
  Reader reader;
  Replicator replicator(calls, reader, {});
  Transport transport(loop.get_executor(), client, clock, std::nullopt, [&] { calls.take_answers(); });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (replicator.counters().flushes.get() == 0 && std::chrono::steady_clock::now() < end) {
    replicator.tick(clock.utc_ms(), client.up(), client.counters().masters.get());
    transport.carry_out();
    loop.restart();
    loop.run_one_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(replicator.counters().flushes.get(), 1U);
  EXPECT_EQ(replicator.counters().failed_flushes.get(), 0U) << client.problem();
  EXPECT_EQ(reader.learnt_.size(), kMany);
  EXPECT_EQ(reader.asked_.size(), kMany);
  EXPECT_EQ(client.counters().disconnects.get(), 0U);
}

}  // namespace
}  // namespace footfall::redis
