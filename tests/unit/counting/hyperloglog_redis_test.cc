// SPDX-License-Identifier: Apache-2.0
// HyperLogLog against a real Redis: each reads what the other wrote, and both estimate the same number.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "counting/hyperloglog.h"
#include "support/redis_process.h"
#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

std::string element_of(std::uint64_t id) {
  std::string element(sizeof id, '\0');
  std::memcpy(element.data(), &id, sizeof id);
  return element;
}

HyperLogLog of(std::uint64_t from, std::uint64_t to) {
  HyperLogLog sketch;
  for (std::uint64_t i = from; i < to; ++i) sketch.add(element_of(base::mix64(i + testing::rng_seed())));
  return sketch;
}

// With the cached cardinality marked stale, so that PFCOUNT has to look at the registers.
std::string stale(const HyperLogLog& sketch) {
  std::string bytes = sketch.save();
  bytes[15] = static_cast<char>(bytes[15] | '\x80');
  return bytes;
}

class HyperLogLogRedisTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string program = testing::find_redis_server();
    if (!program.empty()) redis_ = std::make_unique<testing::RedisProcess>(program);
  }
  static void TearDownTestSuite() { redis_.reset(); }
  void SetUp() override {
    if (redis_ == nullptr) GTEST_SKIP() << "there is no redis-server here (Debian: redis-server)";
    ASSERT_EQ(redis_->command({"FLUSHALL"}), "OK");
  }

  void pfadd(std::string_view key, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i < to;) {
      std::vector<std::string> elements;
      for (; i < to && elements.size() < 1000; ++i) {
        elements.push_back(element_of(base::mix64(i + testing::rng_seed())));
      }
      std::vector<std::string_view> words{"PFADD", key};
      words.insert(words.end(), elements.begin(), elements.end());
      ASSERT_NE(redis_->command(words).at(0), '-');
    }
  }
  HyperLogLog get(std::string_view key) {
    HyperLogLog sketch;
    EXPECT_TRUE(sketch.load(redis_->command({"GET", key})));
    return sketch;
  }

  static std::unique_ptr<testing::RedisProcess> redis_;
};

std::unique_ptr<testing::RedisProcess> HyperLogLogRedisTest::redis_;

TEST_F(HyperLogLogRedisTest, RedisCountsWhatWasSaved) {
  for (const std::uint64_t count : {0U, 1U, 2U, 100U, 1'000U, 5'000U, 12'345U, 60'000U, 400'000U}) {
    const HyperLogLog sketch = of(0, count);
    const std::string expected = std::to_string(sketch.estimate());
    ASSERT_EQ(redis_->command({"SET", "ours", sketch.save()}), "OK");
    EXPECT_EQ(redis_->command({"PFCOUNT", "ours"}), expected);  // from the cache
    ASSERT_EQ(redis_->command({"SET", "ours", stale(sketch)}), "OK");
    EXPECT_EQ(redis_->command({"PFCOUNT", "ours"}), expected);  // from the registers
    EXPECT_EQ(redis_->command({"GET", "ours"}), sketch.save()) << "with the cache filled in by Redis";
  }
}

TEST_F(HyperLogLogRedisTest, WhatRedisCountedIsLoaded) {
  std::uint64_t before = 0;
  for (const std::uint64_t count : {1U, 10U, 300U, 1'000U, 5'000U, 50'000U}) {
    pfadd("theirs", before, count);
    before = count;
    const std::string bytes = redis_->command({"GET", "theirs"});
    EXPECT_EQ(bytes.at(4), count <= 300 ? 1 : bytes.size() < 12'304 ? 1 : 0) << "sparse at first";
    const HyperLogLog sketch = get("theirs");
    EXPECT_EQ(sketch, of(0, count));
    EXPECT_EQ(redis_->command({"PFCOUNT", "theirs"}), std::to_string(sketch.estimate()));
  }
  EXPECT_EQ(redis_->command({"STRLEN", "theirs"}), "12304");
}

TEST_F(HyperLogLogRedisTest, RedisMergesAndAddsToWhatWasSaved) {
  ASSERT_EQ(redis_->command({"SET", "ours", of(0, 3'000).save()}), "OK");
  pfadd("theirs", 2'000, 6'000);
  ASSERT_EQ(redis_->command({"PFMERGE", "both", "ours", "theirs"}), "OK");
  EXPECT_EQ(get("both"), of(0, 6'000));
  EXPECT_EQ(redis_->command({"PFCOUNT", "ours", "theirs"}), std::to_string(of(0, 6'000).estimate()));
  pfadd("ours", 3'000, 4'000);
  EXPECT_EQ(get("ours"), of(0, 4'000));
}

TEST_F(HyperLogLogRedisTest, BothRefuseTheSameBytes) {
  const std::string dense = of(0, 10).save();
  std::string wrong_encoding = dense;
  wrong_encoding[4] = 2;
  const std::string sparse = std::string("HYLL\1", 5) + std::string(11, '\0');
  // The first is fine, and shows that the comparison can come out either way.
  for (const std::string& bytes : {sparse + std::string("\x7f\xff", 2), sparse, sparse + std::string("\x7f\xfe", 2),
                                   wrong_encoding, dense.substr(0, 12'000), std::string("HYLL"), std::string("abc")}) {
    std::string marked = bytes;
    if (marked.size() > 15) marked[15] = static_cast<char>(marked[15] | '\x80');
    ASSERT_EQ(redis_->command({"SET", "bytes", marked}), "OK");
    HyperLogLog sketch;
    EXPECT_EQ(sketch.load(bytes), redis_->command({"PFCOUNT", "bytes"}).at(0) != '-') << bytes.size();
  }
}

}  // namespace
}  // namespace footfall::counting
