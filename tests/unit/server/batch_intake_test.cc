// SPDX-License-Identifier: Apache-2.0
#include "batch_intake.h"

#include <utility>

#include "intake_fixture.h"

namespace footfall {
namespace {

using api::Problem;
using http::Field;
using metrics::KeyOutcome;

const std::string kNode(32, 'a');
constexpr std::string_view kOne = "{\"site\":\"a.vn\",\"path\":\"/1\"}\n";
constexpr std::string_view kTwo = "{\"site\":\"a.vn\",\"path\":\"/1\"}\n{\"site\":\"b.vn\",\"path\":\"/2\"}\n";

class BatchIntakeTest : public IntakeFixture {
 protected:
  BatchIntakeTest() {
    token_.scopes = static_cast<std::uint32_t>(sites::Scope::ingest);
    set(Field::content_type, "application/x-ndjson");
  }
  void set(Field field, std::string_view value) {
    request_.fields[static_cast<std::size_t>(field)] = value;
    request_.present |= 1U << static_cast<unsigned>(field);
  }
  TakenBatch take(std::string_view body, std::string_view unavailable = {}, std::int64_t now_s = kNow) {
    request_.body = body;
    return intake_.take(request_, &token_, false, now_s * 1000, unavailable);
  }
  TakenBatch take_keyed(std::string_view name, std::string_view body, std::string_view unavailable = {}) {
    key_ = kNode + "/" + std::string(name);
    set(Field::idempotency_key, key_);
    return take(body, unavailable);
  }
  // As the shard does it: decided, durable, applied.
  void count(TakenBatch batch) {
    ASSERT_EQ(batch.problem, Problem::count_) << batch.text;
    counters_.accepted.add(batch.candidates.size());
    batch.claim.settle();
  }
  std::uint64_t outcome(KeyOutcome which) const {
    return counters_.batch_keys.at(static_cast<std::size_t>(which)).get();
  }
  // Each ping was accepted or has its reason.
  void expect_ledger_holds(std::size_t under_way = 0) {
    EXPECT_EQ(counters_.received.get(), counters_.accepted.get() + counters_.rejected_total() + under_way);
  }

  static std::shared_ptr<const lookup::AgentDatabase> agents() {
    static const std::shared_ptr<const lookup::AgentDatabase> loaded = lookup::AgentDatabase::load({});
    return loaded;
  }

