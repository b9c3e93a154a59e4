// SPDX-License-Identifier: Apache-2.0
// The ledger: it balances over whatever happens, and each of its comparisons fails when one of its two counts is wrong.
#include "store/ledger.h"

#include <gtest/gtest.h>

#include <set>

#include "node.h"
#include "sites/records.h"
#include "store/backup.h"
#include "store/verify.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using testing::Node;
using testing::Ping;
using Sentences = std::vector<std::string>;

constexpr std::int64_t kNow = 1'700'000'000;

Sentences sentences(const Ledger& ledger) {
  Sentences out;
  for (const LedgerMismatch& mismatch : ledger.mismatches) out.push_back(mismatch.sentence);
  return out;
}

std::vector<counting::Hit> pageviews(std::size_t count) {
  counting::Hit hit;
  hit.at_s = kNow;
  hit.counts = true;
  return {count, hit};
}

class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    start();
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      ASSERT_TRUE(node_.change(std::string("add-") + name, node_.registry().plan_add(settings, 1).value()));
    }
  }
  void start(unsigned streams = 2) {
    const auto started = node_.start(streams);
    ASSERT_TRUE(started) << to_string(started.error());
  }
  void hit(unsigned stream, const std::string& site, std::size_t count = 1, bool bot = false) {
    ASSERT_TRUE(node_.hit(stream, std::vector<Ping>(count, Ping{site, "/a", 1, node_.now_s(), "", bot})));
  }
  // Makes one, and answers what it found.
  Ledger checkpoint() {
    const auto done = node_.checkpoint();
    EXPECT_TRUE(done) << to_string(done.error());
    return node_.checkpointer().stats().ledger;
  }
  // What a start would find.
  Ledger recovered() {
    const auto state = recover(node_.directory(), node_.limits);
    EXPECT_TRUE(state) << to_string(state.error());
    return check_ledger(*state);
  }

  testing::TemporaryDirectory temporary_;
  base::ManualClock clock_{kNow * 1000};
  Node node_{temporary_.file("data"), clock_};
};

TEST_F(LedgerTest, ItBalancesOverCheckpointsResetsRestartsAndFewerShards) {
  hit(0, "a.vn", 3);
  hit(1, "b.vn", 2, true);
  EXPECT_EQ(sentences(checkpoint()), Sentences{});
  ASSERT_TRUE(node_.change("reset", node_.registry().plan_reset("a.vn", 7, kNow).value()));
  hit(1, "a.vn", 4);
  Ledger ledger = checkpoint();
  EXPECT_EQ(sentences(ledger), Sentences{});
  EXPECT_EQ(ledger.stream_hits, 9U);
  EXPECT_EQ(ledger.site_hits, 9U);
  EXPECT_EQ(node_.checkpointer().stats().ledger_checks, 2U);
  node_.crash();
  start(1);
  hit(0, "b.vn");
  ledger = recovered();
  EXPECT_EQ(sentences(ledger), Sentences{});
  EXPECT_EQ(ledger.stream_hits, 10U);
  EXPECT_EQ(ledger.by(), 0U);
  for (int i = 0; i < 3; ++i) {  // the other shard's segments go
    hit(0, "b.vn");
    ledger = checkpoint();
  }
  EXPECT_EQ(sentences(ledger), Sentences{});
  EXPECT_EQ(sentences(recovered()), Sentences{});
}

TEST_F(LedgerTest, ABlockThatWasGivenUpIsInNeitherCount) {
  testing::FailingFileSystem failing(base::posix_file_system());
  node_.crash();
  node_.files = &failing;
  node_.ack_after_sync = true;
  start();
  hit(0, "a.vn", 2);
  ASSERT_TRUE(node_.commit(0));
  hit(0, "a.vn", 5);
  failing.left = 0;
  ASSERT_FALSE(node_.commit(0));
  failing.left.reset();
  ASSERT_TRUE(node_.reopen(0));
  hit(0, "a.vn", 3);
  const Ledger ledger = checkpoint();
  EXPECT_EQ(sentences(ledger), Sentences{});
  EXPECT_EQ(ledger.site_hits, 5U);
  node_.crash();
  start();
  EXPECT_EQ(sentences(recovered()), Sentences{});
}

TEST_F(LedgerTest, ASiteWhoseNumbersAreAtTheirEndIsFoundWhileItIsThere) {
  using Names = std::set<std::string>;
  const auto seed = [&](const char* id) {
    const auto plan = node_.registry().plan_seed_amount("a.vn", std::nullopt, INT64_MAX, kNow);
    ASSERT_TRUE(plan) << to_string(plan.error());
    ASSERT_TRUE(node_.change(id, *plan));
  };
  seed("first");
  ASSERT_TRUE(node_.change("reset", node_.registry().plan_reset("a.vn", 7, kNow).value()));
  seed("second");
  ASSERT_TRUE(node_.change("back", node_.registry().plan_undo("reset", kNow).value()));
  EXPECT_EQ(checkpoint().saturated, Names{}) << "2^64 - 2";
  hit(0, "a.vn");
  EXPECT_EQ(checkpoint().saturated, Names{"a.vn"});
  hit(0, "a.vn", 3);
  hit(1, "b.vn");
  EXPECT_EQ(checkpoint().saturated, Names{"a.vn"});
  EXPECT_EQ(recovered().saturated, Names{"a.vn"});
  ASSERT_TRUE(node_.change("gone", node_.registry().plan_remove("a.vn").value()));
  EXPECT_EQ(checkpoint().saturated, Names{}) << "nobody sees its number";
  ASSERT_TRUE(node_.change("there", node_.registry().plan_undo("gone", kNow).value()));
  ASSERT_TRUE(node_.change("less", node_.registry().plan_undo("first", kNow).value()));
  const Ledger ledger = checkpoint();
  EXPECT_EQ(ledger.saturated, Names{});
  EXPECT_EQ(sentences(ledger), Sentences{});
}

