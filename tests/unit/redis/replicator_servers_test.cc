// SPDX-License-Identifier: Apache-2.0
// The replicator with a real redis-server, whose hashes have more fields than a reply may.
#include <gtest/gtest.h>

#include <unordered_set>

#include "redis/replicator.h"
#include "server_fixture.h"
#include "sites/slot.h"

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

using ReplicatorServersTest = ServerFixture;

TEST_F(ReplicatorServersTest, HashesOfMoreThanAReplyHoldsAreReadWhole) {
  counting::Slot slot;
  slot.counted = 3;
  server_->command(
      {"EVAL", "for i=1,tonumber(ARGV[1]) do redis.call('HSET', KEYS[1], string.format('%032x:1.0', i), ARGV[2]) end",
       "1", "footfall:{" + kSite + "}:slots", std::to_string(kMany), sites::encode_slot(slot)});
  server_->command({"EVAL", "for i=1,tonumber(ARGV[1]) do redis.call('HSET', KEYS[1], 'c' .. i, 'v') end", "1",
                    "footfall:{" + kSite + "}:changes", std::to_string(kMany)});

  Reader reader;
  Replicator replicator(*calls_, reader, {});
  wait_until([&] {
    replicator.tick(clock_.utc_ms(), client_->up(), client_->counters().masters.get());
    return replicator.counters().flushes.get() > 0;
  });
  EXPECT_EQ(replicator.counters().flushes.get(), 1U);
  EXPECT_EQ(replicator.counters().failed_flushes.get(), 0U) << client_->problem();
  EXPECT_EQ(reader.learnt_.size(), kMany);
  EXPECT_EQ(reader.asked_.size(), kMany);
  EXPECT_EQ(client_->counters().disconnects.get(), 0U);
}

}  // namespace
}  // namespace footfall::redis
