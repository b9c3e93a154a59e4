// SPDX-License-Identifier: Apache-2.0
#include "ingest/failed_attempts.h"

#include <gtest/gtest.h>

namespace footfall::ingest {
namespace {

constexpr std::int64_t kNow = 1'795'000'000'000;
constexpr std::uint32_t kMany = FailedAttempts::kPerMinute;

Asker from(const char* text) {
  Asker who;
  EXPECT_TRUE(parse_address(text, who.address));
  return who;
}

TEST(FailedAttemptsTest, AfterSoManyWrongOnesNoTokenOfThePrefixIsLookedAt) {
  FailedAttempts attempts;
  const Asker guesser = from("2001:db8::1");
  for (std::uint32_t i = 0; i < kMany; ++i) {
    EXPECT_FALSE(attempts.shut_out(guesser, kNow));
    EXPECT_TRUE(attempts.failed(guesser, kNow));
  }
  EXPECT_TRUE(attempts.shut_out(guesser, kNow));
  EXPECT_TRUE(attempts.shut_out(from("2001:db8::ffff"), kNow)) << "the same /64";
  EXPECT_FALSE(attempts.shut_out(from("2001:db8:0:1::1"), kNow));
  EXPECT_FALSE(attempts.shut_out(from("192.0.2.1"), kNow));
  EXPECT_EQ(attempts.wrong().get(), kMany);
  EXPECT_EQ(attempts.limited().get(), 2U);
}

TEST(FailedAttemptsTest, ThePrefixMayTryAgainBitByBit) {
  FailedAttempts attempts;
  const Asker guesser = from("192.0.2.1");
  for (std::uint32_t i = 0; i < kMany; ++i) attempts.failed(guesser, kNow);
  EXPECT_TRUE(attempts.shut_out(guesser, kNow + 2999));
  EXPECT_FALSE(attempts.shut_out(guesser, kNow + 3000));
  EXPECT_TRUE(attempts.failed(guesser, kNow + 3000));
  EXPECT_TRUE(attempts.shut_out(guesser, kNow + 3000));
  EXPECT_FALSE(attempts.shut_out(guesser, kNow + 60'000 + 3000));
}

TEST(FailedAttemptsTest, WhoIsOnThisMachineIsToldToWaitAndNotShutOut) {
  FailedAttempts attempts;
  Asker local = from("127.0.0.1");
  local.local = true;
  for (std::uint32_t i = 0; i < kMany; ++i) EXPECT_TRUE(attempts.failed(local, kNow));
  EXPECT_FALSE(attempts.failed(local, kNow));
  EXPECT_FALSE(attempts.shut_out(local, kNow));
}

TEST(FailedAttemptsTest, ManyPrefixesTogetherAreToldToWaitAndShutNobodyOut) {
  FailedAttempts attempts;
  std::uint32_t told = 0;
  for (int net = 0; net < 100; ++net) {
    for (std::uint32_t i = 0; i < kMany / 2; ++i)
      told += attempts.failed(from(("198.51.100." + std::to_string(net)).c_str()), kNow) ? 0U : 1U;
  }
  EXPECT_EQ(told, 100 * kMany / 2 - FailedAttempts::kPerMinuteInAll);
  EXPECT_FALSE(attempts.shut_out(from("198.51.100.1"), kNow));
  EXPECT_FALSE(attempts.shut_out(from("192.0.2.1"), kNow));
}

}  // namespace
}  // namespace footfall::ingest
