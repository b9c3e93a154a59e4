// SPDX-License-Identifier: Apache-2.0
#include "metrics/shard_counters.h"

#include <gtest/gtest.h>

namespace footfall::metrics {
namespace {

TEST(ShardCounters, ABalancedLedgerHasNoMismatch) {
  ShardCounters counters;
  counters.balance();
  EXPECT_EQ(counters.ledger_mismatch.get(), 0U);
  counters.received.add(10);
  counters.accepted.add(7);
  counters.applied.add(7);
  counters.acknowledged.add(7);
  counters.reject(ingest::Rejection::rate, 2);
  counters.reject(ingest::Rejection::origin);
  counters.balance();
  EXPECT_EQ(counters.rejected_total(), 3U);
  EXPECT_EQ(counters.ledger_mismatch.get(), 0U);
}

TEST(ShardCounters, EveryDisagreementShowsInEitherDirection) {
  for (base::Counter ShardCounters::*const member :
       {&ShardCounters::received, &ShardCounters::accepted, &ShardCounters::applied, &ShardCounters::acknowledged}) {
    ShardCounters counters;
    (counters.*member).add(5);
    counters.balance();
    EXPECT_GE(counters.ledger_mismatch.get(), 5U);
  }
  ShardCounters counters;
  counters.reject(ingest::Rejection::disk);
  counters.balance();
  EXPECT_EQ(counters.ledger_mismatch.get(), 1U);
}

TEST(ShardCounters, AnswersAreCountedByRouteAndClass) {
  ShardCounters counters;
  for (const int status : {200, 204, 304, 404, 429, 503}) counters.answered(api::Route::stats, status);
  const auto& stats = counters.requests.at(static_cast<std::size_t>(api::Route::stats));
  EXPECT_EQ(stats[0].get(), 2U);
  EXPECT_EQ(stats[1].get(), 1U);
  EXPECT_EQ(stats[2].get(), 2U);
  EXPECT_EQ(stats[3].get(), 1U);
}

TEST(ShardCounters, OnlyFilesAreNotModifiedAndNothingIsFoundWhereNothingIs) {
  EXPECT_TRUE(has_answers(api::Route::script, 1));
  EXPECT_FALSE(has_answers(api::Route::stats, 1));
  EXPECT_FALSE(has_answers(api::Route::none, 0));
  EXPECT_FALSE(has_answers(api::Route::method_not_allowed, 0));
  for (std::size_t route = 0; route < kRoutes; ++route) {
    for (const std::size_t failed : {2U, 3U}) EXPECT_TRUE(has_answers(static_cast<api::Route>(route), failed));
  }
}

}  // namespace
}  // namespace footfall::metrics
