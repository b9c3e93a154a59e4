// SPDX-License-Identifier: Apache-2.0
#include "descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace footfall {
namespace {

TEST(DescriptorsTest, TheSoftLimitBecomesTheHardOne) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{256, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
  rlimit now{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, before.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(DescriptorsTest, ConnectionsLeaveRoomForAllElse) {
  for (const std::uint64_t limit : {0U, 64U, 1024U, 65'536U, 1'048'576U}) {
    for (const unsigned threads : {1U, 2U, 63U}) {
      const std::size_t connections = connections_for(limit, threads);
      EXPECT_GE(connections, 16U);
      if (connections > 16) {
        EXPECT_LE(connections * threads, limit - 160);
      }
    }
  }
  EXPECT_EQ(connections_for(1024, 1), 784U);
}

}  // namespace
}  // namespace footfall
