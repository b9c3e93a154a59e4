// SPDX-License-Identifier: Apache-2.0
#include "api/read_context.h"

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

constexpr auto kRead = static_cast<std::uint32_t>(sites::Scope::read);
constexpr auto kIngest = static_cast<std::uint32_t>(sites::Scope::ingest);

class ReadContextTest : public SiteFixture {
 protected:
  ReadContextTest() {
    add_site(settings("counter.vn"));
    add_site(settings("full.vn", sites::Visibility::full));
    sites::Site& secret = add_site(settings("private.vn", sites::Visibility::private_));
    add_token("reader", "reads-all", kRead);
    add_token("bound", "reads-private", kRead, secret.id());
    add_token("old", "expired", kRead, {}, kNow);
    add_token("soon", "expires", kRead, {}, kNow + 60);
    add_token("other", "ingests", kIngest);
  }
  // What is refused: (stats, pages)
  std::pair<std::optional<Problem>, std::optional<Problem>> refused(std::string_view site, std::string_view token) {
    const ReadContext given = context(site, token);
    for (const Route route : {Route::live, Route::widget_html, Route::widget_svg, Route::widget_png, Route::widget_text,
                              Route::widget_json}) {
      EXPECT_EQ(refusal(given, route), refusal(given, Route::stats));
    }
    for (const Route route : {Route::series, Route::top, Route::refusals})
      EXPECT_EQ(refusal(given, route), refusal(given, Route::pages));
    return {refusal(given, Route::stats), refusal(given, Route::pages)};
  }
};

using Refused = std::pair<std::optional<Problem>, std::optional<Problem>>;
constexpr std::nullopt_t kFine = std::nullopt;

TEST_F(ReadContextTest, WithoutATokenVisibilityDecides) {
  EXPECT_EQ(refused("counter.vn", ""), (Refused{kFine, Problem::unauthorized}));
  EXPECT_EQ(refused("full.vn", ""), (Refused{kFine, kFine}));
  EXPECT_EQ(refused("private.vn", ""), (Refused{Problem::unauthorized, Problem::unauthorized}));
}

TEST_F(ReadContextTest, ATokenOfScopeReadOpensAll) {
  for (const std::string_view site : {"counter.vn", "full.vn", "private.vn"}) {
    EXPECT_EQ(refused(site, "reads-all"), (Refused{kFine, kFine})) << site;
  }
}

TEST_F(ReadContextTest, ABoundTokenOpensItsSiteAlone) {
  EXPECT_EQ(refused("private.vn", "reads-private"), (Refused{kFine, kFine}));
  EXPECT_EQ(refused("counter.vn", "reads-private"), (Refused{kFine, Problem::forbidden}));
}

TEST_F(ReadContextTest, WrongAndExpiredTokensAreNone) {
  EXPECT_EQ(refused("private.vn", "guessed"), (Refused{Problem::unauthorized, Problem::unauthorized}));
  EXPECT_EQ(refused("private.vn", "expired"), (Refused{Problem::unauthorized, Problem::unauthorized}));
}

TEST_F(ReadContextTest, AKnownTokenWithoutTheScopeIsForbidden) {
  EXPECT_EQ(refused("private.vn", "ingests"), (Refused{Problem::forbidden, Problem::forbidden}));
}

TEST_F(ReadContextTest, RightsEndWithTheToken) {
  EXPECT_EQ(context("private.vn", "expires").rights_until_s, kNow + 60);
  EXPECT_EQ(context("full.vn", "expires").rights_until_s, 0);
}

TEST_F(ReadContextTest, WhatATokenMayChangeSaysSo) {
  EXPECT_EQ(vary_field(context("counter.vn")), "Vary: Authorization\r\n");
  EXPECT_EQ(vary_field(context("counter.vn", "reads-all")), "Vary: Authorization\r\n");
  EXPECT_EQ(vary_field(context("private.vn")), "Vary: Authorization\r\n");
  EXPECT_EQ(vary_field(context("full.vn", "reads-all")), "");
}

TEST_F(ReadContextTest, CachesKeepOnlyWhatIsPublic) {
  EXPECT_EQ(cache_control(context("counter.vn")), "public, max-age=5");
  EXPECT_EQ(cache_control(context("full.vn", "reads-all")), "public, max-age=5");
  EXPECT_EQ(cache_control(context("counter.vn", "reads-all")), "private, no-store");
  EXPECT_EQ(cache_control(context("private.vn", "reads-all")), "private, no-store");
  EXPECT_EQ(cache_control(context("private.vn")), "private, no-store");
}

TEST_F(ReadContextTest, RepetitionIsNotLookedForWhereVisitorsTextsStandInWhatATokenOpens) {
  for (const Route route : {Route::pages, Route::top}) {
    EXPECT_EQ(packing_of(context("full.vn"), route), Packing::fast);
    EXPECT_EQ(packing_of(context("full.vn", "reads-all"), route), Packing::fast);
    EXPECT_EQ(packing_of(context("counter.vn", "reads-all"), route), Packing::blind);
    EXPECT_EQ(packing_of(context("private.vn", "reads-private"), route), Packing::blind);
  }
  EXPECT_EQ(packing_of(context("private.vn", "reads-all"), Route::series), Packing::fast) << "numbers alone";
}

}  // namespace
}  // namespace footfall::api