  sites::Imports& imports_ = registry_.imports();
  sites::BatchKeys& keys_ = registry_.batch_keys();
  lookup::ClientLookup lookup_{lookup::AgentCache(agents())};
  metrics::ShardCounters counters_;
  sites::HitLimit all_;
  HitLimits limits_{all_};
  BatchIntake intake_{kNode, imports_, keys_, sites_, lookup_, limits_, counters_};
  sites::Token token_;
  http::Request request_;
  std::string key_;
};

TEST_F(BatchIntakeTest, ABatchOfManySitesIsOneListToDecide) {
  TakenBatch batch = take(kTwo);
  EXPECT_EQ(batch.problem, Problem::count_);
  ASSERT_EQ(batch.candidates.size(), 2U);
  EXPECT_EQ(batch.owners[1], sites_.find("b.vn"));
  EXPECT_EQ(batch.text, R"({"accepted":2,"rejected":[],"rejected_total":0,"bots":0})");
  EXPECT_FALSE(batch.claim.holds());
  expect_ledger_holds(2);
}

TEST_F(BatchIntakeTest, ABodyThatCameInPiecesIsTakenAsAWholeOneAndHoldsNothingBehindIt) {
  const TakenBatch whole = take(kTwo);
  const std::unique_ptr<BatchBody> body = intake_.begin(request_);
  for (const char c : kTwo) body->take({&c, 1});
  EXPECT_GT(body->memory(), 0U);
  request_.sink = body.get();
  const TakenBatch batch = take({});
  EXPECT_EQ(batch.text, whole.text);
  EXPECT_EQ(batch.candidates.size(), 2U);
  EXPECT_EQ(body->memory(), 0U) << "the connection still asks";
}

TEST_F(BatchIntakeTest, WhatIsRefusedIsListedAndTheRestIsTaken) {
  TakenBatch batch =
      take("{\"site\":\"nowhere.vn\"}\nnonsense\n" + std::string(kOne) + R"({"site":"a.vn","time":1700000900})");
  EXPECT_EQ(batch.candidates.size(), 1U);
  EXPECT_EQ(batch.text.substr(0, batch.text.find(",{\"index\":1")),
            R"({"accepted":1,"rejected":[{"index":0,"reason":"unknown_site"})");
  EXPECT_NE(batch.text.find(R"({"index":3,"reason":"time"}],"rejected_total":3,"bots":0})"), std::string::npos)
      << batch.text;
  expect_ledger_holds(1);
}

TEST_F(BatchIntakeTest, WhatIsBeyondTheRateIsRejectedButNotOfALog) {
  limits_.set_in_all(1);
  const TakenBatch batch = take(kTwo);
  EXPECT_EQ(batch.candidates.size(), 1U);
  EXPECT_EQ(batch.text, R"({"accepted":1,"rejected":[{"index":1,"reason":"rate"}],"rejected_total":1,"bots":0})");
  EXPECT_EQ(counters_.rejected.at(static_cast<std::size_t>(ingest::Rejection::rate)).get(), 1U);
  expect_ledger_holds(1);
  imports_.begin(registry_.find("a.vn")->id(), "log", 1, 2, kNow);
  request_.query = "source=log&position=3";
  const std::string three = std::string(kOne).append(kOne).append(kOne);
  EXPECT_EQ(take(three).candidates.size(), 3U);
}

TEST_F(BatchIntakeTest, OfWhoSentTooManyWrongTokensNoBatchIsTaken) {
  EXPECT_EQ(BatchIntake::look_at(request_, nullptr, true).problem, Problem::too_many_attempts);
  EXPECT_EQ(BatchIntake::look_at(request_, nullptr, false).problem, Problem::unauthorized);
  EXPECT_EQ(BatchIntake::look_at(request_, &token_, false).problem, Problem::count_);
}

TEST_F(BatchIntakeTest, TheAnswerFitsItsPlaceHoweverMuchIsRefused) {
  std::string body(kOne);
  for (int i = 0; i < 1'000; ++i) body += "{\"site\":\"a.vn\",\"kind\":\"no such kind\"}\n";
  count(take_keyed("one", body));
  EXPECT_EQ(take_keyed("one", body).text.find("{\"accepted\":1,"), 0U);
  EXPECT_LE(take_keyed("one", body).text.size(), sites::kBatchAnswerMax);
}

// --- keys ---

TEST_F(BatchIntakeTest, AKeyIsInProgressUntilItsBlockIsAppliedAndThenAnswered) {
  TakenBatch first = take_keyed("one", kTwo);
  EXPECT_TRUE(first.claim.holds_key());
  const TakenBatch early = take_keyed("one", kTwo);
  EXPECT_EQ(early.problem, Problem::in_progress);
  EXPECT_TRUE(early.candidates.empty());
  const std::string said = first.text;
  count(std::move(first));
  const TakenBatch again = take_keyed("one", kTwo);
  EXPECT_EQ(again.problem, Problem::count_);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.text, said);
  EXPECT_TRUE(again.candidates.empty());
  EXPECT_FALSE(again.claim.holds());
  EXPECT_EQ(outcome(KeyOutcome::claimed), 1U);
  EXPECT_EQ(outcome(KeyOutcome::in_progress), 1U);
  EXPECT_EQ(outcome(KeyOutcome::replayed), 1U);
  expect_ledger_holds();
}

TEST_F(BatchIntakeTest, ABatchThatFailedMayBeSentAgain) {
  { const TakenBatch lost = take_keyed("one", kTwo); }  // its block could not be written
  EXPECT_EQ(take_keyed("one", kTwo).candidates.size(), 2U);
}

TEST_F(BatchIntakeTest, AnotherBodyIsRefused) {
  count(take_keyed("one", kTwo));
  EXPECT_EQ(take_keyed("one", kOne).problem, Problem::key_reused);
  EXPECT_EQ(outcome(KeyOutcome::other_body), 1U);
}

TEST_F(BatchIntakeTest, NumberedBatchesTakeOnePlaceAndThoseThatWerePassedAreRefused) {
  keys_.set_limits({1, SIZE_MAX});
  for (int number = 1; number < 10; ++number) count(take_keyed("one/" + std::to_string(number), kTwo));
  EXPECT_EQ(keys_.held(), 1U);
  EXPECT_TRUE(take_keyed("one/9", kTwo).replayed);
  const TakenBatch passed = take_keyed("one/8", kTwo);
  EXPECT_EQ(passed.problem, Problem::key_reused);
  EXPECT_NE(passed.text.find("a greater number"), std::string::npos) << passed.text;
  EXPECT_EQ(outcome(KeyOutcome::passed), 1U);
  EXPECT_EQ(outcome(KeyOutcome::full), 0U);
  expect_ledger_holds();
}

TEST_F(BatchIntakeTest, AKeyOfAnotherNodeAndOneThatIsNoneAreRefused) {
  const std::string other = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/one";
  set(Field::idempotency_key, other);
  EXPECT_EQ(take(kOne).problem, Problem::wrong_node);
  for (const char* bad : {"", "one", "\"one\""}) {
    set(Field::idempotency_key, bad);
    EXPECT_EQ(take(kOne).problem, Problem::malformed) << bad;
  }
  EXPECT_EQ(outcome(KeyOutcome::wrong_node), 1U);
  EXPECT_EQ(outcome(KeyOutcome::malformed), 3U);
  EXPECT_EQ(keys_.held(), 0U);
}

TEST_F(BatchIntakeTest, AFullTableTakesNoNewKey) {
  keys_.set_limits({1, SIZE_MAX});
  count(take_keyed("one", kOne));
  EXPECT_EQ(take_keyed("two", kTwo).problem, Problem::keys_full);
  EXPECT_TRUE(take_keyed("one", kOne).replayed);
  EXPECT_EQ(outcome(KeyOutcome::full), 1U);
}

TEST_F(BatchIntakeTest, WhileNothingCanBeCountedWhatWasCountedIsStillAnswered) {
  count(take_keyed("one", kOne));
  EXPECT_TRUE(take_keyed("one", kOne, "the disk failed").replayed);
  const TakenBatch refused = take_keyed("two", kOne, "the disk failed");
  EXPECT_EQ(refused.problem, Problem::unavailable);
  EXPECT_EQ(refused.text, "the disk failed");
  EXPECT_EQ(keys_.held(), 1U) << "its claim was given back";
}

TEST_F(BatchIntakeTest, WhatCountedNothingKeepsNoKey) {
  const TakenBatch nothing = take_keyed("one", "{\"site\":\"nowhere.vn\"}\n");
  EXPECT_EQ(nothing.problem, Problem::count_);
  EXPECT_FALSE(nothing.claim.holds());
  EXPECT_EQ(keys_.held(), 0U);
  EXPECT_EQ(take_keyed("two", "").text, R"({"accepted":0,"rejected":[],"rejected_total":0,"bots":0})");
}

TEST_F(BatchIntakeTest, ABatchThatIsTooLargeGivesItsKeyBack) {
  std::string body;
  for (int i = 0; i <= 20'000; ++i) body += kOne;
  EXPECT_EQ(take_keyed("one", body).problem, Problem::too_large);
  EXPECT_EQ(keys_.held(), 0U);
  expect_ledger_holds();
}

// --- parts of an import ---

TEST_F(BatchIntakeTest, APartOfAnImportHoldsItsMarkAndHasNoKey) {
  request_.query = "source=log&position=7";
  EXPECT_EQ(take(kOne).problem, Problem::conflict) << "it never began";
  imports_.begin(sites::SiteId{1}, "log", 1, 2, 0);
  TakenBatch part = take(kOne);
  EXPECT_TRUE(part.claim.holds());
  EXPECT_FALSE(part.candidates[0].touches_presence);
  EXPECT_EQ(take(kOne).problem, Problem::unavailable) << "another part is on its way";
  part.claim.settle();
  counters_.accepted.add(1);
  const TakenBatch again = take(kOne);
  EXPECT_EQ(again.text,
            R"({"accepted":0,"rejected":[],"rejected_total":0,"bots":0,"position":7,"already_counted":true})");
  EXPECT_FALSE(again.claim.holds());
  expect_ledger_holds();
  EXPECT_EQ(take_keyed("one", kOne).problem, Problem::malformed) << "one way to be counted once is enough";
}

// --- parts of a log that is followed ---

TEST_F(BatchIntakeTest, AFollowersHitsAreLiveAndItsPartsAreTakenInTheirOrder) {
  request_.query = "source=log&site=a.vn&after=0&position=10&mark=m10";
  TakenBatch part = take(kOne);
  EXPECT_TRUE(part.claim.holds());
  ASSERT_EQ(part.candidates.size(), 1U);
  EXPECT_TRUE(part.candidates[0].touches_presence);
  EXPECT_EQ(take(kOne).problem, Problem::unavailable) << "it is on its way";
  count(std::move(part));
  EXPECT_EQ(imports_.find(sites::SiteId{1}, "log")->mark, "m10");
  EXPECT_EQ(take(kOne).text,
            R"({"accepted":0,"rejected":[],"rejected_total":0,"bots":0,"position":10,"already_counted":true})");
  request_.query = "source=log&site=a.vn&after=5&position=20&mark=m20";
  const TakenBatch other = take(kOne);
  EXPECT_EQ(other.problem, Problem::conflict);
  EXPECT_NE(other.text.find("was counted to 10"), std::string::npos) << other.text;
  request_.query = "source=log&site=a.vn&after=10&position=20&mark=m20";
  count(take(""));  // no page hits, and the mark goes on
  EXPECT_EQ(imports_.find(sites::SiteId{1}, "log")->mark, "m20");
  request_.query = "source=log&site=a.vn&after=20&position=30&mark=m30";
  const TakenBatch two = take(kTwo);
  EXPECT_EQ(two.candidates.size(), 1U) << "the other is of another site";
  expect_ledger_holds(1);
}

TEST_F(BatchIntakeTest, AFollowerNeedsASiteThatItMayCountForAndASourceOfItsOwn) {
  request_.query = "source=log&site=nowhere.vn&after=0&position=10&mark=m";
  EXPECT_EQ(take(kOne).problem, Problem::unknown_site);
  request_.query = "source=log&site=a.vn&after=0&position=10&mark=m";
  token_.site = sites::SiteId{2};
  EXPECT_EQ(take(kOne).problem, Problem::forbidden);
  token_.site.reset();
  imports_.begin(sites::SiteId{1}, "log", 1, 2, 0);
  EXPECT_EQ(take(kOne).problem, Problem::conflict);
  for (std::size_t i = 1; i < sites::kImportSourcesMax; ++i)
    imports_.set_progress(sites::SiteId{1}, "log." + std::to_string(i), 1, kNow);
  request_.query = "source=more&site=a.vn&after=0&position=10&mark=m";
  EXPECT_EQ(take(kOne).problem, Problem::conflict);
  EXPECT_EQ(counters_.received.get(), 0U) << "no item was looked at";
}

// --- what is not a batch ---

TEST_F(BatchIntakeTest, TypeEncodingAndTokenAreAskedFirst) {
  request_.body = kOne;
  EXPECT_EQ(intake_.take(request_, nullptr, false, kNow * 1000, {}).problem, Problem::unauthorized);
  set(Field::content_encoding, "br");
  EXPECT_EQ(take(kOne).problem, Problem::unsupported_media_type);
  set(Field::content_type, "application/json");
  EXPECT_EQ(take(kOne).problem, Problem::unsupported_media_type);
  EXPECT_EQ(counters_.received.get(), 0U);
}

TEST_F(BatchIntakeTest, TypesAndCodingsAreTheSameInUpperAndLowerCase) {
  const auto problem_of = [&](std::string_view type, std::string_view coding) {
    set(Field::content_type, type);
    set(Field::content_encoding, coding);
    return BatchIntake::look_at(request_, &token_, false).problem;
  };
  for (const char* type : {"application/x-ndjson", "Application/X-NDJSON", "application/x-ndjson; charset=utf-8",
                           "application/x-protobuf", "APPLICATION/x-protobuf"}) {
    for (const char* coding : {"", "identity", "Identity", "gzip", "GZIP", "x-gzip", "X-GZip"})
      EXPECT_EQ(problem_of(type, coding), Problem::count_) << type << " " << coding;
    for (const char* coding : {"br", "gzip, gzip", "deflate", "xgzip", "gzi"})
      EXPECT_EQ(problem_of(type, coding), Problem::unsupported_media_type) << type << " " << coding;
  }
  for (const char* type : {"", "application/json", "application/x-ndjsonp", "x-ndjson"})
    EXPECT_EQ(problem_of(type, ""), Problem::unsupported_media_type) << type;
}

TEST_F(BatchIntakeTest, ATokenOfAnotherScopeCountsNothing) {
  token_.scopes = static_cast<std::uint32_t>(sites::Scope::read);
  const TakenBatch batch = take_keyed("one", kTwo);
  EXPECT_EQ(batch.problem, Problem::forbidden);
  EXPECT_TRUE(batch.candidates.empty());
  EXPECT_EQ(keys_.held(), 0U) << "nor does it take a place among the keys";
  expect_ledger_holds();
}

}  // namespace
}  // namespace footfall
