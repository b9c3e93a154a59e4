// SPDX-License-Identifier: Apache-2.0
#include "store/own_slot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "node.h"
#include "sites/slot.h"
#include "store/backup.h"
#include "support/rng_seed.h"
#include "support/temporary_directory.h"

namespace footfall::store {
namespace {

using testing::Node;
using testing::Ping;

constexpr std::int64_t kNow = 1'700'000'000;

class OwnSlotTest : public ::testing::Test {
 protected:
  std::unique_ptr<Node> node(const std::string& name) {
    auto out = std::make_unique<Node>(file(name), clock_);
    out->takes_ticket = [] { return false; };
    return out;
  }
  void SetUp() override {
    node_ = node("data");
    ASSERT_TRUE(node_->start(2));
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      ASSERT_TRUE(node_->change(std::string("add-") + name, node_->registry().plan_add(settings, 1).value()));
    }
  }
  std::string file(const std::string& name) const { return temporary_.file(name); }
  void hit(Node& at, int times = 1, const char* site = "a.vn") {
    for (int i = 0; i < times; ++i) {
      ++hits_[site];
      ASSERT_TRUE(at.hit(static_cast<unsigned>(i % 2), {Ping{site, "/a", 1, at.now_s(), "", false}}));
    }
  }
  // As `cp -r` makes it, of a directory that may be in use.
  std::unique_ptr<Node> copy_of(const Node& of, const std::string& name) {
    std::filesystem::copy(of.directory().path(), file(name), std::filesystem::copy_options::recursive);
    return node(name);
  }
  static base::Incarnation slot_of(const Node& of) { return of.directory().slot(); }
  // Whether or not it still runs: what Redis has of it.
  void tell(Node& from, std::vector<std::pair<const char*, counting::RemoteSlot>>& all) {
    for (const char* site : {"a.vn", "b.vn"}) {
      sites::Site& of = *from.registry().find(site);
      for (auto& [epoch, slot] : sites::take_slots(of)) all.push_back({site, {epoch, slot_of(from), std::move(slot)}});
      const base::MutexLock lock(of.mutex());
      for (const counting::RemoteSlot& known : of.state().learnt()) all.push_back({site, known});
    }
  }
  // Each tells the others all that it knows, in any order; each then shows every hit once.
  void expect_each_hit_once(const std::vector<Node*>& nodes) {
    std::vector<std::pair<const char*, counting::RemoteSlot>> all;
    for (Node* from : nodes) tell(*from, all);
    std::shuffle(all.begin(), all.end(), random_);
    for (Node* to : nodes) {
      for (const auto& [site, slot] : all) ASSERT_TRUE(to->learn({{to->registry().find(site), slot}}));
      for (const auto& [site, hits] : hits_) {
        EXPECT_EQ(to->summary(site).counted, hits) << site;
        EXPECT_EQ(to->summary(site).today.hits, hits) << site;
      }
      to->tick();
      const std::string live = to->hash();
      const bool ledger_balances = to->checkpoint().has_value() && to->checkpointer().stats().ledger.mismatches.empty();
      EXPECT_TRUE(ledger_balances);
      EXPECT_EQ(to->hash(), live);
    }
  }
  std::string meta(const std::string& name) const {
    std::ifstream in(file(name) + "/META");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  testing::TemporaryDirectory temporary_;
  base::ManualClock clock_{kNow * 1000};
  std::mt19937_64 random_{footfall::testing::rng_seed()};
  std::unique_ptr<Node> node_;
  std::map<std::string, std::uint64_t> hits_;  // site -> acknowledged by any node
};

TEST_F(OwnSlotTest, ANewDirectoryHasItsIncarnation) {
  EXPECT_EQ(slot_of(*node_), node_->directory().incarnation());
  EXPECT_NE(meta("data").find("slot " + node_->directory().incarnation_text()), std::string::npos);
  EXPECT_FALSE(node_->nodes().exists());
}

TEST_F(OwnSlotTest, ADirectoryThatCountsForItselfHasNone) {
  Node alone(file("alone"), clock_);
  ASSERT_TRUE(alone.start(1));
  EXPECT_FALSE(alone.directory().among_nodes());
  EXPECT_EQ(meta("alone").find("slot "), std::string::npos);
  alone.crash();
  ASSERT_TRUE(alone.start(1));
  EXPECT_FALSE(alone.directory().among_nodes());
}

TEST_F(OwnSlotTest, AStartAfterACrashHasAnother) {
  hit(*node_, 5);
  const base::Incarnation first = slot_of(*node_);
  node_->crash();
  ASSERT_TRUE(node_->start(2));
  EXPECT_NE(slot_of(*node_), first);
  EXPECT_TRUE(sites::take_slots(*node_->registry().find("a.vn")).empty());
  EXPECT_EQ(node_->summary("a.vn").counted, 5U);
  EXPECT_EQ(node_->summary("a.vn").counted_here, 5U);
  hit(*node_, 2);
  EXPECT_EQ(sites::take_slots(*node_->registry().find("a.vn")).front().second.counted, 2U);
  const base::Incarnation second = slot_of(*node_);
  node_->crash();
  ASSERT_TRUE(node_->start(2));
  expect_each_hit_once({node_.get()});
  sites::Site& site = *node_->registry().find("a.vn");
  const base::MutexLock lock(site.mutex());
  EXPECT_EQ(site.state().learnt({}, first)->counted, 5U);
  EXPECT_EQ(site.state().learnt({}, second)->counted, 2U);
}

TEST_F(OwnSlotTest, OneStartGoesOnWithTheTicketOfTheStop) {
  hit(*node_, 5);
  const base::Incarnation slot = slot_of(*node_);
  const auto ticket = node_->stop();
  ASSERT_TRUE(ticket);
  EXPECT_NE(meta("data").find("ticket " + base::to_text(*ticket)), std::string::npos);
  std::filesystem::copy(file("data"), file("copy"), std::filesystem::copy_options::recursive);
  node_->takes_ticket = [] { return true; };
  ASSERT_TRUE(node_->start(2));
  EXPECT_EQ(slot_of(*node_), slot);
  EXPECT_EQ(meta("data").find("ticket"), std::string::npos);
  const auto copy = node("copy");
  ASSERT_TRUE(copy->start(2));
  EXPECT_NE(slot_of(*copy), slot);
  EXPECT_EQ(meta("copy").find("ticket"), std::string::npos) << "it is tried once";
  hit(*node_, 3);
  hit(*copy, 4);
  hit(*copy, 1, "b.vn");
  EXPECT_EQ(sites::take_slots(*node_->registry().find("a.vn")).front().second.counted, 8U);
  expect_each_hit_once({node_.get(), copy.get()});
}

TEST_F(OwnSlotTest, ACopyOfADirectoryInUseTakesNothingAwayAndAddsNothing) {
  hit(*node_, 5);
  ASSERT_TRUE(node_->checkpoint());
  hit(*node_, 3);
  const auto copy = copy_of(*node_, "copy");
  hit(*node_, 7);
  ASSERT_TRUE(copy->start(2));
  hit(*copy, 11);
  // A copy of the copy, and each is started again, before any has told anything.
  const auto second = copy_of(*copy, "second");
  hit(*copy, 2, "b.vn");
  copy->crash();
  ASSERT_TRUE(second->start(2));
  hit(*second, 13);
  ASSERT_TRUE(copy->start(2));
  hit(*copy, 1);
  node_->crash();
  ASSERT_TRUE(node_->start(2));
  hit(*node_, 17);
  expect_each_hit_once({node_.get(), copy.get(), second.get()});
}

TEST_F(OwnSlotTest, WhatWasToldBeforeItWasPutBackStays) {
  hit(*node_, 5);
  const auto earlier = copy_of(*node_, "earlier");
  hit(*node_, 7);
  std::vector<std::pair<const char*, counting::RemoteSlot>> told;
  tell(*node_, told);
  node_->crash();
  ASSERT_TRUE(earlier->start(2));
  hit(*earlier, 2);
  for (const auto& [site, slot] : told) ASSERT_TRUE(earlier->learn({{earlier->registry().find(site), slot}}));
  hit(*earlier, 2);
  expect_each_hit_once({earlier.get()});
}

TEST_F(OwnSlotTest, ABackupIsInheritedUnderTheSlotThatItWasMadeUnder) {
  hit(*node_, 5);
  node_->crash();
  ASSERT_TRUE(node_->start(2));
  hit(*node_, 3);
  ASSERT_TRUE(node_->checkpointer().backup(file("b")));
  hit(*node_, 2);
  ASSERT_TRUE(restore_backup(testing::unsynced_files(), file("b"), file("restored"), node_->limits));
  EXPECT_NE(meta("restored").find("restored-from " + base::to_text(slot_of(*node_))), std::string::npos);
  const auto restored = node("restored");
  ASSERT_TRUE(restored->start(2));
  hit(*restored, 4);
  expect_each_hit_once({node_.get(), restored.get()});
}

// ---- errors

TEST_F(OwnSlotTest, ABeginThatFailedIsMadeAgain) {
  hit(*node_, 5);
  hit(*node_, 2, "b.vn");
  node_->crash();
  for (std::uint64_t left = 0; left < 40; ++left) {
    testing::FailingFileSystem files(testing::unsynced_files());
    auto directory = DataDirectory::open(files, file("data"));
    ASSERT_TRUE(directory);
    auto state = recover(**directory, node_->limits);
    ASSERT_TRUE(state);
    journal::WriterOptions options;
    options.directory = (*directory)->stream_directory(journal::kNodesStream);
    options.stream = journal::kNodesStream;
    options.incarnation = (*directory)->incarnation();
    options.segment_bytes = 32U << 10U;
    auto nodes = NodesStream::open(files, options, state->positions);
    ASSERT_TRUE(nodes);
    const OwnSlot slot = slot_of_start(**directory, false);
    const auto begin = [&] {
      return begin_slot(**directory, **nodes, state->registry->all_sites(),
                        state->positions[journal::kControlStream].sequence, slot);
    };
    files.left = left;
    const bool at_once = begin().has_value();
    if (!at_once && left % 2 == 0) {
      files.left.reset();
      (*nodes)->mend();
      ASSERT_TRUE(begin()) << left;
    }
    for (const auto& [name, hits] : hits_) {
      sites::Site& site = *state->registry->find(name);
      const base::MutexLock lock(site.mutex());
      EXPECT_EQ(site.state().summary(kNow, counting::calendar_of(19'675)).counted, hits) << left;
    }
  }
  ASSERT_TRUE(node_->start(2));
  expect_each_hit_once({node_.get()});
}

}  // namespace
}  // namespace footfall::store
