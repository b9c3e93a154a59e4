// SPDX-License-Identifier: Apache-2.0
#include "store/recovery.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "node.h"
#include "sites/records.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using base::Errc;
using testing::Node;
using testing::Ping;

constexpr std::int64_t kNow = 1'700'000'000;
constexpr journal::StreamId kHits0{1};

class RecoveryTest : public ::testing::Test {
 protected:
  void SetUp() override { start(2); }
  void start(unsigned streams) {
    const auto started = node_.start(streams);
    ASSERT_TRUE(started) << to_string(started.error());
  }
  void restart(unsigned streams = 2) {
    node_.crash();
    start(streams);
  }
  void add(const std::string& name) {
    sites::Settings settings;
    settings.name = name;
    ASSERT_TRUE(node_.change("add-" + name, node_.registry().plan_add(settings, 1).value()));
  }
  void hit(unsigned stream, const std::string& path, std::uint64_t visitor = 1) {
    ASSERT_TRUE(node_.hit(stream, {Ping{"a.vn", path, visitor, node_.now_s(), "Firefox", false}}));
  }
  // Fails to start with this code, and a text that names the place.
  void expect_refused(Errc code, const std::string& named) {
    node_.crash();
    const auto started = node_.start(2);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, code);
    EXPECT_NE(started.error().detail.find(named), std::string::npos) << started.error().detail;
  }
  std::string file(const std::string& name) const { return temporary_.file("data/" + name); }
  void damage(const std::string& path) {
    std::fstream f(path, std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(60);
    f.put('\x7e');
    ASSERT_TRUE(f.good());
  }
  // Flips a bit of the stream's block that bears the n-th hit (of the control stream: of the n-th block): in its
  // payload, or in its header.
  void damage_block(journal::StreamId stream, std::uint64_t segment, int n, bool header = false) {
    const std::string path = file("journal/" + journal::directory_name(stream) + "/" + journal::segment_name(segment));
    std::string bytes = base::read_file(base::posix_file_system(), path, 1U << 20U).value();
    const std::uint32_t seed = journal::block_seed(journal::decode_segment_header(bytes).value().generation);
    for (std::size_t at = journal::kSegmentHeaderBytes;;) {
      const auto block = journal::decode_block(std::string_view(bytes).substr(at), seed);
      ASSERT_EQ(block.state, journal::BlockState::good) << "no such block";
      if ((stream == journal::kControlStream || block.header.count > 0) && --n == 0) {
        char& byte = bytes[header ? at + journal::kSequenceAt : at + journal::kBlockHeaderBytes];
        byte = static_cast<char>(byte ^ 1);
        break;
      }
      at += block.size;
    }
    std::ofstream(path, std::ios::binary) << bytes;
  }
  void start_accepting(unsigned streams = 2) {
    node_.accept_loss = true;
    start(streams);
    node_.accept_loss = false;
  }
  bool kept(const std::string& name) const { return std::filesystem::exists(file("journal/damaged/" + name)); }
  void write_raw(unsigned stream, const std::string& payload) {
    ASSERT_TRUE(node_.append_raw(stream, payload, node_.control_sequence()));
  }

  testing::TemporaryDirectory temporary_;
  base::ManualClock clock_{kNow * 1000};
  Node node_{temporary_.file("data"), clock_};
};

TEST_F(RecoveryTest, AFreshDirectoryHoldsNothing) {
  EXPECT_EQ(node_.recovered().checkpoint, 0U);
  EXPECT_EQ(node_.recovered().newest_s, 0);
  EXPECT_TRUE(node_.registry().entries().empty());
}

TEST_F(RecoveryTest, WhatWasAppliedIsThereAgain) {
  add("a.vn");
  hit(0, "/a", 1);
  hit(1, "/a", 2);
  hit(1, "/b", 2);
  ASSERT_TRUE(node_.change("s", node_.registry().plan_seed_amount("a.vn", "/c", 100, kNow).value()));
  node_.tick();
  const std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
  EXPECT_EQ(node_.summary("a.vn").counted, 3U);
  EXPECT_EQ(node_.summary("a.vn").online, 2U);
  EXPECT_EQ(node_.recovered().replayed_hits, 3U);
  EXPECT_EQ(node_.recovered().newest_s, kNow);
}

