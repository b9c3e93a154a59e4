// SPDX-License-Identifier: Apache-2.0
#include "sites/imports.h"

#include <gtest/gtest.h>

namespace footfall::sites {
namespace {

using State = Imports::State;
constexpr SiteId kSite{1};

TEST(ImportsTest, ASourceThatNeverBeganIsUnknown) {
  Imports imports;
  EXPECT_EQ(imports.claim(kSite, "log", 5).state, State::unknown);
}

TEST(ImportsTest, APartIsClaimedOnceUntilItIsSettled) {
  Imports imports;
  imports.begin(kSite, "log", 1, 2);
  const Imports::Claim claim = imports.claim(kSite, "log", 5);
  EXPECT_EQ(claim.state, State::claimed);
  EXPECT_EQ(claim.import.key0, 1U);
  EXPECT_EQ(imports.claim(kSite, "log", 5).state, State::under_way);
  EXPECT_EQ(imports.claim(kSite, "log", 9).state, State::under_way);
  imports.settle(claim);
  EXPECT_EQ(imports.claim(kSite, "log", 5).state, State::counted);
  EXPECT_EQ(imports.claim(kSite, "log", 9).state, State::claimed);
}

TEST(ImportsTest, APartThatWasNotWrittenMayBeSentAgain) {
  Imports imports;
  imports.begin(kSite, "log", 1, 2);
  imports.release(imports.claim(kSite, "log", 5));
  EXPECT_EQ(imports.find(kSite, "log")->position, 0U);
  EXPECT_EQ(imports.claim(kSite, "log", 5).state, State::claimed);
}

TEST(ImportsTest, AMarkNeverFallsAndSourcesAreApart) {
  Imports imports;
  imports.set_progress(kSite, "a", 9);
  imports.set_progress(kSite, "a", 3);
  EXPECT_EQ(imports.find(kSite, "a")->position, 9U);
  EXPECT_FALSE(imports.find(SiteId{2}, "a"));
  EXPECT_TRUE(imports.open().empty());
}

}  // namespace
}  // namespace footfall::sites
