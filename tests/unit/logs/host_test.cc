// SPDX-License-Identifier: Apache-2.0
#include "logs/host.h"

#include <gtest/gtest.h>

namespace footfall::logs {
namespace {

TEST(HostTest, PortDotAndCaseGo) {
  EXPECT_EQ(plain_host("WWW.Example.vn:8080"), "www.example.vn");
  EXPECT_EQ(plain_host("example.vn."), "example.vn");
  EXPECT_EQ(plain_host("example.vn.:80"), "example.vn");
  EXPECT_EQ(plain_host("[2001:DB8::1]:80"), "[2001:db8::1]");
  EXPECT_EQ(plain_host("[::1]"), "[::1]");
  for (const char* same : {"", "_", "a.vn", "-"}) EXPECT_EQ(plain_host(same), same);
}

}  // namespace
}  // namespace footfall::logs
