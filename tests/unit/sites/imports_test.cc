// SPDX-License-Identifier: Apache-2.0
#include "sites/imports.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace footfall::sites
