// SPDX-License-Identifier: Apache-2.0
#include "base/cidr_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>

#include "support/rng_seed.h"

namespace footfall::base {
namespace {

CidrSet set_of(std::initializer_list<std::string_view> texts) {
  std::vector<Cidr> networks;
  for (const std::string_view text : texts) networks.push_back(parse_cidr(text).value());
  return networks;
}

bool holds(const CidrSet& set, std::string_view text) {
  Address address;
  EXPECT_TRUE(parse_address(text, address)) << text;
  return set.contains(address);
}

TEST(CidrSetTest, HoldsWhatOneOfItsNetworksHolds) {
  const CidrSet set = set_of({"2001:db8::/32", "10.0.0.0/8", "192.0.2.1", "10.1.0.0/16"});
  for (const char* text : {"10.0.0.0", "10.255.255.255", "10.1.2.3", "192.0.2.1", "2001:db8:ffff::1"})
    EXPECT_TRUE(holds(set, text)) << text;
  for (const char* text : {"9.255.255.255", "11.0.0.0", "192.0.2.0", "192.0.2.2", "2001:db7::", "2001:db9::", "::1"})
    EXPECT_FALSE(holds(set, text)) << text;
  EXPECT_EQ(set.networks().size(), 3U) << "10.1.0.0/16 lies in 10.0.0.0/8";
  EXPECT_FALSE(holds(CidrSet(), "10.0.0.1"));
  EXPECT_TRUE(holds(set_of({"::/0"}), "10.0.0.1"));
}

TEST(CidrSetTest, IsAsAPlainSearch) {
  const auto rng_seed = testing::rng_seed();
  std::mt19937_64 random(rng_seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<Cidr> networks(random() % 12);
    for (Cidr& cidr : networks) {
      // In few bytes, so that many lie in others, and addresses are met.
      cidr.bits = static_cast<std::uint8_t>(random() % 17);
      const std::uint16_t begin = static_cast<std::uint16_t>(random() % 65536 & ~((1U << (16U - cidr.bits)) - 1));
      cidr.network.bytes[0] = static_cast<std::uint8_t>(begin >> 8U);
      cidr.network.bytes[1] = static_cast<std::uint8_t>(begin);
    }
    const CidrSet set(networks);
    for (int i = 0; i < 200; ++i) {
      Address address;
      for (std::size_t k = 0; k < 3; ++k) address.bytes.at(k) = static_cast<std::uint8_t>(random());
      const bool expected =
          std::any_of(networks.begin(), networks.end(), [&](const Cidr& cidr) { return cidr.contains(address); });
      ASSERT_EQ(set.contains(address), expected) << "rng_seed " << rng_seed << ", round " << round;
    }
  }
}

}  // namespace
}  // namespace footfall::base
