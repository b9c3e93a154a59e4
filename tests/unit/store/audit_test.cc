// SPDX-License-Identifier: Apache-2.0
#include "store/audit.h"

#include <gtest/gtest.h>

namespace footfall::store {
namespace {

using counting::Epoch;
using sites::SiteId;

class AuditTest : public ::testing::Test {
 protected:
  void SetUp() override {
    sites::Settings settings;
    settings.name = "example.vn";
    settings.hosts = {"example.vn", "www.example.vn"};
    ASSERT_TRUE(registry_.apply(change("c1", registry_.plan_add(settings, 1).value())));
  }
  static sites::Change change(std::string id, sites::Action action) {
    return sites::Change{std::move(id), 1'700'000'000, "admin", "why", std::move(action)};
  }
  AuditEntry of(sites::Action action) const { return audit_entry(change("c9", std::move(action)), registry_); }

  sites::Registry registry_{counting::Limits{}};
};

TEST_F(AuditTest, ASeedSaysTheTotalBeforeAndAfter) {
  const AuditEntry entry = of(sites::Seeded{SiteId{1}, Epoch{}, std::nullopt, {}, 95, 5, 100});
  EXPECT_EQ(entry.id, "c9");
  EXPECT_EQ(entry.at_s, 1'700'000'000);
  EXPECT_EQ(entry.actor, "admin");
  EXPECT_EQ(entry.reason, "why");
  EXPECT_EQ(entry.action, "seeded");
  EXPECT_EQ(entry.site, "example.vn");
  EXPECT_EQ(entry.before, R"({"total":5})");
  EXPECT_EQ(entry.after, R"({"total":100,"amount":95})");
}

TEST_F(AuditTest, TextsAreEscaped) {
  const AuditEntry entry = of(sites::Seeded{SiteId{1}, Epoch{}, "/a\"\\\n", counting::PageId{2}, 1, 0, 1});
  EXPECT_EQ(entry.before, R"({"page":"/a\"\\\u000a","total":0})");
}

TEST_F(AuditTest, SettingsAreWhole) {
  const AuditEntry entry = audit_entry(*registry_.find_change("c1"), registry_);
  EXPECT_EQ(entry.action, "site added");
  EXPECT_EQ(entry.before, "");
  EXPECT_EQ(
      entry.after,
      R"({"name":"example.vn","hosts":["example.vn","www.example.vn"],"timezone":"UTC","lang":"en","grouping":"comma",)"
      R"("visibility":"counter","window_s":300,"strict_origin":false,"count_bots":false,)"
      R"("hits_per_second_max":0,"exclude_addresses":[],"exclude_paths":[]})");
}

TEST_F(AuditTest, AChangeOfPagesNamesThem) {
  using sites::PagesMarked;
  const PagesMarked merged{SiteId{1},
                           PagesMarked::Kind::merged,
                           {{counting::PageId{2}, "/a"}, {counting::PageId{3}, "/b"}},
                           PagesMarked::Page{counting::PageId{4}, "/c"},
                           5,
                           12};
  EXPECT_EQ(of(merged).action, "pages merged");
  EXPECT_EQ(of(merged).before, R"({"pages":["/a","/b"],"total":5})");
  EXPECT_EQ(of(merged).after, R"({"page":"/c","total":12})");
  const PagesMarked removed{SiteId{1}, PagesMarked::Kind::removed, {{counting::PageId{2}, "/a"}}, std::nullopt, 5, 0};
  EXPECT_EQ(of(removed).action, "page removed");
  EXPECT_EQ(of(removed).before, R"({"pages":["/a"],"total":5})");
  EXPECT_EQ(of(removed).after, "");
  EXPECT_EQ(of(removed).site, "example.vn");
}

TEST_F(AuditTest, AnUndoNamesTheSiteOfWhatItTookBack) {
  const auto seed = registry_.plan_seed_amount("example.vn", std::nullopt, 7, 0).value();
  ASSERT_TRUE(registry_.apply(change("c2", seed)));
  const auto undo = registry_.plan_undo("c2", 0).value();
  ASSERT_TRUE(registry_.apply(change("c3", undo)));
  const AuditEntry entry = audit_entry(change("c3", undo), registry_);
  EXPECT_EQ(entry.site, "example.vn");
  EXPECT_EQ(entry.before, R"({"total":7})");
  EXPECT_EQ(entry.after, R"({"undone":"c2","total":0})");
}

TEST_F(AuditTest, OfATokenWhatItMayDoIsSaid) {
  sites::TokenAdded token;
  token.id = "reader";
  token.scopes = 3;
  token.site = SiteId{1};
  const std::string text = R"({"token":"reader","scopes":["ingest","read"],"expires_s":0})";
  EXPECT_EQ(of(token).after, text);
  EXPECT_EQ(of(token).before, "");
  const AuditEntry removed = of(sites::TokenRemoved{token});
  EXPECT_EQ(removed.before, text);
  EXPECT_EQ(removed.after, "");
  EXPECT_EQ(removed.site, "example.vn");
  EXPECT_EQ(removed.action, "token removed");
}

TEST_F(AuditTest, NoSecretIsInIt) {
  sites::TokenAdded token;
  token.id = "reader";
  token.digest.fill('S');
  for (const AuditEntry& entry : {of(token), of(sites::TokenRemoved{token}),
                                  of(sites::ImportBegun{SiteId{1}, "log", 0x5353535353535353, 0x5353535353535353})}) {
    EXPECT_EQ((entry.before + entry.after).find("SSSS"), std::string::npos);
    EXPECT_EQ((entry.before + entry.after).find("6004234345560363859"), std::string::npos);
  }
}

TEST_F(AuditTest, AnUnknownSiteIsNamedByItsId) {
  EXPECT_EQ(of(sites::ImportEnded{SiteId{77}, "log"}).site, "id 77");
}

}  // namespace
}  // namespace footfall::store
