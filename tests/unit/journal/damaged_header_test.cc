// SPDX-License-Identifier: Apache-2.0
#include "journal/damaged_header.h"

#include <gtest/gtest.h>

#include <random>

#include "support/rng_seed.h"

namespace footfall::journal {
namespace {

class DamagedHeaderTest : public ::testing::Test {
 protected:
  DamagedHeaderTest() {
    known_.stream = StreamId{3};
    known_.incarnation.fill(9);
    known_.number = 12;
    SegmentHeader written = known_;
    written.generation = random_();
    written.first_sequence = kFirst;
    written.durable_through = kFirst - 5;
    header_ = encode(written);
    encode_block({kFirst, 4, kFirst - 5, 1}, "a payload", block_seed(written.generation), block_);
    // As a recycled file has it: a block of an earlier generation.
    encode_block({17, 4, 9, 1}, "a stale payload", block_seed(random_()), stale_);
  }
  std::optional<std::uint64_t> told(std::string_view first_block) const {
    return first_sequence_of(header_, known_, first_block);
  }
  void scribble(std::size_t from, std::size_t size) {
    for (std::size_t at = from; at < from + size; ++at) {
      const unsigned noise = static_cast<unsigned>(random_() % 255) + 1;
      header_[at] = static_cast<char>(static_cast<unsigned char>(header_[at]) ^ noise);
    }
  }

  static constexpr std::uint64_t kFirst = 4711;
  std::mt19937_64 random_{testing::rng_seed()};
  SegmentHeader known_;
  std::string header_, block_, stale_;
};

TEST_F(DamagedHeaderTest, AnyOneBitThatIsTurnedIsMendedWithOrWithoutABlock) {
  // Each bit of the fields and of the checksum, and some of the zeros.
  for (std::size_t bit = 0; bit < kSegmentHeaderBytes * 8;
       bit += bit < 64 * 8 || bit >= kSegmentCrcAt * 8 - 61 ? 1 : 61) {
    const auto turn = [&] { header_[bit / 8] = static_cast<char>(header_[bit / 8] ^ (1 << bit % 8)); };
    turn();
    for (const std::string_view behind : {std::string_view(block_), std::string_view(stale_), std::string_view()})
      ASSERT_EQ(told(behind), kFirst) << bit;
    turn();
  }
}

TEST_F(DamagedHeaderTest, WhatIsKnownBeforehandMayBeDamagedAsMuchAsItLikes) {
  scribble(0, kGenerationAt);
  scribble(kGenerationAt + 24, kSegmentCrcAt - kGenerationAt - 24);
  EXPECT_EQ(told({}), kFirst);
  EXPECT_EQ(told(stale_), kFirst);
}

TEST_F(DamagedHeaderTest, TheWholeGenerationMayBeLostWhereThereIsABlock) {
  scribble(kGenerationAt, 8);
  EXPECT_EQ(told(block_), kFirst);
  EXPECT_EQ(told(block_.substr(0, kBlockHeaderBytes)), kFirst) << "the block's payload is not looked at";
  EXPECT_EQ(told(stale_), std::nullopt);
  EXPECT_EQ(told({}), std::nullopt);
}

TEST_F(DamagedHeaderTest, AllButTheGenerationMayBeLostWhereThereIsABlock) {
  scribble(0, kGenerationAt);
  scribble(kGenerationAt + 8, kSegmentHeaderBytes - kGenerationAt - 8);
  EXPECT_EQ(told(block_), kFirst);
  EXPECT_EQ(told(stale_), std::nullopt);
}

TEST_F(DamagedHeaderTest, NothingIsToldByAHeaderThatIsLostAltogether) {
  scribble(0, kSegmentHeaderBytes);
  for (const std::string_view behind : {std::string_view(block_), std::string_view(stale_), std::string_view()})
    EXPECT_EQ(told(behind), std::nullopt);
}

}  // namespace
}  // namespace footfall::journal
