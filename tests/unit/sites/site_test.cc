// SPDX-License-Identifier: Apache-2.0
#include "sites/site.h"

#include <gtest/gtest.h>

namespace footfall::sites {
namespace {

TEST(SiteTest, EachStreamDefinesAnIdOnceUntilItsMarksAreCleared) {
  Site site(SiteId{1}, counting::Limits{}, 300);
  base::MutexLock lock(site.mutex());
  EXPECT_TRUE(site.page_needs_definition(0, counting::PageId{5}));
  EXPECT_FALSE(site.page_needs_definition(0, counting::PageId{5}));
  EXPECT_TRUE(site.page_needs_definition(63, counting::PageId{5}));
  EXPECT_TRUE(site.label_needs_definition(0, counting::LabelId{5}));
  site.clear_definitions(0);
  EXPECT_TRUE(site.page_needs_definition(0, counting::PageId{5}));
  EXPECT_TRUE(site.label_needs_definition(0, counting::LabelId{5}));
  EXPECT_FALSE(site.page_needs_definition(63, counting::PageId{5}));
}

TEST(SiteTest, OnlyTheFirstToActivateIsToldTo) {
  Site site(SiteId{1}, counting::Limits{}, 300);
  EXPECT_TRUE(site.activate());
  EXPECT_FALSE(site.activate());
  site.deactivate();
  EXPECT_TRUE(site.activate());
}

TEST(SiteTest, ASiteWithoutAHitIsSmall) {
  Site site(SiteId{1}, counting::Limits{}, 300);
  base::MutexLock lock(site.mutex());
  RecordProperty("site_bytes", static_cast<int>(sizeof(Site)));
  EXPECT_LE(sizeof(Site) + site.state().memory_bytes(), 512U);
}

}  // namespace
}  // namespace footfall::sites
