// SPDX-License-Identifier: Apache-2.0
#include "sites/decide.h"

#include <gtest/gtest.h>

#include <map>

#include "base/hash.h"

namespace footfall::sites {
namespace {

using counting::Dimension;
using counting::Hit;

constexpr std::int64_t kNow = 1'700'000'000;

// Reads a payload: definitions by id, and hits only with what was defined before.
class Reader final : public RecordVisitor {
 public:
  base::Result<void> hits(SiteId, const counting::Epoch& epoch, std::span<const Hit> hits) override {
    ++records;
    for (const Hit& hit : hits) {
      seen.push_back(hit);
      EXPECT_TRUE(hit.page < counting::kFirstPage || pages.contains(hit.page.value));
      for (const auto label : hit.labels) {
        EXPECT_TRUE(label < counting::kFirstLabel || labels.contains(label.value));
      }
    }
    last_epoch = epoch;
    return {};
  }
  base::Result<void> page(SiteId, counting::PageId page, std::string_view path) override {
    EXPECT_TRUE(pages.emplace(page.value, path).second) << "defined twice";
    return {};
  }
  base::Result<void> label(SiteId, counting::LabelId label, std::string_view text) override {
    EXPECT_TRUE(labels.emplace(label.value, text).second) << "defined twice";
    return {};
  }
  base::Result<void> observation(SiteId, const counting::Observation&) override { return {}; }
  base::Result<void> change(const Change&) override { return {}; }
  base::Result<void> progress(SiteId, std::string_view, std::uint64_t, std::int64_t, std::string_view) override {
    return {};
  }
  base::Result<void> batch_key(BatchKey) override { return {}; }
  base::Result<void> remote_slot(SiteId, const counting::RemoteSlot&) override { return {}; }
  base::Result<void> inherited(SiteId, const counting::RemoteSlot&) override { return {}; }

  std::map<std::uint32_t, std::string> pages, labels;
  std::vector<Hit> seen;
  counting::Epoch last_epoch;
  int records = 0;
};

class DecideTest : public ::testing::Test {
 protected:
  Candidate& ping(std::string_view path, std::uint64_t visitor) {
    Candidate& c = *candidates_.emplace_back(std::make_unique<Candidate>());
    c.site = &site_;
    c.at_s = kNow;
    c.visitor.value = visitor;
    c.counts = c.touches_presence = c.adds_visitor = true;
    c.path = text(path);
    return c;
  }
  static Text text(std::string_view t) { return Text{t, base::table_hash(t)}; }

  Group& pass(unsigned stream = 0, std::size_t online_pairs_left = SIZE_MAX) {
    std::vector<const Candidate*> all;
    for (const auto& c : candidates_) all.push_back(c.get());
    payload_.clear();
    decide(site_, all, stream, payload_, group_, online_pairs_left);
    candidates_.clear();
    return group_;
  }
  Reader read() {
    Reader reader;
    EXPECT_TRUE(decode_payload(payload_, reader));
    return reader;
  }
  std::uint64_t counted() {
    base::MutexLock lock(site_.mutex());
    return site_.state().summary(kNow, counting::calendar_of(0)).counted;
  }

