// SPDX-License-Identifier: Apache-2.0
#include "ingest/rate_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

Address ipv4(std::uint32_t number) {
  Address out;
  out.bytes[10] = out.bytes[11] = 0xFF;
  for (std::size_t i = 0; i < 4; ++i) out.bytes[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return out;
}
Address ipv6(std::uint16_t network, std::uint16_t host) {
  Address out;
  out.bytes[0] = 0x20;
  out.bytes[6] = static_cast<std::uint8_t>(network >> 8U);
  out.bytes[7] = static_cast<std::uint8_t>(network);
  out.bytes[14] = static_cast<std::uint8_t>(host >> 8U);
  out.bytes[15] = static_cast<std::uint8_t>(host);
  return out;
}

constexpr std::int64_t kNow = 1'795'000'000'000;

TEST(RateLimitTest, AllowsABurstThenTheRate) {
  RateLimit limit(10, 5);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limit.allow(ipv4(1), kNow));
  EXPECT_FALSE(limit.allow(ipv4(1), kNow));
  EXPECT_FALSE(limit.allow(ipv4(1), kNow + 99));
  EXPECT_TRUE(limit.allow(ipv4(1), kNow + 100));
  EXPECT_FALSE(limit.allow(ipv4(1), kNow + 100));
}

TEST(RateLimitTest, ClientsDoNotShareABucketButAnIPv6NetworkDoes) {
  RateLimit limit(1, 1);
  EXPECT_TRUE(limit.allow(ipv4(1), kNow));
  EXPECT_TRUE(limit.allow(ipv4(2), kNow));
  EXPECT_FALSE(limit.allow(ipv4(2), kNow));
  EXPECT_TRUE(limit.allow(ipv6(1, 1), kNow));
  EXPECT_FALSE(limit.allow(ipv6(1, 2), kNow));
  EXPECT_TRUE(limit.allow(ipv6(2, 1), kNow));
}

TEST(RateLimitTest, ZeroIsNoLimit) {
  RateLimit limit(0, 0);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.allow(ipv4(1), kNow, 1000));
}

TEST(RateLimitTest, ARefusedCostTakesNothing) {
  RateLimit limit(1, 10);
  EXPECT_FALSE(limit.allow(ipv4(1), kNow, 11));
  EXPECT_TRUE(limit.allow(ipv4(1), kNow, 10));
  EXPECT_FALSE(limit.allow(ipv4(1), kNow, UINT32_MAX));
}

TEST(RateLimitTest, ALookTakesNothingAndKeepsNoAccount) {
  RateLimit limit(1, 3, 4);
  EXPECT_FALSE(limit.exhausted(ipv4(1), kNow, 3));
  EXPECT_TRUE(limit.exhausted(ipv4(1), kNow, 4)) << "never allowed";
  EXPECT_TRUE(limit.allow(ipv4(1), kNow, 3));
  for (std::uint32_t other = 2; other < 100; ++other) EXPECT_FALSE(limit.exhausted(ipv4(other), kNow));
  EXPECT_TRUE(limit.exhausted(ipv4(1), kNow + 999));
  EXPECT_FALSE(limit.exhausted(ipv4(1), kNow + 1000));
  EXPECT_TRUE(limit.exhausted(ipv4(1), kNow + 1000, 2));
  EXPECT_FALSE(RateLimit(0, 0).exhausted(ipv4(1), kNow, 1000));
}

TEST(RateLimitTest, AnOlderReadingOfTheClockAddsNothing) {
  RateLimit limit(1000, 1);
  EXPECT_TRUE(limit.allow(ipv4(1), kNow));
  EXPECT_FALSE(limit.allow(ipv4(1), kNow - 500));
  EXPECT_TRUE(limit.allow(ipv4(1), kNow + 1));
}

TEST(RateLimitTest, AgreesWithAMapOfBuckets) {
  struct Bucket {
    std::uint64_t tokens_milli;
    std::int64_t at_ms;
  };
  std::mt19937_64 random(testing::rng_seed());
  std::size_t refused = 0;
  for (int round = 0; round < 20; ++round) {
    const auto rate = static_cast<std::uint32_t>(1 + random() % 50),
               burst = static_cast<std::uint32_t>(1 + random() % 20);
    RateLimit limit(rate, burst, 4096);      // far more than the clients, so that none is replaced
    std::map<std::uint32_t, Bucket> oracle;  // client -> bucket
    std::int64_t now = kNow + static_cast<std::int64_t>(random() % 5'000'000'000);
    for (int i = 0; i < 5000; ++i) {
      now += static_cast<std::int64_t>(random() % 8 == 0 ? random() % 2000 : random() % 10);
      const auto client = static_cast<std::uint32_t>(random() % 8);
      const auto cost = static_cast<std::uint32_t>(1 + random() % 3);
      Bucket& bucket = oracle.try_emplace(client, Bucket{burst * 1000ULL, now}).first->second;
      bucket.tokens_milli = std::min<std::uint64_t>(
          burst * 1000ULL, bucket.tokens_milli + static_cast<std::uint64_t>(now - bucket.at_ms) * rate);
      bucket.at_ms = now;
      const bool expected = bucket.tokens_milli >= cost * 1000ULL;
      if (expected) bucket.tokens_milli -= cost * 1000ULL;
      ASSERT_EQ(limit.allow(ipv4(client), now, cost), expected) << "round " << round << " call " << i;
      refused += expected ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 0U);
}

TEST(RateLimitTest, AFloodOfClientsReplacesTheIdleNotTheBusy) {
  RateLimit limit(1, 3, 4);  // one group of four
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.allow(ipv4(0), kNow));
  std::int64_t now = kNow;
  for (std::uint32_t other = 1; other <= 200; ++other) {
    ++now;
    EXPECT_TRUE(limit.allow(ipv4(other), now));
    EXPECT_FALSE(limit.allow(ipv4(0), now)) << other;  // still known, still empty
  }
}

}  // namespace
}  // namespace footfall::ingest
