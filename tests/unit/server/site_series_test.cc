// SPDX-License-Identifier: Apache-2.0
#include "site_series.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace footfall {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

class SiteSeriesTest : public ::testing::Test {
 protected:
  void add(const std::string& name, std::uint64_t total) {
    sites::Settings settings;
    settings.name = name;
    ASSERT_TRUE(
        registry_.apply({"add-" + name, kNow, "tester", "", registry_.plan_add(settings, ++reset_id_).value()}));
    const auto seed = registry_.plan_seed_total(name, std::nullopt, total, kNow);
    ASSERT_TRUE(registry_.apply({"seed-" + name, kNow, "tester", "", seed.value()}));
  }
  std::vector<std::string> names(std::size_t count) const {
    std::vector<std::string> out;
    for (const metrics::SiteFacts& site : sites_with_series(registry_, count, kNow))
      out.push_back(site.name + " " + std::to_string(site.total));
    return out;
  }

  sites::Registry registry_{counting::Limits{}};
  std::uint64_t reset_id_ = 0;
};

TEST_F(SiteSeriesTest, ThoseWithTheGreatestTotalsThenByName) {
  add("b.vn", 5);
  add("c.vn", 7);
  add("a.vn", 5);
  EXPECT_EQ(names(0), (std::vector<std::string>{}));
  EXPECT_EQ(names(2), (std::vector<std::string>{"c.vn 7", "a.vn 5"}));
  EXPECT_EQ(names(9), (std::vector<std::string>{"c.vn 7", "a.vn 5", "b.vn 5"}));
  EXPECT_EQ(sites_with_series(registry_, 1, kNow).at(0).counted, 0U) << "it is a seed";
}

}  // namespace
}  // namespace footfall
