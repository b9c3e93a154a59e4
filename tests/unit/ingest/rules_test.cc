// SPDX-License-Identifier: Apache-2.0
#include "ingest/rules.h"

#include <gtest/gtest.h>

#include <set>

namespace footfall::ingest {
namespace {

class RulesTest : public ::testing::Test {
 public:
  RulesTest() { settings_.hosts = {"example.vn", "www.example.vn"}; }
  RulesTest& from(std::string_view host) {
    ping_.origin_absent = false;
    ping_.origin_host = host;
    return *this;
  }
  Rejection rejection(bool token = false) { return judge(ping_, settings_, false, token, &from_).rejection; }
  Ping ping_;
  base::Address from_;
  sites::Settings settings_;
};

TEST_F(RulesTest, EveryRejectionHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(Rejection::count_); ++i)
    names.insert(name_of(static_cast<Rejection>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Rejection::count_));
  EXPECT_EQ(names.count(""), 0U);
  EXPECT_EQ(name_of(Rejection::origin), "origin");
  EXPECT_EQ(name_of(Rejection::duplicate), "duplicate");
}

TEST_F(RulesTest, TheSitesHostsAreAccepted) {
  EXPECT_EQ(from("example.vn").rejection(), Rejection::none);
  EXPECT_EQ(from("www.example.vn").rejection(), Rejection::none);
}

TEST_F(RulesTest, OtherHostsAreRefusedEvenAlikeOnes) {
  for (const char* host : {"evil.example", "example.vn.evil.example", "xexample.vn", "sub.example.vn", "localhost",
                           "chrome-extension://x", ""}) {
    EXPECT_EQ(from(host).rejection(), Rejection::origin) << host;
  }
}

TEST_F(RulesTest, ANullOriginIsRefusedEvenWhereAnyHostMayCome) {
  from("");
  ping_.origin_null = true;
  EXPECT_EQ(rejection(), Rejection::origin);
  settings_.hosts.clear();
  EXPECT_EQ(rejection(), Rejection::origin);
}

TEST_F(RulesTest, ASiteWithoutHostsAcceptsAny) {
  settings_.hosts.clear();
  EXPECT_EQ(from("anywhere.example").rejection(), Rejection::none);
}

TEST_F(RulesTest, AnAbsentOriginIsAcceptedUnlessTheSiteIsStrict) {
  EXPECT_EQ(rejection(), Rejection::none);
  settings_.strict_origin = true;
  EXPECT_EQ(rejection(), Rejection::origin);
  settings_.hosts.clear();
  EXPECT_EQ(rejection(), Rejection::origin);
}

TEST_F(RulesTest, AnUrlOfAnotherHostIsRefusedButOfOursDoesNotPassForAHeader) {
  ping_.origin_host = "mirror.example";
  EXPECT_EQ(rejection(), Rejection::origin);
  ping_.origin_host = "example.vn";
  EXPECT_EQ(rejection(), Rejection::none);
  settings_.strict_origin = true;
  EXPECT_EQ(rejection(), Rejection::origin);
}

TEST_F(RulesTest, ATokenIsNotAskedForItsOrigin) {
  settings_.strict_origin = true;
  EXPECT_EQ(rejection(true), Rejection::none);
  EXPECT_EQ(from("other.example").rejection(true), Rejection::none);
}

TEST_F(RulesTest, PrefetchIsRefused) {
  from("example.vn");
  ping_.prefetch = true;
  EXPECT_EQ(rejection(), Rejection::prefetch);
}

TEST_F(RulesTest, KindsTouchWhatTheyTouch) {
  const auto verdict = [this](counting::Kind kind, bool bot) {
    ping_.kind = kind;
    const Verdict v = judge(ping_, settings_, bot, false, nullptr);
    return std::array<bool, 3>{v.counts, v.touches_presence, v.adds_visitor};
  };
  EXPECT_EQ(verdict(counting::Kind::pageview, false), (std::array{true, true, true}));
  EXPECT_EQ(verdict(counting::Kind::event, false), (std::array{false, true, true}));
  EXPECT_EQ(verdict(counting::Kind::heartbeat, false), (std::array{false, true, false}));
  for (const auto kind : {counting::Kind::pageview, counting::Kind::event, counting::Kind::heartbeat}) {
    EXPECT_EQ(verdict(kind, true), (std::array{false, false, false}));
  }
  settings_.count_bots = true;
  EXPECT_EQ(verdict(counting::Kind::pageview, true), (std::array{true, true, true}));
}

TEST_F(RulesTest, ARefusedPingTouchesNothing) {
  const Verdict v = judge(from("evil.example").ping_, settings_, false, false, nullptr);
  EXPECT_FALSE(v.counts || v.touches_presence || v.adds_visitor);
}

TEST_F(RulesTest, WhatTheOwnerExcludesIsRefusedWhoeverSendsIt) {
  ping_.path = "/admin/login";
  settings_.exclude_paths = {"/admin/*"};
  EXPECT_EQ(rejection(), Rejection::excluded);
  EXPECT_EQ(rejection(true), Rejection::excluded);
  EXPECT_EQ(from("evil.example").rejection(), Rejection::excluded);
  ping_.path = "/about";
  EXPECT_EQ(from("example.vn").rejection(), Rejection::none);
  settings_.exclude_addresses = {base::parse_cidr("192.0.2.0/24").value()};
  ASSERT_TRUE(base::parse_address("192.0.2.7", from_));
  EXPECT_EQ(rejection(), Rejection::excluded);
  ASSERT_TRUE(base::parse_address("192.0.3.7", from_));
  EXPECT_EQ(rejection(), Rejection::none);
  const Verdict unknown = judge(ping_, settings_, false, true, nullptr);
  EXPECT_EQ(unknown.rejection, Rejection::none) << "of whom no address is known";
}

TEST_F(RulesTest, TheSitesOwnReferrersAreTold) {
  EXPECT_TRUE(own_host("https://example.vn/a", settings_));
  EXPECT_TRUE(own_host("http://www.example.vn:8080/", settings_));
  EXPECT_FALSE(own_host("https://news.example/example.vn", settings_));
  EXPECT_FALSE(own_host("", settings_));
  settings_.hosts = {"[2001:db8::1]"};
  EXPECT_TRUE(own_host("https://[2001:db8::1]/a", settings_));
  EXPECT_TRUE(own_host("https://[2001:db8::1]:444/a", settings_));
}

}  // namespace
}  // namespace footfall::ingest
