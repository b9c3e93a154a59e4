// SPDX-License-Identifier: Apache-2.0
#include "store/nodes_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "node.h"
#include "sites/records.h"
#include "sites/slot.h"
#include "store/verify.h"
#include "support/rng_seed.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using base::Errc;
using counting::Learnt;
using testing::Node;
using testing::Ping;

constexpr std::int64_t kNow = 1'700'000'000;
constexpr counting::Day kToday = 19'675;

base::Incarnation node_id(unsigned number) {
  base::Incarnation out{};
  out.front() = static_cast<std::uint8_t>(number);
  return out;
}

class NodesStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    start();
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      ASSERT_TRUE(node_.change(std::string("add-") + name, node_.registry().plan_add(settings, 1).value()));
    }
  }
  void start() {
    const auto started = node_.start(2);
    ASSERT_TRUE(started) << to_string(started.error());
  }
  void restart() {
    node_.crash();
    start();
  }
  void hit(const std::string& path) {
    ASSERT_TRUE(node_.hit(0, {Ping{"a.vn", path, 1, node_.now_s(), "Firefox", false}}));
  }
  // What node `number` counted by now: so many hits on each of the last `days` days.
  SlotOfSite slot(unsigned number, std::uint64_t hits, counting::Day days = 1, const char* site = "a.vn",
                  counting::Epoch epoch = {}) {
    counting::SlotCounts counts;
    for (counting::Day day = kToday - days + 1; day <= kToday; ++day) {
      counts.days.push_back({.day = day, .hits = hits, .bots = 1});
      counts.counted += hits;
      counts.bots += 1;
    }
    return {node_.registry().find(site), {epoch, node_id(number), counting::make_slot(counts)}};
  }
  static SlotOfSite without_past(SlotOfSite slot) {
    slot.remote.slot.past = nullptr;
    return slot;
  }
  std::vector<Learnt> learn(const std::vector<SlotOfSite>& slots) {
    auto learnt = node_.learn(slots);
    EXPECT_TRUE(learnt) << to_string(learnt.error());
    return learnt ? *learnt : std::vector<Learnt>{};
  }
  std::string directory() const { return temporary_.file("data/journal/nodes"); }

  testing::TemporaryDirectory temporary_;
  base::ManualClock clock_{kNow * 1000};
  Node node_{temporary_.file("data"), clock_};
};

TEST_F(NodesStreamTest, ANodeThatLearnsNothingHasNoStream) {
  hit("/a");
  EXPECT_EQ(learn({}), std::vector<Learnt>{});
  ASSERT_TRUE(node_.checkpoint());
  restart();
  EXPECT_FALSE(node_.nodes().exists());
  EXPECT_FALSE(std::filesystem::exists(directory()));
  EXPECT_EQ(node_.moment().positions.count(journal::kNodesStream), 0U);
}

TEST_F(NodesStreamTest, WhatWasLearntIsThereAgain) {
  hit("/a");
  EXPECT_EQ(learn({slot(1, 10, 5), slot(2, 7), slot(1, 3, 1, "b.vn", {2, 9})}),
            (std::vector{Learnt::news, Learnt::news, Learnt::news}));
  EXPECT_EQ(learn({slot(1, 11, 5), slot(2, 7)}), (std::vector{Learnt::news, Learnt::known}));
  EXPECT_EQ(node_.summary("a.vn").counted, 1U + 55 + 7);
  EXPECT_EQ(node_.summary("a.vn").today.hits, 1U + 11 + 7);
  node_.tick();
  const std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
  EXPECT_EQ(node_.summary("a.vn").counted, 1U + 55 + 7);
  EXPECT_EQ(node_.summary("a.vn").counted_here, 1U);
  // It goes on, from a checkpoint too.
  EXPECT_EQ(learn({slot(1, 12, 5)}), std::vector{Learnt::news});
  ASSERT_TRUE(node_.checkpoint());
  EXPECT_EQ(learn({slot(2, 8)}), std::vector{Learnt::news});
  node_.tick();
  const std::string then = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), then);
  EXPECT_EQ(node_.summary("a.vn").counted, 1U + 60 + 8);
}

TEST_F(NodesStreamTest, ThePastIsWrittenOnlyWhenItChanged) {
  learn({slot(1, 10, 2000)});
  const std::uint64_t with_past = node_.nodes().bytes_written();
  SlotOfSite next = slot(1, 10, 2000);
  next.remote.slot.recent.back().hits += 5;
  next.remote.slot.counted += 5;
  EXPECT_EQ(learn({next}), std::vector{Learnt::news});
  EXPECT_LT(node_.nodes().bytes_written() - with_past, 200U);
  next.remote.slot.recent.back().hits += 5;
  next.remote.slot.counted += 5;
  EXPECT_EQ(learn({without_past(next)}), std::vector{Learnt::news});
  EXPECT_EQ(learn({without_past(slot(2, 10, 2000))}), std::vector{Learnt::past_missing});
  node_.tick();
  const std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
  sites::Site& site = *node_.registry().find("a.vn");
  const base::MutexLock lock(site.mutex());
  EXPECT_EQ(*site.state().learnt({}, node_id(1)), next.remote.slot);
}