TEST_F(RecoveryTest, StreamsOfShardsThatAreGoneAreReadToo) {
  add("a.vn");
  hit(0, "/a");
  hit(1, "/b");
  restart(1);
  hit(0, "/c");
  EXPECT_EQ(node_.summary("a.vn").counted, 3U);
  restart(2);
  hit(1, "/d");
  restart(2);
  EXPECT_EQ(node_.summary("a.vn").counted, 4U);
}

TEST_F(RecoveryTest, ACheckpointSparesTheReplay) {
  add("a.vn");
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/a");
  restart();
  EXPECT_EQ(node_.recovered().checkpoint, 1U);
  EXPECT_EQ(node_.recovered().replayed_hits, 1U);
  EXPECT_EQ(node_.summary("a.vn").counted, 2U);
}

TEST_F(RecoveryTest, ADamagedCheckpointIsPassedOverWithAWarning) {
  add("a.vn");
  for (int i = 0; i < 3; ++i) {
    hit(0, "/a");
    ASSERT_TRUE(node_.checkpoint());
  }
  hit(1, "/b");
  const std::string live = node_.hash();
  damage(file("checkpoint/3.ckpt"));
  restart();
  EXPECT_EQ(node_.recovered().checkpoint, 2U);
  ASSERT_EQ(node_.recovered().warnings.size(), 1U);
  EXPECT_NE(node_.recovered().warnings[0].find("3.ckpt"), std::string::npos);
  EXPECT_EQ(node_.hash(), live);
  ASSERT_TRUE(node_.checkpoint()) << "and the damaged one is made anew";
  restart();
  EXPECT_EQ(node_.recovered().checkpoint, 3U);
  EXPECT_EQ(node_.hash(), live);
}

TEST_F(RecoveryTest, WhileOnlyOneCheckpointWasMadeTheJournalIsWhole) {
  add("a.vn");
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  const std::string live = node_.hash();
  damage(file("checkpoint/1.ckpt"));
  restart();
  EXPECT_EQ(node_.recovered().checkpoint, 0U);
  EXPECT_EQ(node_.hash(), live);
}

TEST_F(RecoveryTest, ALeftoverOfAnUnfinishedCheckpointIsIgnored) {
  add("a.vn");
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  std::ofstream(file("checkpoint/2.ckpt.tmp")) << "half";
  restart();
  EXPECT_EQ(node_.recovered().checkpoint, 1U);
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  EXPECT_FALSE(std::filesystem::exists(file("checkpoint/2.ckpt.tmp")));
}

TEST_F(RecoveryTest, ATornTailIsCutAndSaid) {
  add("a.vn");
  hit(0, "/a");
  hit(0, "/b");
  const std::string segment = node_.segment_path(0, 1);
  node_.crash();
  std::string bytes = base::read_file(base::posix_file_system(), segment, 1U << 20U).value();
  const std::size_t end = bytes.find_last_not_of('\0');
  bytes[end] = static_cast<char>(bytes[end] ^ 1);
  std::ofstream(segment, std::ios::binary) << bytes;
  start(2);
  EXPECT_EQ(node_.summary("a.vn").counted, 1U);
  EXPECT_GT(node_.recovered().torn_bytes, 0U);
  EXPECT_EQ(node_.recovered().warnings.size(), 1U);
}

TEST_F(RecoveryTest, APagesSeedAndTheStreamsAgreeOnItsId) {
  add("a.vn");
  hit(0, "/a");
  // Reserved, then hit by a stream before the change is written, and after.
  const auto seed = node_.registry().plan_seed_amount("a.vn", "/seeded", 10, kNow).value();
  hit(1, "/seeded");
  hit(0, "/b");
  ASSERT_TRUE(node_.change("s", seed));
  hit(0, "/seeded");
  const std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
  sites::Site& site = *node_.registry().find("a.vn");
  base::MutexLock lock(site.mutex());
  EXPECT_EQ(site.state().page_path(seed.page_id), "/seeded");
}

TEST_F(RecoveryTest, AnImportsMarkIsKept) {
  add("a.vn");
  ASSERT_TRUE(node_.change("i", sites::ImportBegun{sites::SiteId{1}, "log", 5, 6}));
  sites::BatchClaim claim;
  claim.claim_part(node_.registry().imports(), sites::SiteId{1}, "log", 900, kNow + 7);
  ASSERT_TRUE(node_.hit(0, {Ping{"a.vn", "/a", 1, kNow, "", false}}, std::move(claim)));
  restart();
  EXPECT_EQ(node_.registry().imports().find(sites::SiteId{1}, "log"), (sites::Import{5, 6, true, 900, kNow + 7}));
}

