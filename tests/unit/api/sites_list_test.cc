// SPDX-License-Identifier: Apache-2.0
#include "api/sites_list.h"

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

class SitesListTest : public SiteFixture {
 protected:
  SitesListTest() {
    add_site(settings("counter.vn"));
    visit(add_site(settings("full.vn", sites::Visibility::full)), "/", 1);
    sites::Site& secret = add_site(settings("private.vn", sites::Visibility::private_));
    constexpr auto kRead = static_cast<std::uint32_t>(sites::Scope::read);
    add_token("reader", "reads-all", kRead);
    add_token("bound", "reads-private", kRead, secret.id());
    add_token("other", "ingests", static_cast<std::uint32_t>(sites::Scope::ingest));
    add_token("old", "expired", kRead, {}, kNow);
  }
  base::Result<std::string> answer(std::string_view token, std::string_view query = "") {
    directory_ = registry_.directory(++changes_);
    return sites_json(*directory_, token, query, kNowMs);
  }
  std::string names(std::string_view token, std::string_view query = "") {
    const Parsed list(answer(token, query).value());
    std::string out;
    for (std::size_t i = 0; i < list.size("/sites"); ++i)
      out += list.text("/sites/" + std::to_string(i) + "/site") + " ";
    return out + std::to_string(list.number("/more"));
  }
};

TEST_F(SitesListTest, TellsWhatTheCallerMayReadWhole) {
  EXPECT_EQ(names(""), "full.vn 0");
  EXPECT_EQ(names("reads-all"), "counter.vn full.vn private.vn 0");
  EXPECT_EQ(names("reads-private"), "full.vn private.vn 0");
  EXPECT_EQ(names("ingests"), "full.vn 0");
}

TEST_F(SitesListTest, ATokenThatIsNobodysIsRefused) {
  for (const std::string_view token : {"guessed", "expired"}) {
    const auto list = answer(token);
    ASSERT_FALSE(list);
    EXPECT_EQ(list.error().code, base::Errc::denied);
  }
}

TEST_F(SitesListTest, IsLimitedAndSaysHowManyAreLeft) {
  EXPECT_EQ(names("reads-all", "limit=2"), "counter.vn full.vn 1");
  for (const std::string_view query : {"limit=0", "limit=1001", "limit=x"}) {
    const auto list = answer("", query);
    ASSERT_FALSE(list) << query;
    EXPECT_EQ(list.error().code, base::Errc::malformed);
  }
}

TEST_F(SitesListTest, HasTheNumbersOfAGlance) {
  const Parsed list(answer("").value());
  EXPECT_EQ(list.number("/sites/0/total"), 1);
  EXPECT_EQ(list.number("/sites/0/online"), 1);
  EXPECT_EQ(list.number("/sites/0/today/hits"), 1);
}

}  // namespace
}  // namespace footfall::api