TEST_F(NodesStreamTest, OneIncarnationTwiceInACallIsAsInTwo) {
  SlotOfSite older = slot(1, 10, 5);
  SlotOfSite newer = slot(1, 12, 9);
  EXPECT_EQ(learn({older, newer, without_past(newer), older}),
            (std::vector{Learnt::news, Learnt::news, Learnt::known, Learnt::known}));
  EXPECT_EQ(learn({slot(2, 10, 5), without_past(slot(2, 12, 9))}), (std::vector{Learnt::news, Learnt::past_missing}));
  const std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
}

TEST_F(NodesStreamTest, ItsOwnSlotIsNoNews) {
  SlotOfSite own = slot(1, 10);
  own.remote.incarnation = node_.directory().incarnation();
  EXPECT_EQ(learn({own}), std::vector{Learnt::known});
  EXPECT_FALSE(node_.nodes().exists());
}

TEST_F(NodesStreamTest, AnyOrderOfTheSlotsGivesTheSame) {
  std::mt19937_64 random(footfall::testing::rng_seed());
  std::vector<SlotOfSite> slots;
  for (std::uint64_t i = 1; i < 60; ++i)
    slots.push_back(slot(static_cast<unsigned>(i % 4), i, static_cast<counting::Day>(1 + i % 7)));
  for (const SlotOfSite& one : slots) learn({one});
  const std::string hash = node_.hash();
  Node other(temporary_.file("other"), clock_);
  other.limits = node_.limits;
  ASSERT_TRUE(other.start(2));
  for (const char* name : {"a.vn", "b.vn"}) {
    sites::Settings settings;
    settings.name = name;
    ASSERT_TRUE(other.change(std::string("add-") + name, other.registry().plan_add(settings, 1).value()));
  }
  std::shuffle(slots.begin(), slots.end(), random);
  for (SlotOfSite& one : slots) one.site = other.registry().find("a.vn");
  ASSERT_TRUE(other.learn(slots));
  EXPECT_EQ(other.hash(), hash);
}

TEST_F(NodesStreamTest, CheckpointsCloseAndRecycleIt) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    learn({slot(1, i)});
    hit("/a");
    ASSERT_TRUE(node_.checkpoint());
    clock_.advance_ms(1000);
  }
  EXPECT_EQ(node_.checkpointer().stats().ledger.mismatches.size(), 0U);
  unsigned segments = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory()))
    segments += journal::parse_segment_name(entry.path().filename().string()) ? 1U : 0U;
  EXPECT_LE(segments, 2U);
  node_.tick();
  const std::string live = node_.hash();
  restart();
  EXPECT_EQ(node_.hash(), live);
}

TEST_F(NodesStreamTest, AMomentReplaysAndTheDirectoryVerifies) {
  learn({slot(1, 10, 5)});
  ASSERT_TRUE(node_.checkpoint());
  learn({slot(1, 11, 5), slot(2, 1)});
  hit("/a");
  ASSERT_TRUE(node_.checkpoint());
  learn({slot(1, 12, 5)});
  const Moment live = node_.moment();
  EXPECT_EQ(live.positions.at(journal::kNodesStream), 3U);
  learn({slot(1, 13, 5)});
  node_.crash();
  const auto opened = DataDirectory::open_existing(base::posix_file_system(), temporary_.file("data"));
  ASSERT_TRUE(opened);
  for (const Moment* moment : {static_cast<const Moment*>(nullptr), &live}) {
    const VerifyReport report = verify(**opened, node_.limits, node_.now_s(), moment);
    EXPECT_EQ(report.problems, std::vector<std::string>{});
    if (moment != nullptr) {
      EXPECT_EQ(report.state.hash, live.hash);
    }
    EXPECT_EQ(report.streams.back().name, "nodes");
  }
}

// ---- errors

