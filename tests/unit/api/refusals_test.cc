// SPDX-License-Identifier: Apache-2.0
#include "api/refusals.h"

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

class RefusalsTest : public SiteFixture {};

TEST_F(RefusalsTest, TellReasonsAndTheLatest) {
  sites::Site& site = add_site(settings("example.vn", sites::Visibility::full));
  site.refusals().add("rate", "", kNow - 60);
  site.refusals().add("origin", "<b>\"shop\"\x01\xff.example", kNow);
  const Parsed told(refusals_json(context("example.vn"), kNow - 3600, 7, {true, false}));
  EXPECT_EQ(told.number("/refused/rate"), 1);
  EXPECT_EQ(told.number("/refused/origin"), 1);
  EXPECT_EQ(told.text("/since"), "2026-11-23T09:00:00.000+07:00");
  EXPECT_EQ(told.text("/latest/0/at"), "2026-11-23T10:00:00.000+07:00");
  EXPECT_EQ(told.text("/latest/0/host"), "<b>\"shop\" \xEF\xBF\xBD.example") << "hostile, and text";
  EXPECT_EQ(told.text("/latest/1/reason"), "rate");
  EXPECT_EQ(told.number("/untrusted_forwards"), 7);
  EXPECT_TRUE(told.flag("/asked_by/trusted"));
  EXPECT_FALSE(told.flag("/asked_by/forwarded"));
}

TEST_F(RefusalsTest, NothingWasRefused) {
  add_site(settings("example.vn", sites::Visibility::full));
  const Parsed told(refusals_json(context("example.vn"), kNow, 0, {}));
  EXPECT_TRUE(told.keys("/refused").empty());
  EXPECT_EQ(told.size("/latest"), 0U);
}

}  // namespace
}  // namespace footfall::api
