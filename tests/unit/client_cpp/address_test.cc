// SPDX-License-Identifier: Apache-2.0
// Addresses as people write them.
#include "cpp/address.h"

#include <gtest/gtest.h>

namespace footfall::client {
namespace {

TEST(AddressTest, SaysHostPortAndBase) {
  Address address;
  ASSERT_EQ(parse_address("http://127.0.0.1:8080", address), "");
  EXPECT_EQ(address.host, "127.0.0.1");
  EXPECT_EQ(address.port, "8080");
  EXPECT_EQ(address.base, "");
  EXPECT_EQ(address.host_field(), "127.0.0.1:8080");
  ASSERT_EQ(parse_address("http://[::1]:81/counter/", address), "");
  EXPECT_EQ(address.host, "::1");
  EXPECT_EQ(address.base, "/counter");
  EXPECT_EQ(address.host_field(), "[::1]:81");
  ASSERT_EQ(parse_address("https://stats.example.vn", address), "");
  EXPECT_TRUE(address.tls);
  EXPECT_EQ(address.port, "443");
  ASSERT_EQ(parse_address("unix:/run/footfall/admin.sock", address), "");
  EXPECT_EQ(address.path, "/run/footfall/admin.sock");
  EXPECT_EQ(address.host_field(), "localhost");
}

TEST(AddressTest, WhatIsNoneIsToldWithTheFormsThatAre) {
  for (const char* text : {"", "127.0.0.1:8080", "ftp://x", "http://", "http://:80", "http://x:0", "http://x:65536",
                           "http://x:80a", "http://a@b", "http://x/a?b", "http://x/a b", "unix:"}) {
    Address address;
    address.host = "untouched";
    EXPECT_NE(parse_address(text, address).find("http://127.0.0.1:8080"), std::string::npos) << text;
    EXPECT_EQ(address.host, "untouched") << text;
  }
}

}  // namespace
}  // namespace footfall::client