TEST_F(RecoveryTest, ABatchKeyIsKeptWithItsAnswerThroughJournalAndCheckpointUntilItExpires) {
  using State = sites::BatchKeys::State;
  const std::vector<Ping> pings{Ping{"a.vn", "/a", 1, kNow, "", false}};
  add("a.vn");
  ASSERT_TRUE(node_.hit(0, pings, node_.claim("one", 1, "said of one")));
  ASSERT_TRUE(node_.hit(1, pings, node_.claim("two", 2, "said of two")));
  const auto expect_known = [&] {
    EXPECT_EQ(node_.claim("one", 1).key().key.answer, "said of one");
    EXPECT_EQ(node_.claim("one", 2).key().state, State::other_body);
    EXPECT_EQ(node_.claim("two", 2).key().key.answer, "said of two");
  };
  std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
  expect_known();
  ASSERT_TRUE(node_.checkpoint());
  restart(1);  // the second key came by a stream that nobody writes any more
  EXPECT_EQ(node_.recovered().replayed_blocks, 0U);
  expect_known();

  clock_.set_ms((kNow + sites::kBatchKeyTtl_s) * 1000);
  EXPECT_EQ(node_.claim("one", 3).key().state, State::claimed);
  ASSERT_TRUE(node_.hit(0, pings, node_.claim("one", 4, "said of another")));
  live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
  EXPECT_EQ(node_.claim("one", 4).key().key.answer, "said of another");
  EXPECT_EQ(node_.claim("two", 5).key().state, State::claimed);
}

TEST_F(RecoveryTest, ABatchKeyIsPartOfTheFingerprint) {
  add("a.vn");
  ASSERT_TRUE(node_.hit(0, {Ping{"a.vn", "/a", 1, kNow, "", false}}, node_.claim("one")));
  const std::string with = node_.hash();
  node_.registry().batch_keys().clear();
  EXPECT_NE(node_.hash(), with);
}

TEST_F(RecoveryTest, TheFingerprintTellsAnyDifference) {
  add("a.vn");
  const std::string before = node_.hash();
  EXPECT_EQ(before, node_.hash());
  EXPECT_EQ(before.size(), 32U);
  hit(0, "/a");
  const std::string after = node_.hash();
  EXPECT_NE(before, after);
  ASSERT_TRUE(node_.change("s", node_.registry().plan_seed_amount("a.vn", std::nullopt, 1, kNow).value()));
  EXPECT_NE(node_.hash(), after);
}

// --- errors ---

TEST_F(RecoveryTest, HitsOfAnUnknownSiteAreCorruption) {
  std::string payload;
  counting::Hit hit;
  hit.at_s = kNow;
  sites::encode_hits(payload, sites::SiteId{9}, {}, std::span(&hit, 1));
  write_raw(0, payload);
  expect_refused(Errc::corrupt, "site id 9");
}

TEST_F(RecoveryTest, AHitOfAPageOrALabelThatWasNeverDefinedIsCorruption) {
  add("a.vn");
  std::string payload;
  counting::Hit hit;
  hit.at_s = kNow;
  hit.page.value = 7;
  sites::encode_hits(payload, sites::SiteId{1}, {}, std::span(&hit, 1));
  write_raw(0, payload);
  expect_refused(Errc::corrupt, "page 7 of site id 1");
  std::filesystem::remove_all(file("journal/hits-000"));
  start(2);
  payload.clear();
  hit.page = counting::kUnknownPage;
  hit.labels[3].value = 8;
  sites::encode_hits(payload, sites::SiteId{1}, {}, std::span(&hit, 1));
  write_raw(0, payload);
  expect_refused(Errc::corrupt, "label 8 of site id 1");
}

TEST_F(RecoveryTest, ADefinitionThatContradictsIsCorruption) {
  add("a.vn");
  std::string payload;
  sites::encode_page(payload, sites::SiteId{1}, counting::PageId{5}, "/a");
  write_raw(0, payload);
  payload.clear();
  sites::encode_page(payload, sites::SiteId{1}, counting::PageId{5}, "/b");
  write_raw(1, payload);
  expect_refused(Errc::corrupt, "page 5 of site id 1 is defined twice");
}

TEST_F(RecoveryTest, ABatchKeyAmongChangesIsCorruption) {
  std::string payload;
  sites::encode_batch_key(payload, {node_.directory().incarnation_text() + "/one", {}, kNow, "{}"});
  ASSERT_TRUE(node_.control_writer().append(payload, 0, 0));
  expect_refused(Errc::corrupt, "a batch key stands in a stream where it does not belong");
}

