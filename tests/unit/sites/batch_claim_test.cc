// SPDX-License-Identifier: Apache-2.0
#include "sites/batch_claim.h"

#include <gtest/gtest.h>

#include <utility>

#include "sites/records.h"

namespace footfall::sites {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;
constexpr SiteId kSite{1};
const std::string kKey = std::string(32, 'a') + "/batch-1";

class BatchClaimTest : public ::testing::Test {
 protected:
  BatchKeys::State state() { return BatchClaim().claim_key(keys_, kKey, {}, kNow).state; }

  Imports imports_;
  BatchKeys keys_;
};

TEST_F(BatchClaimTest, WhatWasNotSettledIsGivenBack) {
  {
    BatchClaim claim;
    EXPECT_EQ(claim.claim_key(keys_, kKey, {}, kNow).state, BatchKeys::State::claimed);
    EXPECT_TRUE(claim.holds_key());
    EXPECT_EQ(state(), BatchKeys::State::under_way);
  }
  EXPECT_EQ(state(), BatchKeys::State::claimed);
}

TEST_F(BatchClaimTest, ItGoesWhereItIsMovedTo) {
  BatchClaim block;
  {
    BatchClaim claim;
    claim.claim_key(keys_, kKey, {}, kNow);
    block = std::move(claim);
  }
  EXPECT_EQ(state(), BatchKeys::State::under_way);
  block.set_answer("{}");
  block.settle();
  EXPECT_FALSE(block.holds());
  EXPECT_EQ(state(), BatchKeys::State::counted);
  block = BatchClaim();
  EXPECT_EQ(state(), BatchKeys::State::counted) << "what is settled stays";
}

TEST_F(BatchClaimTest, OnlyWhatIsHeldIsRecorded) {
  std::string payload;
  BatchClaim().encode(payload);
  BatchClaim first;
  first.claim_key(keys_, kKey, {}, kNow);
  BatchClaim second;
  second.claim_key(keys_, kKey, {}, kNow);
  EXPECT_FALSE(second.holds());
  second.encode(payload);
  EXPECT_EQ(payload, "");
  first.set_answer("{}");
  first.encode(payload);
  std::string expected;
  encode_batch_key(expected, {kKey, {}, kNow + kBatchKeyTtl_s, "{}"});
  EXPECT_EQ(payload, expected);
}

TEST_F(BatchClaimTest, APartOfAnImportIsHeldAsAKeyIs) {
  imports_.begin(kSite, "log", 1, 2, kNow);
  BatchClaim claim;
  EXPECT_EQ(claim.claim_part(imports_, kSite, "log", 5, kNow).state, Imports::State::claimed);
  EXPECT_EQ(BatchClaim().claim_part(imports_, kSite, "log", 5, kNow).state, Imports::State::under_way);
  std::string payload;
  claim.encode(payload);
  std::string expected;
  encode_progress(expected, kSite, "log", 5, kNow);
  EXPECT_EQ(payload, expected);
  claim.release();
  EXPECT_EQ(imports_.find(kSite, "log")->position, 0U);
  claim.claim_part(imports_, kSite, "log", 5, kNow);
  claim.settle();
  EXPECT_EQ(imports_.find(kSite, "log")->position, 5U);
}

}  // namespace
}  // namespace footfall::sites
