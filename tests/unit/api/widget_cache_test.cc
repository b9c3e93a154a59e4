// SPDX-License-Identifier: Apache-2.0
#include "api/widget_cache.h"

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

class WidgetCacheTest : public SiteFixture {
 protected:
  WidgetCacheTest() : site_(add_site(settings("example.vn"))) { add_token("reader", "reads", kRead); }

  std::string body(std::string_view query = "", WidgetFormat format = WidgetFormat::text, std::string_view token = "") {
    const base::Result<const Widget*> found = cache_.find(context("example.vn", token), format, query);
    EXPECT_TRUE(found) << (found ? "" : found.error().detail);
    return found ? (*found)->body : "";
  }
  void change(sites::Settings to) { apply(registry_.plan_change("example.vn", to).value()); }

  static constexpr auto kRead = static_cast<std::uint32_t>(sites::Scope::read);
  sites::Site& site_;
  WidgetCache cache_;
};

TEST_F(WidgetCacheTest, RendersOnceWhileTheNumbersStay) {
  visit(site_, "/", 1);
  EXPECT_EQ(body(), "Tổng số lượt truy cập: 1\nSố người đang truy cập: 1\n");
  EXPECT_EQ(body(), body());
  EXPECT_EQ(cache_.renderings(), 1U);
}

TEST_F(WidgetCacheTest, IsNeverBehindAHit) {
  for (std::uint64_t visitor = 0; visitor < 20; ++visitor) {
    visit(site_, "/", visitor);
    EXPECT_EQ(body("show=total&labels=none"), std::to_string(visitor + 1) + "\n");
  }
}

TEST_F(WidgetCacheTest, ANumberThatIsNotShownRendersNothing) {
  visit(site_, "/", 1);
  body("show=online");
  visit(site_, "/", 1);  // the total rises
  EXPECT_EQ(body("show=online"), "Số người đang truy cập: 1\n");
  EXPECT_EQ(cache_.renderings(), 1U);
}

TEST_F(WidgetCacheTest, EachFormatQueryAndSiteIsItsOwn) {
  add_site(settings("other.vn"));
  visit(site_, "/", 1);
  EXPECT_NE(body(), body("lang=en"));
  EXPECT_NE(body("", WidgetFormat::svg), body("", WidgetFormat::html));
  EXPECT_EQ((*cache_.find(context("other.vn"), WidgetFormat::text, "show=total&labels=none"))->body, "0\n");
  EXPECT_EQ(body("show=total&labels=none"), "1\n");
}

TEST_F(WidgetCacheTest, RightsAreLookedAtEachTime) {
  EXPECT_EQ(body("show=online,bots&lang=en", WidgetFormat::text, "reads"), "Online now: 0\nSearch engines today: 0\n");
  EXPECT_EQ(body("show=online,bots&lang=en"), "Online now: 0\n");
  const auto cache_of = [&](std::string_view token) {
    return (*cache_.find(context("example.vn", token), WidgetFormat::svg, ""))->cache_control;
  };
  EXPECT_EQ(cache_of("reads"), "private, no-store");
  EXPECT_EQ(cache_of(""), "public, max-age=5");
}

TEST_F(WidgetCacheTest, NewSettingsAreFollowedAtOnce) {
  seed("example.vn", 1234);
  EXPECT_EQ(body("show=total&labels=none"), "1.234\n");
  sites::Settings changed = settings("example.vn");
  changed.grouping = sites::Grouping::comma;
  change(changed);
  EXPECT_EQ(body("show=total&labels=none"), "1,234\n");
  changed.visibility = sites::Visibility::private_;
  change(changed);
  EXPECT_FALSE(cache_.find(context("example.vn"), WidgetFormat::text, "show=total&labels=none"));
}

TEST_F(WidgetCacheTest, WhatIsRefusedStaysRefused) {
  for (int again = 0; again < 2; ++again) {
    const auto refused = cache_.find(context("example.vn"), WidgetFormat::text, "lang=fr");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().detail, "lang: give en or vi");
  }
  EXPECT_EQ(cache_.renderings(), 0U);
}

TEST_F(WidgetCacheTest, WhatIsTooLargeIsRenderedEachTime) {
  const std::string query = "v=" + std::string(WidgetCache::kBytesMax, 'x');
  EXPECT_EQ(body(query), body(query));
  EXPECT_EQ(cache_.renderings(), 2U);
}

TEST_F(WidgetCacheTest, ManyQueriesPushEachOtherOutAndAnswerRight) {
  visit(site_, "/", 1);
  for (std::size_t i = 0; i < 4 * WidgetCache::kEntries; ++i) {
    const std::string label = "n" + std::to_string(i);
    ASSERT_EQ(body("show=online&label=" + label), label + ": 1\n");
  }
}

}  // namespace
}  // namespace footfall::api