TEST_F(NodesStreamTest, WhatCannotBeWrittenIsNotApplied) {
  testing::FailingFileSystem files(testing::unsynced_files());
  node_.crash();
  node_.files = &files;
  start();
  for (const std::uint64_t left : {0U, 1U, 2U, 3U}) {
    files.left = left;
    const std::string before = node_.hash();
    const auto learnt = node_.learn({slot(1, 10 + left), slot(2, 10 + left)});
    files.left.reset();
    if (!learnt) {
      EXPECT_EQ(learnt.error().code, Errc::unavailable);
      EXPECT_EQ(node_.hash(), before);
      EXPECT_EQ(node_.nodes().mend(), node_.nodes().exists());
    }
    EXPECT_EQ(learn({slot(1, 20 + left), slot(2, 20 + left)}), (std::vector{Learnt::news, Learnt::news})) << left;
    EXPECT_EQ(node_.summary("a.vn").counted, 2 * (20 + left));
    node_.tick();
    const std::string live = node_.hash();
    restart();
    EXPECT_EQ(node_.hash(), live) << left;
  }
  node_.crash();
  node_.files = &testing::unsynced_files();
}

TEST_F(NodesStreamTest, EveryTornTailIsTheSlotsBeforeIt) {
  learn({slot(1, 1)});
  learn({slot(1, 2)});
  const std::string before = node_.hash();
  learn({slot(1, 3)});
  const std::string after = node_.hash();
  node_.crash();
  const std::string path = directory() + "/" + journal::segment_name(1);
  const std::string bytes = base::read_file(base::posix_file_system(), path, 1U << 20U).value();
  const std::uint32_t seed = journal::block_seed(journal::decode_segment_header(bytes).value().generation);
  std::size_t last = journal::kSegmentHeaderBytes;
  std::size_t end = last;
  for (auto block = journal::decode_block(std::string_view(bytes).substr(end), seed);
       block.state == journal::BlockState::good;
       block = journal::decode_block(std::string_view(bytes).substr(end), seed)) {
    last = end;
    end += block.size;
  }
  const std::filesystem::path data = temporary_.file("data");
  const std::filesystem::path whole = temporary_.file("whole");
  std::filesystem::copy(data, whole, std::filesystem::copy_options::recursive);
  for (std::size_t cut = last; cut <= end; ++cut) {
    std::filesystem::remove_all(data);
    std::filesystem::copy(whole, data, std::filesystem::copy_options::recursive);
    std::filesystem::resize_file(path, cut);
    start();
    EXPECT_EQ(node_.hash(), cut < end ? before : after) << cut;
    node_.crash();
    if (HasFailure()) break;
  }
}

TEST_F(NodesStreamTest, ARecordInAStreamWhereItDoesNotBelongIsCorruption) {
  std::string payload;
  sites::encode_remote_slot(payload, sites::SiteId{1}, slot(1, 5).remote);
  ASSERT_TRUE(node_.append_raw(0, payload, node_.control_sequence()));
  node_.crash();
  const auto started = node_.start(2);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::corrupt);
  EXPECT_NE(started.error().detail.find("does not belong"), std::string::npos);
}

class NodesRecordTest : public NodesStreamTest {
 protected:
  // Puts a block into the nodes stream as it is, and expects that a start refuses it.
  void expect_refused(const std::string& payload, const std::string& named) {
    learn({slot(1, 1)});
    const std::uint64_t control = node_.control_sequence();
    journal::WriterOptions options;
    options.directory = node_.directory().stream_directory(journal::kNodesStream);
    options.stream = journal::kNodesStream;
    options.incarnation = node_.directory().incarnation();
    const journal::Position last = node_.nodes().position();
    node_.crash();
    {
      auto writer = journal::Writer::open(testing::unsynced_files(), options, last);
      ASSERT_TRUE(writer);
      ASSERT_TRUE((*writer)->append(payload, 0, control));
    }
    const auto started = node_.start(2);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::corrupt);
    EXPECT_NE(started.error().detail.find(named), std::string::npos) << started.error().detail;
  }
};

TEST_F(NodesRecordTest, ASlotWhosePastIsNowhereIsCorruption) {
  std::string payload;
  sites::encode_remote_slot(payload, sites::SiteId{1}, without_past(slot(3, 5, 9)).remote);
  expect_refused(payload, "without its past");
}

TEST_F(NodesRecordTest, ASlotOfAnUnknownSiteIsCorruption) {
  std::string payload;
  sites::encode_remote_slot(payload, sites::SiteId{77}, slot(1, 5).remote);
  expect_refused(payload, "site id 77");
}

TEST_F(NodesRecordTest, AHitIsCorruption) {
  std::string payload;
  sites::encode_page(payload, sites::SiteId{1}, counting::kFirstPage, "/a");
  expect_refused(payload, "does not belong");
}

TEST_F(NodesRecordTest, AnObservationIsCorruption) {
  std::string payload;
  sites::encode_observation(payload, sites::SiteId{1}, {{}, kNow, 0, 5});
  expect_refused(payload, "does not belong");
}

}  // namespace
}  // namespace footfall::store