TEST_F(RecoveryTest, AChangeAmongHitsIsCorruption) {
  std::string payload;
  sites::encode_change(payload, sites::Change{"c", kNow, "", "", sites::Undone{"x", 0, 0}});
  write_raw(0, payload);
  expect_refused(Errc::corrupt, "hits-000, block 1");
}

TEST_F(RecoveryTest, ARecordOfANewerReleaseIsSaid) {
  write_raw(0, std::string("\x63\x00", 2));
  expect_refused(Errc::newer_format, "type 99");
}

TEST_F(RecoveryTest, AControlStreamThatIsShorterThanHitsKnowIsCorruption) {
  add("a.vn");
  std::string payload;
  sites::encode_page(payload, sites::SiteId{1}, counting::PageId{5}, "/a");
  ASSERT_TRUE(node_.append_raw(0, payload, node_.control_sequence() + 1));
  expect_refused(Errc::corrupt, "journal/control ends at 1");
}

TEST_F(RecoveryTest, AStreamThatWentMissingIsCorruption) {
  add("a.vn");
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  std::filesystem::remove_all(file("journal/hits-000"));
  expect_refused(Errc::corrupt, "hits-000 is missing");
}

TEST_F(RecoveryTest, SegmentsThatWentMissingBehindACheckpointAreCorruption) {
  add("a.vn");
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/a");
  ASSERT_TRUE(node_.writer(0).sync());  // else it may be the tail of a power cut
  ASSERT_TRUE(node_.checkpoint());      // closes the second segment
  hit(0, "/a");
  std::filesystem::remove(file("checkpoint/2.ckpt"));
  std::filesystem::remove(node_.segment_path(0, 2));
  expect_refused(Errc::corrupt, "hits-000");
}

// --- losses that are accepted ---

TEST_F(RecoveryTest, ALossIsSaidInHitsAndIsAcceptedByAFlag) {
  add("a.vn");
  for (const char* path : {"/a", "/b", "/c"}) hit(0, path);
  hit(1, "/d");
  restart();  // from here on the first segment is durable
  hit(0, "/e");
  damage_block(kHits0, 1, 2);
  expect_refused(Errc::corrupt, "with 3 hits; restore a backup, or start with --accept-loss true");
  start_accepting();
  EXPECT_EQ(node_.summary("a.vn").counted, 2U) << "/a and /d";
  ASSERT_EQ(node_.recovered().lost.size(), 1U);
  EXPECT_EQ(node_.recovered().lost[0].stream, kHits0);
  EXPECT_EQ(node_.recovered().lost[0].loss.hits, 3U);
  EXPECT_EQ(node_.recovered().lost[0].loss.unreadable_blocks, 0U);
  EXPECT_TRUE(kept("hits-000-0000000001.seg"));
  EXPECT_TRUE(kept("hits-000-0000000002.seg"));

  const std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live) << "and the next start needs no flag";
  EXPECT_TRUE(node_.recovered().lost.empty());
  hit(0, "/f");
  hit(0, "/b");
  restart();
  EXPECT_EQ(node_.summary("a.vn").counted, 4U);
}

TEST_F(RecoveryTest, HitsInABlockWithoutAHeaderAreUnknown) {
  add("a.vn");
  hit(0, "/a");
  hit(0, "/b");
  restart();
  damage_block(kHits0, 1, 1, true);
  expect_refused(Errc::corrupt, "1 hits in the ");
  start_accepting();
  EXPECT_EQ(node_.summary("a.vn").counted, 0U);
  ASSERT_EQ(node_.recovered().lost.size(), 1U);
  EXPECT_EQ(node_.recovered().lost[0].loss.unreadable_blocks, 1U);
  EXPECT_EQ(node_.recovered().lost[0].loss.hits, 1U);
}

TEST_F(RecoveryTest, ASegmentThatIsCutWholeIsMovedAndItsNumberGivenAgain) {
  add("a.vn");
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/b");
  restart();
  damage(node_.segment_path(0, 2));  // its header
  expect_refused(Errc::corrupt, "0000000002.seg");
  start_accepting();
  EXPECT_EQ(node_.summary("a.vn").counted, 1U);
  EXPECT_TRUE(kept("hits-000-0000000002.seg"));
  for (int round = 0; round < 2; ++round) {
    hit(0, "/c");
    restart();
  }
  EXPECT_EQ(node_.summary("a.vn").counted, 3U);
  damage(node_.segment_path(0, 3));
  node_.crash();
  start_accepting();
  EXPECT_EQ(node_.summary("a.vn").counted, 1U);
  EXPECT_TRUE(kept("hits-000-0000000003.seg.2")) << "what was kept first stays";
}

