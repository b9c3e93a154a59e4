// SPDX-License-Identifier: Apache-2.0
#include "candidate.h"

#include "ingest/client_address.h"
#include "intake_fixture.h"

namespace footfall {
namespace {

using counting::Dimension;

class CandidateTest : public IntakeFixture {
 protected:
  CandidateTest() {
    ping_.path = "/p";
    agent_.browser = "Firefox";
    verdict_ = {ingest::Rejection::none, true, true, true};
    EXPECT_TRUE(ingest::parse_address("192.0.2.1", address_));
  }
  sites::Candidate filled(std::int64_t at_s = kNow, const base::SipKey* import_key = nullptr) {
    sites::Candidate candidate;
    fill(candidate, *sites_.find("a.vn"), ping_, agent_, verdict_, at_s, {address_.bytes.data(), "agent", import_key});
    return candidate;
  }
  static std::string_view label(const sites::Candidate& candidate, Dimension dimension) {
    return candidate.labels[static_cast<std::size_t>(dimension)].text;
  }

  ingest::Ping ping_;
  lookup::Agent agent_;
  ingest::Verdict verdict_;
  ingest::Address address_;
};

TEST_F(CandidateTest, AVisitorIsOfTheDayAndTheSite) {
  const sites::Candidate now = filled();
  EXPECT_EQ(now.site, registry_.find("a.vn"));
  EXPECT_EQ(now.path.text, "/p");
  EXPECT_NE(now.visitor.value, 0U);
  EXPECT_TRUE(now.counts && now.touches_presence && now.adds_visitor);
  EXPECT_EQ(filled(kNow + 1).visitor, now.visitor);
  EXPECT_NE(filled(kNow - kDay_s).visitor, now.visitor);
}

TEST_F(CandidateTest, WhereTheSaltOfItsDayIsGoneItCountsWithoutAVisitor) {
  const sites::Candidate old = filled(kNow - 3 * kDay_s);
  EXPECT_TRUE(old.counts);
  EXPECT_EQ(old.visitor.value, 0U);
  EXPECT_FALSE(old.touches_presence || old.adds_visitor);
}

TEST_F(CandidateTest, AnImportsVisitorsAddToTheirDaysAlone) {
  const base::SipKey key{1, 2};
  const sites::Candidate old = filled(kNow - 30 * kDay_s, &key);
  EXPECT_NE(old.visitor.value, 0U);
  EXPECT_EQ(old.visitor, filled(kNow, &key).visitor) << "its key is of no day";
  EXPECT_TRUE(old.adds_visitor);
  EXPECT_FALSE(old.touches_presence);
}

TEST_F(CandidateTest, OnlyWhatIsRankedHasLabels) {
  ping_.event = "signup";
  ping_.campaign = "spring";
  const sites::Candidate pageview = filled();
  EXPECT_EQ(label(pageview, Dimension::browser), "Firefox");
  EXPECT_EQ(label(pageview, Dimension::campaign), "spring");
  EXPECT_EQ(label(pageview, Dimension::event), "");
  ping_.kind = counting::Kind::event;
  verdict_.counts = false;
  const sites::Candidate event = filled();
  EXPECT_EQ(label(event, Dimension::event), "signup");
  EXPECT_EQ(label(event, Dimension::browser), "");
  ping_.kind = counting::Kind::pageview;
  EXPECT_EQ(label(filled(), Dimension::browser), "") << "a bot's pageview";
}

TEST_F(CandidateTest, ACountryIsLookedUpOfWhoHasAnAddress) {
  EXPECT_EQ(label(filled(), Dimension::country), "") << "there is no database";
  const auto database = lookup::CountryDatabase::open(FOOTFALL_COUNTRY_FILES "/countries.mmdb").value();
  const auto found = [&](const std::uint8_t* address) {
    sites::Candidate candidate;
    fill(candidate, *sites_.find("a.vn"), ping_, agent_, verdict_, kNow, {address, "agent", nullptr, database.get()});
    return std::string(label(candidate, Dimension::country));
  };
  EXPECT_EQ(found(address_.bytes.data()), "FR");
  EXPECT_EQ(found(kNoAddress), "");
  ping_.kind = counting::Kind::heartbeat;
  EXPECT_EQ(found(address_.bytes.data()), "") << "only pageviews are ranked";
}

}  // namespace
}  // namespace footfall
