// SPDX-License-Identifier: Apache-2.0
#include "base/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::base {
namespace {

Address address(std::string_view text) {
  Address out;
  EXPECT_TRUE(parse_address(text, out)) << text;
  return out;
}
bool parses(std::string_view text) {
  Address out;
  return parse_address(text, out);
}
Cidr cidr(std::string_view text) {
  const auto parsed = parse_cidr(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? parsed.value() : Cidr{};
}

TEST(AddressTest, ReadsTheFormsThatProxiesWrite) {
  EXPECT_EQ(address("192.0.2.1"), address("::ffff:192.0.2.1"));
  EXPECT_EQ(address("192.0.2.1:8080"), address("192.0.2.1"));
  EXPECT_EQ(address("[2001:db8::1]:443"), address("2001:db8:0:0:0:0:0:1"));
  EXPECT_EQ(address("[2001:DB8::1]"), address("2001:db8::1"));
  EXPECT_TRUE(is_ipv4(address("192.0.2.1")));
  EXPECT_FALSE(is_ipv4(address("2001:db8::1")));
}

TEST(AddressTest, FourNumbersAreReadAsTheSystemReadsThem) {
  std::mt19937_64 random(testing::rng_seed());
  int good = 0;
  for (int round = 0; round < 40'000; ++round) {
    std::string text;
    for (int part = 0; part < 4; ++part)
      text += (part == 0 ? "" : ".") + std::to_string(random() % (random() % 2 == 0 ? 260 : 12));
    for (std::size_t changes = random() % 3; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      if (random() % 2 == 0)
        text.insert(at, 1, "0.1 25x\0"[random() % 8]);
      else
        text.erase(at, 1);
      if (text.empty()) text = "0";
    }
    std::uint8_t expected[4] = {};
    const bool valid = text.find('\0') == std::string::npos && inet_pton(AF_INET, text.c_str(), expected) == 1;
    Address out;
    ASSERT_EQ(parse_address(text, out), valid) << ::testing::PrintToString(text);
    if (valid) {
      ++good;
      ASSERT_TRUE(is_ipv4(out) && std::equal(std::begin(expected), std::end(expected), out.bytes.begin() + 12)) << text;
    }
  }
  EXPECT_GT(good, 10'000);
}

TEST(AddressTest, RefusesAllElse) {
  for (const char* text : {"",
                           " ",
                           "unknown",
                           "_hidden",
                           "192.0.2",
                           "192.0.2.256",
                           "192.0.2.1.5",
                           "192.0.2.01",
                           "192.0.2.1:",
                           "192.0.2.1:x",
                           "192.0.2.1:123456",
                           "2001:db8::1::2",
                           "[2001:db8::1",
                           "2001:db8::1]",
                           "[192.0.2.1]",
                           "[2001:db8::1]443",
                           "[2001:db8::1]:",
                           "[]",
                           "fe80::1%eth0",
                           "example.vn",
                           " 192.0.2.1",
                           "192.0.2.1 ",
                           "0x7f.1",
                           "1:2:3:4:5:6:7:8:9",
                           "\"192.0.2.1\"",
                           ":",
                           "::ffff:1.2.3.4.5"}) {
    EXPECT_FALSE(parses(text)) << text;
  }
  EXPECT_FALSE(parses(std::string_view("192.0.2.1\0", 10)));
  EXPECT_FALSE(parses(std::string(10'000, '1')));
}

TEST(AddressTest, LoopbackIsWhatTheKernelCallsLoopback) {
  EXPECT_TRUE(is_loopback(address("127.0.0.1")));
  EXPECT_TRUE(is_loopback(address("127.255.0.9")));
  EXPECT_TRUE(is_loopback(address("::1")));
  EXPECT_FALSE(is_loopback(address("128.0.0.1")));
  EXPECT_FALSE(is_loopback(address("::2")));
  EXPECT_FALSE(is_loopback(address("::")));
}

TEST(AddressTest, AClientIsAnIPv4AddressOrAnIPv6Network) {
  const auto same = [](std::string_view a, std::string_view b) {
    const Address left = address(a), right = address(b);
    return client_prefix(left.bytes.data()) == client_prefix(right.bytes.data());
  };
  EXPECT_TRUE(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_FALSE(same("2001:db8:1:2::1", "2001:db8:1:3::1"));
  EXPECT_FALSE(same("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(same("192.0.2.1", "::ffff:192.0.2.1"));
}

TEST(CidrTest, HoldsWhatSharesItsBits) {
  EXPECT_TRUE(cidr("10.0.0.0/8").contains(address("10.255.1.2")));
  EXPECT_FALSE(cidr("10.0.0.0/8").contains(address("11.0.0.0")));
  EXPECT_TRUE(cidr("192.0.2.128/25").contains(address("192.0.2.200")));
  EXPECT_FALSE(cidr("192.0.2.128/25").contains(address("192.0.2.127")));
  EXPECT_TRUE(cidr("2001:db8::/33").contains(address("2001:db8:7fff::1")));
  EXPECT_FALSE(cidr("2001:db8::/33").contains(address("2001:db8:8000::1")));
  EXPECT_TRUE(cidr("192.0.2.7").contains(address("192.0.2.7")));
  EXPECT_TRUE(cidr("0.0.0.0/0").contains(address("8.8.8.8")));
  EXPECT_FALSE(cidr("0.0.0.0/0").contains(address("2001:db8::1")));
  EXPECT_TRUE(cidr("::/0").contains(address("8.8.8.8")));
}

TEST(CidrTest, AgreesWithComparingBitByBit) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 20'000; ++round) {
    Cidr c;
    Address other;
    c.bits = static_cast<std::uint8_t>(random() % 129);
    for (std::size_t i = 0; i < 16; ++i) {
      c.network.bytes[i] = static_cast<std::uint8_t>(random());
      other.bytes[i] = random() % 8 == 0 ? static_cast<std::uint8_t>(random()) : c.network.bytes[i];
    }
    bool same = true;
    for (unsigned bit = 0; bit < c.bits; ++bit) {
      same = same && (c.network.bytes[bit / 8] >> (7 - bit % 8) & 1) == (other.bytes[bit / 8] >> (7 - bit % 8) & 1);
    }
    ASSERT_EQ(c.contains(other), same) << int{c.bits};
  }
}

TEST(CidrTest, RefusesWithTheReason) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8", "2001:db8::/129",
                           "2001:db8::1/32", "proxy/8", "10.0.0.0:80/8", "/8"}) {
    const auto parsed = parse_cidr(text);
    EXPECT_FALSE(parsed.has_value()) << text;
    if (!parsed) {
      EXPECT_EQ(parsed.error().code, Errc::malformed);
    }
  }
}

TEST(CidrTest, ItsTextReadsBack) {
  for (const char* text : {"10.0.0.0/8", "192.0.2.7", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1", "::/0", "::1"})
    EXPECT_EQ(text_of(cidr(text)), text);
  EXPECT_EQ(text_of(cidr("2001:DB8:0::/33")), "2001:db8::/33");
  EXPECT_EQ(text_of(cidr("10.1.2.3/32")), "10.1.2.3");
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 2'000; ++round) {
    Cidr made;
    made.bits = static_cast<std::uint8_t>(random() % 129);
    for (unsigned bit = 0; bit < made.bits; ++bit)
      made.network.bytes[bit / 8] |= static_cast<std::uint8_t>((random() & 1) << (7 - bit % 8));
    ASSERT_EQ(cidr(text_of(made)), made) << text_of(made);
  }
}

}  // namespace
}  // namespace footfall::base
