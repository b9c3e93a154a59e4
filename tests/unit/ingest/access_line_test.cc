// SPDX-License-Identifier: Apache-2.0
#include "ingest/access_line.h"

#include <gtest/gtest.h>

#include <string>

#include "logs/format.h"

namespace footfall::ingest {
namespace {

class AccessLineTest : public ::testing::Test {
 protected:
  base::Result<void> read(const std::string& text, std::string_view format = "combined") {
    item_ = {};
    logs::Line line;
    auto reader = logs::Format::find(format);
    EXPECT_TRUE(reader->read(text, line)) << text;
    return read_access_line(line, "a.vn", arena_, item_);
  }
  Arena arena_;
  Item item_;
};

constexpr std::string_view kBehind =
    R"( - - [17/May/2015:08:05:32 +0700] "GET /tin/?utm_campaign=tet HTTP/1.1" 200 12 "https://b.example/x?y" "Mozilla/5.0")";

TEST_F(AccessLineTest, ALineIsAPageView) {
  ASSERT_TRUE(read("192.0.2.7" + std::string(kBehind)));
  EXPECT_EQ(item_.ping.site, "a.vn");
  EXPECT_EQ(item_.ping.path, "/tin");
  EXPECT_EQ(item_.ping.campaign, "tet");
  EXPECT_EQ(item_.ping.referrer, "https://b.example/x");
  EXPECT_EQ(item_.ping.kind, counting::Kind::pageview);
  EXPECT_EQ(item_.at_s, 1431824732);
  Address address;
  ASSERT_TRUE(parse_address("192.0.2.7", address));
  EXPECT_TRUE(item_.has_address);
  EXPECT_EQ(item_.address, address);
  EXPECT_EQ(item_.agent, "Mozilla/5.0");
  EXPECT_TRUE(item_.visitor.empty());
}

TEST_F(AccessLineTest, AClientThatIsNoAddressStandsWithItsAgentForTheVisitor) {
  ASSERT_TRUE(read("host.example" + std::string(kBehind)));
  EXPECT_FALSE(item_.has_address);
  EXPECT_EQ(item_.visitor, "host.example Mozilla/5.0");
  ASSERT_TRUE(read(R"(host.example - - [17/May/2015:08:05:32 +0700] "GET / HTTP/1.1" 200 12)"));
  EXPECT_EQ(item_.visitor, "host.example ");
}

TEST_F(AccessLineTest, ADashIsAsGoodAsAbsent) {
  ASSERT_TRUE(read(R"(192.0.2.7 - - [17/May/2015:08:05:32 +0700] "GET / HTTP/1.1" 200 12 "-" "-")"));
  EXPECT_TRUE(item_.ping.referrer.empty());
  EXPECT_TRUE(item_.agent.empty());
  EXPECT_EQ(item_.ping.path, "/");
}

TEST_F(AccessLineTest, WhatItKeepsDoesNotLieInTheLine) {
  {
    std::string text = "192.0.2.7" + std::string(kBehind);
    ASSERT_TRUE(read(text));
    text.assign(text.size(), 'x');
  }
  EXPECT_EQ(item_.ping.path, "/tin");
  EXPECT_EQ(item_.agent, "Mozilla/5.0");
  EXPECT_EQ(item_.ping.referrer, "https://b.example/x");
}

TEST_F(AccessLineTest, APathThatIsTooLongIsTooLarge) {
  const auto done =
      read("192.0.2.7 - - [17/May/2015:08:05:32 +0700] \"GET /" + std::string(2000, 'a') + " HTTP/1.1\" 200 12");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, base::Errc::too_large);
}

}  // namespace
}  // namespace footfall::ingest
