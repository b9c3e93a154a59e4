// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposition.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>

#include "redis/replicator.h"
#include "redis/server_error.h"

namespace footfall::metrics {
namespace {

class ExpositionTest : public ::testing::Test {
 protected:
  ExpositionTest() : exposition_({&shards_[0], &shards_[1]}, [this] { return facts_; }) {
    facts_.version = "0.1.0";
    facts_.revision = "abc";
  }
  bool shows(const std::string& line) const {
    return ("\n" + exposition_.text()).find("\n" + line + "\n") != std::string::npos;
  }
  std::size_t series() const {
    std::istringstream text(exposition_.text());
    std::size_t series = 0;
    for (std::string line; std::getline(text, line);) series += !line.empty() && line[0] != '#' ? 1U : 0U;
    return series;
  }

  std::array<ShardCounters, 2> shards_;
  Facts facts_;
  Exposition exposition_;
};

TEST_F(ExpositionTest, ShardsAreSummed) {
  shards_[0].received.add(3);
  shards_[1].received.add(4);
  shards_[0].reject(ingest::Rejection::origin, 2);
  shards_[1].answered(api::Route::hit, 204);
  shards_[1].balance();
  facts_.sites = 5;
  shards_[0].other_pages.add(2);
  shards_[1].other_pages.add(3);
  shards_[0].pages_most.set(12);
  shards_[1].pages_most.set(13);
  facts_.pages_most_at_start = 11;
  facts_.pages_max = 100;
  facts_.unsynced_hits = 6;
  facts_.batch_keys = 7;
  facts_.changes_remembered = 10'000;
  facts_.changes_past = 8;
  facts_.changes_past_bytes = 160;
  shards_[0].key(KeyOutcome::replayed);
  shards_[1].key(KeyOutcome::replayed);
  facts_.journal_sync_seconds = 1.5;
  facts_.reload_failures = 2;
  facts_.refused_without_descriptor = 9;
  facts_.send_timeouts = 11;
  facts_.last_reload_succeeded = false;
  facts_.last_reload_success_s = 1'700'000'000;
  EXPECT_TRUE(shows("footfall_hits_received_total 7"));
  EXPECT_TRUE(shows("footfall_hits_rejected_total{reason=\"origin\"} 2"));
  EXPECT_TRUE(shows("footfall_http_requests_total{route=\"hit\",code_class=\"2xx\"} 1"));
  EXPECT_TRUE(shows("footfall_ledger_mismatch 4"));
  EXPECT_TRUE(shows("footfall_sites 5"));
  EXPECT_TRUE(shows("footfall_series_overflow_total{kind=\"pages\"} 5"));
  EXPECT_TRUE(shows("footfall_tracked_series{kind=\"pages\"} 13"));
  EXPECT_TRUE(shows("footfall_tracked_series_max{kind=\"pages\"} 100"));
  EXPECT_TRUE(shows("footfall_http_connections_refused_total{reason=\"descriptors\"} 9"));
  EXPECT_TRUE(shows("footfall_http_timeouts_total{for=\"reading\"} 11"));
  EXPECT_TRUE(shows("footfall_unsynced_hits 6"));
  EXPECT_TRUE(shows("footfall_batch_keys 7"));
  EXPECT_TRUE(shows("footfall_changes{state=\"remembered\"} 10000"));
  EXPECT_TRUE(shows("footfall_changes{state=\"past\"} 8"));
  EXPECT_TRUE(shows("footfall_changes_past_bytes 160"));
  EXPECT_TRUE(shows("footfall_batch_key_requests_total{outcome=\"replayed\"} 2"));
  EXPECT_TRUE(shows("footfall_journal_sync_seconds_total 1.5"));
  EXPECT_TRUE(shows("footfall_reload_failures_total 2"));
  EXPECT_TRUE(shows("footfall_config_last_reload_successful 0"));
  EXPECT_TRUE(shows("footfall_config_last_reload_success_timestamp_seconds 1700000000"));
}

TEST_F(ExpositionTest, TheLedgerIsThatOfPassesAndOfStartsAndCheckpoints) {
  shards_[0].received.add(4);
  shards_[0].balance();
  shards_[1].applied_kinds.at(1).add(2);
  shards_[1].applied_bots.add(3);
  shards_[0].counted.add(5);
  facts_.ledger_mismatch = 2;
  facts_.ledger_checks = 7;
  facts_.ledger_stream_hits = 10;
  facts_.ledger_site_hits = 8;
  EXPECT_TRUE(shows("footfall_ledger_mismatch 6"));
  EXPECT_TRUE(shows("footfall_ledger_checks_total 7"));
  EXPECT_TRUE(shows("footfall_ledger_hits{in=\"streams\"} 10"));
  EXPECT_TRUE(shows("footfall_ledger_hits{in=\"sites\"} 8"));
  EXPECT_TRUE(shows("footfall_saturated_sites 0"));
  facts_.saturated_sites = 3;
  EXPECT_TRUE(shows("footfall_saturated_sites 3"));
  EXPECT_TRUE(shows("footfall_hits_kind_total{kind=\"event\"} 2"));
  EXPECT_TRUE(shows("footfall_hits_bot_total 3"));
  EXPECT_TRUE(shows("footfall_hits_counted_total 5"));
}

TEST_F(ExpositionTest, WhatIsReadAndNotAnsweredIsInFlight) {
  facts_.requests_begun = 7;
  shards_[0].answered(api::Route::hit, 204);
  shards_[1].answered(api::Route::none, 404);
  EXPECT_TRUE(shows("footfall_http_requests_in_flight 5"));
  for (int i = 0; i < 6; ++i) shards_[1].answered(api::Route::hit, 204);  // counted a moment later than they began
  EXPECT_TRUE(shows("footfall_http_requests_in_flight 0"));
}

TEST_F(ExpositionTest, DurationsOfHitsAreAHistogramOfAllShards) {
  shards_[0].hit_durations.add(1, 3);
  shards_[1].hit_durations.add(40, 2);
  shards_[1].hit_durations.add(5000, 1);
  EXPECT_TRUE(shows("footfall_hit_duration_seconds_count 6"));
  EXPECT_TRUE(shows("footfall_hit_duration_seconds_sum 5.083"));
  EXPECT_TRUE(shows("footfall_hit_duration_seconds_bucket{le=\"0.002\"} 3"));
  EXPECT_TRUE(shows("footfall_hit_duration_seconds_bucket{le=\"0.1\"} 5"));
  EXPECT_TRUE(shows("footfall_hit_duration_seconds_bucket{le=\"1\"} 5"));
  EXPECT_TRUE(shows("footfall_hit_duration_seconds_bucket{le=\"+Inf\"} 6"));
}

TEST_F(ExpositionTest, LimitsStandBesideWhatTheyBound) {
  facts_.connections_max = 11;
  facts_.body_memory_max = 12;
  facts_.unsynced_hits_max = 13;
  facts_.online_pairs_max = 14;
  facts_.batch_keys_max = 15;
  facts_.batch_key_bytes_max = 16;
  for (const char* line :
       {"footfall_http_connections_max 11", "footfall_http_body_bytes_max 12", "footfall_unsynced_hits_max 13",
        "footfall_online_pairs_max 14", "footfall_batch_keys_max 15", "footfall_batch_key_bytes_max 16"})
    EXPECT_TRUE(shows(line)) << line;
}

TEST_F(ExpositionTest, TheBuildSaysOfWhatItIsMade) {
  facts_.hiredis = "0.14.1";
  facts_.openssl = "3.0.15";
  EXPECT_NE(exposition_.text().find("hiredis=\"0.14.1\",openssl=\"3.0.15\",durability=\"disk\"} 1\n"),
            std::string::npos);
}

TEST_F(ExpositionTest, TheWayToRedisIsTimed) {
  facts_.redis = true;
  facts_.redis_round_trips = 4;
  facts_.redis_round_trip_ms = 6;
  EXPECT_TRUE(shows("footfall_redis_roundtrip_seconds_count 4"));
  EXPECT_TRUE(shows("footfall_redis_roundtrip_seconds_sum 0.006"));
}

TEST_F(ExpositionTest, ZerosAreThereFromTheStart) {
  EXPECT_TRUE(shows("footfall_hits_accepted_total 0"));
  EXPECT_TRUE(shows("footfall_hits_rejected_total{reason=\"disk\"} 0"));
  EXPECT_TRUE(shows("footfall_ledger_mismatch 0"));
}

TEST_F(ExpositionTest, TlsIsShownWhereThereIsSome) {
  EXPECT_EQ(exposition_.text().find("footfall_tls_"), std::string::npos);
  facts_.tls_expires_s = 1'800'000'000;
  facts_.tls_handshakes = 5;
  facts_.tls_resumed = 3;
  facts_.tls_failures.at(static_cast<std::size_t>(base::TlsFailure::late)) = 2;
  EXPECT_TRUE(shows("footfall_tls_handshakes_total{kind=\"full\"} 2"));
  EXPECT_TRUE(shows("footfall_tls_handshakes_total{kind=\"resumed\"} 3"));
  EXPECT_TRUE(shows("footfall_tls_failures_total{reason=\"late\"} 2"));
  EXPECT_TRUE(shows("footfall_tls_failures_total{reason=\"plain_text\"} 0"));
  EXPECT_TRUE(shows("footfall_tls_certificate_expires_timestamp_seconds 1800000000"));
}

TEST_F(ExpositionTest, LargeCountsKeepTheirDigits) {
  shards_[0].received.add(9'007'199'254'740'992);
  EXPECT_TRUE(exposition_.text().find("footfall_hits_received_total 9007199254740992\n") != std::string::npos ||
              exposition_.text().find("footfall_hits_received_total 9.007199254740992e+15\n") != std::string::npos)
      << exposition_.text().substr(0, 300);
}

TEST_F(ExpositionTest, SeriesAreBoundedAndIndependentOfWhatComesIn) {
  const redis::ReplicatorCounters replication;
  const SyslogCounters syslog;
  facts_.tls_expires_s = 1'800'000'000;
  facts_.syslog = {&syslog};
  facts_.redis = true;
  for (std::size_t i = 0; i < redis::kErrorClasses; ++i)
    facts_.redis_errors.emplace_back(redis::name_of(static_cast<redis::ErrorClass>(i)), 0);
  facts_.replication = &replication;
  facts_.redis_clock_ahead_s = 0.0;
  const std::size_t before = series();
  EXPECT_LE(before, 300U) << "with all parts that there are";
  EXPECT_GE(before, 100U);
  for (std::size_t route = 0; route < kRoutes; ++route) shards_[0].answered(static_cast<api::Route>(route), 500);
  for (std::size_t reason = 1; reason < kRejections; ++reason)
    shards_[1].reject(static_cast<ingest::Rejection>(reason));
  EXPECT_EQ(series(), before);
}

TEST_F(ExpositionTest, NamesAndSeriesAreDistinct) {
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : exposition_.Collect()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_FALSE(family.help.empty());
    std::set<std::vector<prometheus::ClientMetric::Label>> labels;
    for (const prometheus::ClientMetric& metric : family.metric)
      EXPECT_TRUE(labels.insert(metric.label).second) << family.name;
  }
}

TEST_F(ExpositionTest, ASiteHasSeriesOfItsOwnWhereAskedFor) {
  EXPECT_EQ(exposition_.text().find("footfall_site_"), std::string::npos);
  const std::size_t before = series();
  facts_.site_series = {{"a.vn", 12, 10, 3}, {"b.vn", 5, 5, 0}};
  EXPECT_EQ(series(), before + 6);
  EXPECT_TRUE(shows("footfall_site_hits{site=\"a.vn\"} 12"));
  EXPECT_TRUE(shows("footfall_site_hits_counted_total{site=\"a.vn\"} 10"));
  EXPECT_TRUE(shows("footfall_site_online{site=\"b.vn\"} 0"));
}

TEST_F(ExpositionTest, PromtoolFindsNothingToSay) {
  facts_.site_series = {{"a.vn", 12, 10, 3}};
  facts_.redis = true;
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  FILE* const promtool = popen("promtool check metrics 2>&1", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string text = exposition_.text();
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), promtool), text.size());
  EXPECT_EQ(pclose(promtool), 0);
}

}  // namespace
}  // namespace footfall::metrics