TEST_F(LedgerTest, ARestoredDirectoryBalancesToo) {
  hit(0, "a.vn", 3);
  const std::string file = temporary_.file("backup");
  ASSERT_TRUE(node_.checkpointer().backup(file));
  ASSERT_TRUE(restore_backup(testing::unsynced_files(), file, temporary_.file("restored"), node_.limits));
  Node restored(temporary_.file("restored"), clock_);
  ASSERT_TRUE(restored.start(2));
  ASSERT_TRUE(restored.hit(0, {Ping{"a.vn", "/b", 2, kNow, "", false}}));
  ASSERT_TRUE(restored.checkpoint());
  const Ledger ledger = restored.checkpointer().stats().ledger;
  EXPECT_EQ(sentences(ledger), Sentences{});
  EXPECT_EQ(ledger.stream_hits, 4U);
}

// --- each comparison fails ---

TEST_F(LedgerTest, AShardThatAppliedAnotherNumberThanItsSegmentsHoldIsNamed) {
  hit(0, "a.vn", 3);
  hit(1, "a.vn", 2);
  node_.applied_hits[1] += 1;
  Ledger ledger = checkpoint();
  EXPECT_EQ(sentences(ledger), Sentences{"stream hits-001: a replay finds hits 2, its shard has applied 3"});
  EXPECT_EQ(ledger.by(), 1U);
  // It stays known after a checkpoint that balances.
  node_.applied_hits[1] -= 1;
  hit(0, "a.vn");
  ledger = checkpoint();
  EXPECT_EQ(sentences(ledger).size(), 1U);
  EXPECT_EQ(ledger.site_hits, 6U);
}

TEST_F(LedgerTest, AReplayThatEndsElsewhereThanTheShardDidIsNamed) {
  hit(0, "a.vn");
  const auto state = recover(node_.directory(), node_.limits);
  ASSERT_TRUE(state);
  const std::uint64_t end = state->positions.at(journal::StreamId{1}).sequence;
  const ClosedStreams closed{{journal::StreamId{1}, {1, ClosedStream::Applied{end + 8, 1}}}};
  EXPECT_EQ(sentences(check_ledger(*state, closed)),
            Sentences{"stream hits-000: a replay ends with block " + std::to_string(end) +
                      ", its shard closed it with block " + std::to_string(end + 8)});
}

TEST_F(LedgerTest, ABlockWhoseHeaderCountsAnotherNumberThanItHoldsIsNamed) {
  hit(0, "a.vn");
  std::string payload;
  sites::encode_hits(payload, node_.registry().find("a.vn")->id(), {}, pageviews(2));
  ASSERT_TRUE(node_.append_raw(0, payload, node_.control_sequence()));  // says that there is none inside
  EXPECT_EQ(sentences(recovered()), (Sentences{"stream hits-000: its blocks say 1 hits, their records hold 3",
                                               "everything: hits in all streams 1, in all sites 3"}));
  node_.crash();
  const auto directory = DataDirectory::open_existing(base::posix_file_system(), temporary_.file("data"));
  EXPECT_EQ(verify(**directory, node_.limits, node_.now_s()).problems.size(), 2U);
}

TEST_F(LedgerTest, AHitThatNoStreamBroughtIsNoticedAtTheStartAndByEachCheckpointAfter) {
  hit(0, "a.vn", 3);
  checkpoint();
  auto state = load_checkpoint(node_.directory(), 1, node_.limits);
  ASSERT_TRUE(state);
  {
    sites::Site& site = *state->registry->find("b.vn");
    base::MutexLock lock(site.mutex());
    site.state().replay({}, pageviews(2));
  }
  ASSERT_TRUE(write_checkpoint(node_.directory(), 1, *state));
  node_.crash();
  start();
  EXPECT_EQ(sentences(recovered()), Sentences{"everything: hits in all streams 3, in all sites 5"});
  hit(0, "a.vn");
  EXPECT_EQ(sentences(checkpoint()), Sentences{"everything: hits in all streams 4, in all sites 6"});
}

// Each bit of a site's saved state, wherever what comes of it can be read: another number of hits, pageviews or bots is
// noticed, and nothing else is.
TEST_F(LedgerTest, ASiteWhoseOwnBooksDifferIsNamed) {
  hit(0, "a.vn", 3);
  hit(1, "a.vn", 2, true);
  auto state = recover(node_.directory(), node_.limits);
  ASSERT_TRUE(state);
  sites::Site& site = *state->registry->find("a.vn");
  std::string bytes;
  {
    base::MutexLock lock(site.mutex());
    base::ByteWriter out(bytes);
    site.state().save(out, kNow);
  }
  std::set<std::string> seen;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    counting::Books books;
    {
      base::MutexLock lock(site.mutex());
      base::ByteReader in(flipped);
      if (!site.state().load(in) || !in.at_end()) continue;
      books = site.state().books();
    }
    const Sentences found = sentences(check_ledger(*state));
    const bool same =
        books.hits == 5 && books.counted == 3 && books.in_days == 3 && books.bots == 2 && books.bots_in_days == 2;
    EXPECT_EQ(found.empty(), same) << "bit " << bit;
    for (const std::string& sentence : found) seen.insert(sentence.substr(0, sentence.find_first_of("0123456789")));
  }
  EXPECT_EQ(seen,
            (std::set<std::string>{"everything: hits in all streams ", "site a.vn: bots ", "site a.vn: counted "}));
}

}  // namespace
}  // namespace footfall::store