  Site site_{SiteId{4}, counting::Limits{}, 300};
  std::vector<std::unique_ptr<Candidate>> candidates_;
  std::string payload_;
  Group group_;
};

TEST_F(DecideTest, NothingIsSeenBeforeItIsApplied) {
  ping("/a", 1);
  ping("/b", 2);
  pass();
  EXPECT_EQ(counted(), 0U);
  apply(group_);
  EXPECT_EQ(counted(), 2U);
}

TEST_F(DecideTest, TheJournalHoldsWhatWasDecidedWithItsDefinitionsFirst) {
  Candidate& c = ping("/a", 1);
  c.labels[static_cast<std::size_t>(Dimension::browser)] = text("Firefox");
  c.labels[static_cast<std::size_t>(Dimension::system)] = text("Linux");
  ping("/a", 2).labels[static_cast<std::size_t>(Dimension::browser)] = text("Firefox");
  pass();
  const Reader reader = read();
  EXPECT_EQ(reader.pages.size(), 1U);
  EXPECT_EQ(reader.labels.size(), 2U);
  ASSERT_EQ(reader.seen.size(), 2U);
  EXPECT_EQ(reader.pages.at(reader.seen[0].page.value), "/a");
  EXPECT_EQ(reader.labels.at(reader.seen[1].labels[static_cast<std::size_t>(Dimension::browser)].value), "Firefox");
  EXPECT_EQ(reader.seen[0].visitor, group_.hits[0].visitor);
}

TEST_F(DecideTest, AStreamDefinesOnceAndEachStreamForItself) {
  ping("/a", 1);
  pass(0);
  EXPECT_EQ(read().pages.size(), 1U);
  ping("/a", 1);
  pass(1);
  EXPECT_EQ(read().pages.size(), 1U);
  ping("/a", 1);
  std::vector<const Candidate*> all{candidates_[0].get()};
  payload_.clear();
  decide(site_, all, 0, payload_, group_);
  EXPECT_EQ(payload_.find("/a"), std::string::npos);
}

TEST_F(DecideTest, WhatWasNotWrittenIsDefinedAgain) {
  ping("/a", 1);
  pass(0);
  {
    base::MutexLock lock(site_.mutex());
    site_.clear_definitions(0);
  }
  ping("/a", 1);
  pass(0);
  EXPECT_EQ(read().pages.size(), 1U);
}

TEST_F(DecideTest, AHitWithoutAPathIsOfTheUnknownPage) {
  ping("", 1);
  pass();
  const Reader reader = read();
  EXPECT_TRUE(reader.pages.empty());
  EXPECT_EQ(reader.seen[0].page, counting::kUnknownPage);
}

TEST_F(DecideTest, WhereTheOffsetChangesANewRecordBegins) {
  ping("/a", 1).utc_offset_s = 3600;
  ping("/b", 2).utc_offset_s = 3600;
  ping("/c", 3).utc_offset_s = 7200;
  pass();
  const Reader reader = read();
  EXPECT_EQ(reader.records, 2);
  EXPECT_EQ(reader.seen[2].utc_offset_s, 7200);
}

TEST_F(DecideTest, PastThePairsThatAreLeftPresenceIsNotTouchedButTheHitCounts) {
  for (std::uint64_t visitor = 1; visitor <= 5; ++visitor) ping("/a", visitor);
  pass(0, 5);
  apply(group_);
  base::MutexLock lock(site_.mutex());
  EXPECT_EQ(site_.state().online(kNow), 2U);
  EXPECT_EQ(site_.state().summary(kNow, counting::calendar_of(0)).counted, 5U);
}

TEST_F(DecideTest, AtTheBoundWhoIsThereUnderYesterdaysIdStaysOnline) {
  ping("/a", 1);
  pass();
  apply(group_);
  ping("/b", 2).moved_from.value = 1;
  ping("/b", 4).moved_from.value = 3;
  pass(0, 0);
  EXPECT_TRUE(group_.hits[0].touches_presence);
  EXPECT_FALSE(group_.hits[1].touches_presence) << "nobody was there under that one";
  apply(group_);
  base::MutexLock lock(site_.mutex());
  EXPECT_EQ(site_.state().online(kNow), 1U);
}

TEST_F(DecideTest, AHitBelongsToTheEpochInWhichItWasDecided) {
  ping("/a", 1);
  pass();
  {
    base::MutexLock lock(site_.mutex());
    site_.state().begin_epoch(counting::Epoch{2, 77});
  }
  apply(group_);
  EXPECT_EQ(counted(), 0U);
  ping("/a", 1);
  EXPECT_EQ(pass().epoch, (counting::Epoch{2, 77}));
  apply(group_);
  EXPECT_EQ(counted(), 1U);
}

TEST_F(DecideTest, APassInTheSteadyStateKeepsItsCapacity) {
  for (std::uint64_t visitor = 1; visitor <= 50; ++visitor) ping("/a", visitor);
  pass();
  const auto* hits = group_.hits.data();
  const auto* bytes = payload_.data();
  for (std::uint64_t visitor = 1; visitor <= 50; ++visitor) ping("/a", visitor);
  pass();
  EXPECT_EQ(group_.hits.data(), hits);
  EXPECT_EQ(payload_.data(), bytes);
}

}  // namespace
}  // namespace footfall::sites
