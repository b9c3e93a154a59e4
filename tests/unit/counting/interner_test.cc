// SPDX-License-Identifier: Apache-2.0
// Interner against a std::unordered_map, with definitions that come in any order and hashes that collide.
#include "counting/interner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

constexpr std::uint32_t kFirst = 2;

std::uint64_t hash_of(std::string_view text) {
  return base::table_hash(text);
}

class InternerTest : public ::testing::Test {
 protected:
  std::uint32_t intern(std::string_view text) { return interner_.intern(text, hash_of(text)); }
  bool define(std::uint32_t id, std::string_view text) { return interner_.define(id, text, hash_of(text)); }
  std::optional<std::uint32_t> find(std::string_view text) const { return interner_.find(text, hash_of(text)); }

  Interner interner_{kFirst};
};

TEST_F(InternerTest, EmptyKnowsNothingAndHoldsNothing) {
  EXPECT_EQ(find("/a"), std::nullopt);
  EXPECT_EQ(interner_.text(0), "");
  EXPECT_EQ(interner_.text(kFirst), "");
  EXPECT_EQ(interner_.end(), kFirst);
  EXPECT_EQ(interner_.memory_bytes(), 0U);
  interner_.prefetch(1);
}

TEST_F(InternerTest, IdsAreDenseFromTheFirstAndStay) {
  EXPECT_EQ(intern("/a"), 2U);
  EXPECT_EQ(intern("/b"), 3U);
  EXPECT_EQ(intern("/a"), 2U);
  EXPECT_EQ(find("/b"), 3U);
  EXPECT_EQ(interner_.text(3), "/b");
  EXPECT_EQ(interner_.size(), 2U);
  EXPECT_EQ(interner_.end(), 4U);
  EXPECT_EQ(find("/c"), std::nullopt);
}

TEST_F(InternerTest, EmptyAndLongTextsAndZeroBytesAreTexts) {
  const std::string longer(200'000, 'x');
  const std::string zeros("a\0b", 3);
  for (const std::string& text : {std::string(), longer, zeros, std::string(127, 'y'), std::string(128, 'y')}) {
    const std::uint32_t id = intern(text);
    EXPECT_EQ(interner_.text(id), text);
    EXPECT_EQ(find(text), id);
    EXPECT_TRUE(interner_.defined(id));
  }
  EXPECT_EQ(interner_.size(), 5U);
}

TEST_F(InternerTest, ADefinitionMayComeBeforeThoseOfSmallerIds) {
  EXPECT_TRUE(define(9, "/nine"));
  EXPECT_EQ(interner_.end(), 10U);
  EXPECT_FALSE(interner_.defined(5));
  EXPECT_EQ(interner_.text(5), "");
  EXPECT_EQ(interner_.size(), 1U);
  EXPECT_TRUE(define(5, "/five"));
  EXPECT_TRUE(define(5, "/five"));  // again
  EXPECT_EQ(find("/five"), 5U);
  EXPECT_EQ(intern("/next"), 10U);
}

TEST_F(InternerTest, ContradictingDefinitionsAreRefused) {
  ASSERT_TRUE(define(4, "/four"));
  EXPECT_FALSE(define(4, "/other"));
  EXPECT_FALSE(define(5, "/four"));
  EXPECT_FALSE(define(1, "/below"));
  EXPECT_FALSE(define(Interner::kEndMax, "/far"));
  EXPECT_FALSE(define(UINT32_MAX, "/far"));
  EXPECT_EQ(interner_.size(), 1U);
  EXPECT_EQ(interner_.end(), 5U);
}

TEST_F(InternerTest, TextsThatCollideAreToldApart) {
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(interner_.intern(std::to_string(i), 7), kFirst + i);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(interner_.find(std::to_string(i), 7), kFirst + i);
  EXPECT_EQ(interner_.find("100", 7), std::nullopt);
}

TEST_F(InternerTest, TextsStayWhereTheyAre) {
  const std::string_view first = interner_.text(intern("/first"));
  for (int i = 0; i < 20'000; ++i) intern("/" + std::to_string(i));
  EXPECT_EQ(interner_.text(kFirst).data(), first.data());
  const Interner moved = std::move(interner_);
  EXPECT_EQ(moved.text(kFirst).data(), first.data());
}

TEST_F(InternerTest, AgreesWithAnUnorderedMap) {
  std::mt19937_64 random(testing::rng_seed());
  std::unordered_map<std::string, std::uint32_t> expected;  // text -> id
  std::uint32_t end = kFirst;
  for (int step = 0; step < 50'000; ++step) {
    const std::string text = "/page/" + std::to_string(random() % 30'000);
    const auto known = expected.find(text);
    if (random() % 4 == 0) {
      const std::uint32_t id =
          known != expected.end() && random() % 2 == 0 ? known->second : end + static_cast<std::uint32_t>(random() % 3);
      const bool consistent = known == expected.end() || known->second == id;
      ASSERT_EQ(define(id, text), consistent);
      if (known == expected.end()) {
        expected.emplace(text, id);
        end = std::max(end, id + 1);
      }
    } else {
      ASSERT_EQ(find(text).has_value(), known != expected.end());
      const std::uint32_t id = intern(text);
      ASSERT_EQ(id, known != expected.end() ? known->second : end);
      if (known == expected.end()) expected.emplace(text, end++);
    }
    ASSERT_EQ(interner_.end(), end);
    ASSERT_EQ(interner_.size(), expected.size());
  }
  for (const auto& [text, id] : expected) {
    ASSERT_EQ(find(text), id);
    ASSERT_EQ(interner_.text(id), text);
  }
}

TEST_F(InternerTest, ALargeOneTakesTwentyFourBytesBesideEachText) {
  std::size_t text_bytes = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string text = "/news/2026/" + std::to_string(i);
    text_bytes += text.size();
    intern(text);
  }
  EXPECT_LE(interner_.memory_bytes(), text_bytes + 24U * 100'000);
}

}  // namespace
}  // namespace footfall::counting
