// SPDX-License-Identifier: Apache-2.0
#include "ingest/client_address.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

Address address(std::string_view text) {
  Address out;
  EXPECT_TRUE(parse_address(text, out)) << text;
  return out;
}
Cidr cidr(std::string_view text) {
  const auto parsed = parse_cidr(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? parsed.value() : Cidr{};
}

class ClientAddressTest : public ::testing::Test {
 public:
  ClientAddressTest& trust(std::string_view text) {
    trusted_.push_back(cidr(text));
    return *this;
  }
  ClientAddress client(std::string_view peer, std::string_view header, bool loopback_listener = false) {
    return client_address(address(peer), loopback_listener, header, trusted_);
  }
  std::vector<Cidr> trusted_;
};

TEST_F(ClientAddressTest, WithoutAHeaderItIsThePeer) {
  const auto c = client("203.0.113.9", "");
  EXPECT_EQ(c.address, address("203.0.113.9"));
  EXPECT_FALSE(c.forwarded || c.untrusted_header);
}

TEST_F(ClientAddressTest, AHeaderFromAnUntrustedPeerIsIgnoredAndTold) {
  for (const bool loopback_listener : {false, true}) {
    const auto c = client("203.0.113.9", "6.6.6.6", loopback_listener);
    EXPECT_EQ(c.address, address("203.0.113.9"));
    EXPECT_TRUE(c.untrusted_header);
    EXPECT_FALSE(c.forwarded);
  }
}

TEST_F(ClientAddressTest, LoopbackIsTrustedOnALoopbackListenerAlone) {
  EXPECT_EQ(client("127.0.0.1", "203.0.113.9", true).address, address("203.0.113.9"));
  EXPECT_TRUE(client("::1", "203.0.113.9", true).forwarded);
  EXPECT_TRUE(client("127.0.0.1", "203.0.113.9", false).untrusted_header);
}

TEST_F(ClientAddressTest, TheRightmostUntrustedHopIsTheClient) {
  trust("10.0.0.0/8");
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2").address, address("203.0.113.9"));
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6,203.0.113.9").address, address("203.0.113.9"));
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6,\t[2001:db8::1]:9 , 10.0.0.2:1").address, address("2001:db8::1"));
}

TEST_F(ClientAddressTest, AForgedLoopbackHopDoesNotEndTheWalkAsTrustedOnAPublicListener) {
  trust("10.0.0.0/8");
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6, 127.0.0.1").address, address("127.0.0.1"));
}

TEST_F(ClientAddressTest, WhenAllHopsAreTrustedTheLeftmostIsTheClient) {
  trust("10.0.0.0/8");
  EXPECT_EQ(client("10.0.0.1", "10.0.0.3, 10.0.0.2").address, address("10.0.0.3"));
}

TEST_F(ClientAddressTest, AMalformedHopEndsTheWalkAtTheLastGoodOne) {
  trust("10.0.0.0/8");
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6, unknown, 10.0.0.2").address, address("10.0.0.2"));
  const auto c = client("10.0.0.1", "6.6.6.6, unknown");
  EXPECT_EQ(c.address, address("10.0.0.1"));
  EXPECT_FALSE(c.forwarded);
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6,").address, address("10.0.0.1"));
  EXPECT_EQ(client("10.0.0.1", ",").address, address("10.0.0.1"));
}

TEST_F(ClientAddressTest, TheWalkIsBounded) {
  trust("10.0.0.0/8");
  std::string header = "6.6.6.6";
  for (int i = 0; i < 1000; ++i) header += ", 10.0.0.2";
  EXPECT_EQ(client("10.0.0.1", header).address, address("10.0.0.2"));
}

// What a sender writes before the trusted part never changes the answer.
TEST_F(ClientAddressTest, NothingLeftOfTheClientMatters) {
  trust("10.0.0.0/8");
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 5000; ++round) {
    std::string forged(random() % 30, ' ');
    for (char& c : forged) c = "0123456789.:,[] abcdef%\"x"[random() % 25];
    ASSERT_EQ(client("10.0.0.1", forged + ",203.0.113.9, 10.0.0.2").address, address("203.0.113.9")) << forged;
  }
}

}  // namespace
}  // namespace footfall::ingest