TEST_F(RecoveryTest, AStreamThatNoShardWritesIsCutTooAndStaysSo) {
  add("a.vn");
  hit(0, "/a");
  hit(1, "/b");
  hit(1, "/c");
  restart(2);
  node_.crash();
  damage_block(journal::StreamId{2}, 1, 2);
  start_accepting(1);
  EXPECT_EQ(node_.summary("a.vn").counted, 2U);
  restart(1);
  EXPECT_EQ(node_.summary("a.vn").counted, 2U);
  restart(2);
  hit(1, "/d");
  restart(2);
  EXPECT_EQ(node_.summary("a.vn").counted, 3U);
}

TEST_F(RecoveryTest, WhatWasCountedUnderALostChangeGoesWithIt) {
  add("a.vn");
  hit(0, "/a");
  add("b.vn");
  hit(0, "/a");
  ASSERT_TRUE(node_.hit(1, {Ping{"b.vn", "/b", 1, kNow, "", false}}));
  restart();
  damage_block(journal::kControlStream, 1, 2);
  expect_refused(Errc::corrupt, "changes of sites");
  start_accepting();
  EXPECT_EQ(node_.registry().entries().size(), 1U);
  EXPECT_EQ(node_.summary("a.vn").counted, 1U);
  EXPECT_EQ(node_.recovered().lost.size(), 3U);
  restart();
  add("c.vn");
  ASSERT_TRUE(node_.hit(1, {Ping{"c.vn", "/c", 1, kNow, "", false}}));
  const std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
  EXPECT_EQ(node_.summary("c.vn").counted, 1U);
}

TEST_F(RecoveryTest, AStreamThatWentMissingIsAcceptedToo) {
  add("a.vn");
  hit(0, "/a");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/b");
  node_.crash();
  std::filesystem::remove_all(file("journal/hits-000"));
  start_accepting();
  EXPECT_EQ(node_.summary("a.vn").counted, 1U);
  hit(0, "/c");
  restart();
  EXPECT_EQ(node_.summary("a.vn").counted, 2U);
}

TEST_F(RecoveryTest, ACheckpointBeyondTheCutStillWins) {
  add("a.vn");
  hit(0, "/a");
  hit(0, "/b");
  restart();
  damage_block(kHits0, 1, 2);
  node_.crash();
  start_accepting();
  hit(0, "/c");
  ASSERT_TRUE(node_.checkpoint());
  hit(0, "/d");
  restart();
  EXPECT_EQ(node_.recovered().checkpoint, 1U);
  EXPECT_EQ(node_.summary("a.vn").counted, 3U);
  // Damage to what a checkpoint covers is none.
  damage_block(kHits0, 1, 1);
  const std::string live = node_.hash();
  node_.crash();
  start_accepting();
  EXPECT_EQ(node_.hash(), live);
  EXPECT_TRUE(node_.recovered().lost.empty());
}

TEST_F(RecoveryTest, ProgressIsToldUntilAllIsRead) {
  add("a.vn");
  hit(0, "/a");
  hit(1, "/b");
  node_.tick();
  RecoveryProgress progress;
  StartOptions options;
  options.progress = &progress;
  ASSERT_TRUE(recover(node_.directory(), node_.limits, options));
  EXPECT_EQ(progress.streams, 3U);
  EXPECT_EQ(progress.stream, 3U);
  EXPECT_EQ(progress.hits, 2U);
  EXPECT_GT(progress.bytes, 3 * journal::kSegmentHeaderBytes);
  EXPECT_EQ(progress.bytes_read, progress.bytes);
}

TEST_F(RecoveryTest, WhenNoCheckpointCanBeReadItSaysSo) {
  add("a.vn");
  for (int i = 0; i < 3; ++i) {
    hit(0, "/a");
    ASSERT_TRUE(node_.checkpoint());
  }
  damage(file("checkpoint/2.ckpt"));
  damage(file("checkpoint/3.ckpt"));
  expect_refused(Errc::corrupt, "backup");
}

}  // namespace
}  // namespace footfall::store
