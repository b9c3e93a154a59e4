// SPDX-License-Identifier: Apache-2.0
#include "store/content_hash.h"

#include <gtest/gtest.h>

#include <set>

namespace footfall::store {
namespace {

class ContentHashTest : public ::testing::Test {
 protected:
  ContentHashTest() {
    for (const char* name : {"a.vn", "b.vn"}) {
      sites::Settings settings;
      settings.name = name;
      EXPECT_TRUE(registry_.apply({name, 1, "admin", "", registry_.plan_add(settings, 1).value()}));
    }
  }
  void seed(std::string_view name, std::int64_t amount) {
    sites::Site& site = *registry_.find(name);
    base::MutexLock lock(site.mutex());
    site.state().add_seed(counting::Epoch{}, amount);
  }
  std::string hash() const { return content_hash(registry_, 100); }

  sites::Registry registry_{counting::Limits{}};
};

TEST_F(ContentHashTest, EachPartMakesADifference) {
  std::set<std::string> seen{hash()};
  seed("a.vn", 1);
  EXPECT_TRUE(seen.insert(hash()).second);
  seed("b.vn", 1);
  EXPECT_TRUE(seen.insert(hash()).second);
  ASSERT_TRUE(registry_.apply({"remove", 2, "admin", "", registry_.plan_remove("b.vn").value()}));
  EXPECT_TRUE(seen.insert(hash()).second);
  for (const std::string& text : seen) EXPECT_EQ(text.size(), 32U);
}

TEST_F(ContentHashTest, OfTwoSitesThatSwapTheirNumbersItIsAnother) {
  seed("a.vn", 1);
  const std::string before = hash();
  seed("a.vn", -1);
  seed("b.vn", 1);
  EXPECT_NE(hash(), before);
}

TEST_F(ContentHashTest, TheSameContentGivesTheSame) {
  const std::string before = hash();
  seed("a.vn", 7);
  seed("a.vn", -7);
  EXPECT_EQ(hash(), before);
}

}  // namespace
}  // namespace footfall::store
