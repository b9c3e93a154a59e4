// SPDX-License-Identifier: Apache-2.0
#include "sites/refusals.h"

#include <gtest/gtest.h>

namespace footfall::sites {
namespace {

TEST(Refusals, AreCountedByReason) {
  Refusals refusals;
  EXPECT_TRUE(refusals.known().reasons.empty());
  refusals.add("origin", "shop.example", 10);
  refusals.add("rate", "", 11);
  refusals.add("origin", "", 12);
  const Refusals::Known known = refusals.known();
  ASSERT_EQ(known.reasons.size(), 2U);
  EXPECT_EQ(known.reasons[0], (std::pair<std::string_view, std::uint64_t>{"origin", 2}));
  EXPECT_EQ(known.reasons[1], (std::pair<std::string_view, std::uint64_t>{"rate", 1}));
}

TEST(Refusals, TheLatestStandFirstAndEqualNeighboursAreOne) {
  Refusals refusals;
  refusals.add("origin", "a.example", 10);
  refusals.add("origin", "b.example", 11);
  refusals.add("origin", "b.example", 15);
  const auto latest = refusals.known().latest;
  ASSERT_EQ(latest.size(), 2U);
  EXPECT_EQ(latest[0].host, "b.example");
  EXPECT_EQ(latest[0].at_s, 15);
  EXPECT_EQ(latest[0].times, 2U);
  EXPECT_EQ(latest[1].host, "a.example");
}

TEST(Refusals, AreBounded) {
  Refusals refusals;
  for (int i = 0; i < 100; ++i) refusals.add("origin", std::to_string(i) + std::string(1000, 'x'), i);
  const Refusals::Known known = refusals.known();
  EXPECT_EQ(known.latest.size(), Refusals::kLatestMax);
  EXPECT_EQ(known.latest.front().at_s, 99);
  EXPECT_EQ(known.latest.front().host.size(), Refusals::kHostBytesMax);
  EXPECT_EQ(known.reasons.front().second, 100U);
}

}  // namespace
}  // namespace footfall::sites
