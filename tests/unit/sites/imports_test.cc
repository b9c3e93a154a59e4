// SPDX-License-Identifier: Apache-2.0
#include "sites/imports.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"

namespace footfall::sites {
namespace {

using State = Imports::State;
constexpr SiteId kSite{1};
constexpr std::int64_t kNow = 1'700'000'000;

TEST(ImportsTest, ASourceThatNeverBeganIsUnknown) {
  Imports imports;
  EXPECT_EQ(imports.claim(kSite, "log", 5, kNow).state, State::unknown);
}

TEST(ImportsTest, APartIsClaimedOnceUntilItIsSettled) {
  Imports imports;
  imports.begin(kSite, "log", 1, 2, kNow);
  const Imports::Claim claim = imports.claim(kSite, "log", 5, kNow);
  EXPECT_EQ(claim.state, State::claimed);
  EXPECT_EQ(claim.import.key0, 1U);
  EXPECT_EQ(imports.claim(kSite, "log", 5, kNow).state, State::under_way);
  EXPECT_EQ(imports.claim(kSite, "log", 9, kNow).state, State::under_way);
  imports.settle(claim);
  EXPECT_EQ(imports.claim(kSite, "log", 5, kNow).state, State::counted);
  EXPECT_EQ(imports.claim(kSite, "log", 9, kNow).state, State::claimed);
}

TEST(ImportsTest, APartThatWasNotWrittenMayBeSentAgain) {
  Imports imports;
  imports.begin(kSite, "log", 1, 2, kNow);
  imports.release(imports.claim(kSite, "log", 5, kNow));
  EXPECT_EQ(imports.find(kSite, "log")->position, 0U);
  EXPECT_EQ(imports.claim(kSite, "log", 5, kNow).state, State::claimed);
}

TEST(ImportsTest, AMarkNeverFallsAndSourcesAreApart) {
  Imports imports;
  imports.set_progress(kSite, "a", 9, kNow);
  imports.set_progress(kSite, "a", 3, kNow);
  EXPECT_EQ(imports.find(kSite, "a")->position, 9U);
  EXPECT_FALSE(imports.find(SiteId{2}, "a"));
  EXPECT_TRUE(imports.open().empty());
}

TEST(ImportsTest, AnImportIsIdleAWeekAfterItBeganOrItsLatestPart) {
  using Keys = std::vector<std::pair<SiteId, std::string>>;
  Imports imports;
  imports.begin(kSite, "log", 1, 2, kNow);
  EXPECT_EQ(imports.idle(kNow + kImportIdle_s - 1), Keys{});
  EXPECT_EQ(imports.idle(kNow + kImportIdle_s), (Keys{{kSite, "log"}}));
  imports.settle(imports.claim(kSite, "log", 5, kNow + 100));
  EXPECT_EQ(imports.idle(kNow + kImportIdle_s), Keys{});
  EXPECT_EQ(imports.idle(kNow + kImportIdle_s + 100), (Keys{{kSite, "log"}}));
  imports.set_progress(kSite, "log", 3, kNow + 50);  // replayed in another order
  EXPECT_EQ(imports.find(kSite, "log")->active_s, kNow + 100);
  const Imports::Claim claim = imports.claim(kSite, "log", 9, kNow + kImportIdle_s + 100);
  EXPECT_EQ(imports.idle(kNow + kImportIdle_s + 100), Keys{}) << "a part is under way";
  imports.release(claim);
  imports.end(kSite, "log");
  imports.set_progress(kSite, "follower", 9, kNow);
  EXPECT_EQ(imports.idle(kNow + 10 * kImportIdle_s), Keys{}) << "none is open";
}

// --- followers ---

TEST(ImportsTest, AFollowerBeginsWithItsFirstPartAndEachBeginsWhereTheMarkIs) {
  Imports imports;
  EXPECT_EQ(imports.follow(kSite, "log", 10, 20, "b", kNow).state, State::elsewhere) << "nothing was counted yet";
  const Imports::Claim first = imports.follow(kSite, "log", 0, 10, "a", kNow);
  EXPECT_EQ(first.state, State::claimed);
  EXPECT_EQ(imports.follow(kSite, "log", 0, 10, "a", kNow).state, State::under_way);
  imports.settle(first);
  EXPECT_EQ(imports.find(kSite, "log"), (Import{0, 0, false, 10, kNow, "a"}));
  EXPECT_EQ(imports.follow(kSite, "log", 0, 10, "a", kNow).state, State::counted) << "its answer was lost";
  EXPECT_EQ(imports.follow(kSite, "log", 0, 20, "b", kNow).state, State::elsewhere) << "another follower's";
  EXPECT_EQ(imports.follow(kSite, "log", 15, 20, "b", kNow).state, State::elsewhere) << "the data was put back";
  const Imports::Claim second = imports.follow(kSite, "log", 10, 20, "b", kNow);
  EXPECT_EQ(second.import.mark, "a");
  imports.release(second);
  EXPECT_EQ(imports.find(kSite, "log")->mark, "a");
  imports.settle(imports.follow(kSite, "log", 10, 20, "b", kNow));
  EXPECT_EQ(imports.find(kSite, "log")->mark, "b");
  EXPECT_TRUE(imports.open().empty());
  EXPECT_TRUE(imports.idle(kNow + 10 * kImportIdle_s).empty()) << "it does not expire";
}

TEST(ImportsTest, AFollowersMarkIsThatOfTheGreatestPositionInAnyOrder) {
  Imports imports;
  imports.set_progress(kSite, "log", 20, kNow, "b");
  imports.set_progress(kSite, "log", 10, kNow, "a");
  EXPECT_EQ(imports.find(kSite, "log")->mark, "b");
}

TEST(ImportsTest, AnImportsSourceIsNoFollowers) {
  Imports imports;
  imports.begin(kSite, "log", 1, 2, kNow);
  EXPECT_EQ(imports.follow(kSite, "log", 0, 10, "a", kNow).state, State::other_kind);
}

TEST(ImportsTest, TheSourcesOfASiteAreBoundedWithThoseOnTheirWay) {
  Imports imports;
  std::vector<Imports::Claim> coming;
  for (std::size_t i = 0; i < kImportSourcesMax; ++i) {
    const std::string source = "log." + std::to_string(i);
    if (i % 2 == 0) {
      imports.set_progress(kSite, source, 1, kNow, "a");
    } else {
      coming.push_back(imports.follow(kSite, source, 0, 1, "a", kNow));
    }
  }
  EXPECT_EQ(imports.sources(kSite), kImportSourcesMax);
  EXPECT_EQ(imports.follow(kSite, "one more", 0, 1, "a", kNow).state, State::full);
  EXPECT_EQ(imports.follow(kSite, "log.0", 1, 2, "b", kNow).state, State::claimed);
  imports.release(coming.back());
  EXPECT_EQ(imports.follow(kSite, "one more", 0, 1, "a", kNow).state, State::claimed);
}

TEST(ImportsTest, WhatIsSavedComesBack) {
  Imports imports;
  imports.begin(kSite, "open", 1, 2, kNow);
  imports.set_progress(kSite, "open", 9, kNow);
  imports.set_progress(kSite, "followed", 700, kNow, "inode=5 offset=7");
  imports.set_progress(kSite, "ended", 3, kNow);
  std::string bytes;
  base::ByteWriter out(bytes);
  imports.save(out);
  Imports loaded;
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in, kSite.value));
  for (const char* source : {"open", "followed", "ended"})
    EXPECT_EQ(loaded.find(kSite, source), imports.find(kSite, source)) << source;
  EXPECT_TRUE(in.at_end());
}

}  // namespace
}  // namespace footfall::sites
