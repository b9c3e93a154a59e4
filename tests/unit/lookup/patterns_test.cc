// SPDX-License-Identifier: Apache-2.0
#include "lookup/patterns.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>
#include <string>
#include <vector>

#include "support/rng_seed.h"

namespace footfall::lookup {
namespace {

Patterns patterns_of(const std::vector<std::string>& list) {
  Patterns patterns;
  for (std::size_t i = 0; i < list.size(); ++i) EXPECT_TRUE(patterns.add(list[i], false, i)) << list[i];
  patterns.finish();
  return patterns;
}

TEST(PatternsTest, TheFirstOfTheListThatMatchesCounts) {
  const auto patterns = patterns_of({"(Edge)/", "(Chrome)/(\\d+)", "(Safari)/"});
  EXPECT_EQ(patterns.first_match("Chrome/1 Safari/2").number, 1U);
  EXPECT_EQ(patterns.first_match("Safari/2 Edge/9 Chrome/1").number, 0U);
  EXPECT_EQ(patterns.first_match("Safari/2 Edge/9 Chrome/1").group, "Edge");
  EXPECT_FALSE(patterns.first_match("Lynx/2").found);
}

TEST(PatternsTest, ExpressionsWithoutAnyWordAreTriedAlways) {
  const auto patterns = patterns_of({"^[0-9]+$", "word"});
  EXPECT_EQ(patterns.first_match("123").number, 0U);
  EXPECT_EQ(patterns.first_match("a word").number, 1U);
}

TEST(PatternsTest, LookAroundIsRefusedAndTheRestStillWorks) {
  Patterns patterns;
  EXPECT_FALSE(patterns.add("vortex(?! Build)", false, 1));
  EXPECT_TRUE(patterns.add("vortex", true, 2));
  patterns.finish();
  EXPECT_EQ(patterns.size(), 1U);
  EXPECT_EQ(patterns.first_match("a VORTEX").number, 2U);
}

TEST(PatternsTest, BytesThatAreNotUtf8AreJustBytes) {
  const auto patterns = patterns_of({"^.{3}bot"});
  EXPECT_TRUE(patterns
                  .first_match("\xFF\xFE\xC3"
                               "bot")
                  .found);
}

TEST(PatternsTest, AnEmptyListMatchesNothing) {
  EXPECT_FALSE(patterns_of({}).first_match("x").found);
  EXPECT_FALSE(patterns_of({"abc"}).first_match("").found);
}

TEST(PatternsTest, AgreesWithTryingOneByOne) {
  const std::vector<std::string> list = {"(foo|bar)baz",     "b[ao]r+z?", "^x.*foo", "(q)?ux",
                                         "zip(?:zap|)(foo)", "a{2,3}b",   "(?i)QUUX"};
  const auto patterns = patterns_of(list);
  const std::uint64_t seed = testing::rng_seed();
  std::mt19937_64 random(seed);
  const std::vector<std::string> parts = {"foo", "bar", "baz", "x", "zip", "zap", "aa",
                                          "b",   "qux", "ux",  " ", "BoR", "QuuX"};
  int matches = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 4; ++i) text += parts[random() % parts.size()];
    std::size_t expected = list.size();
    for (std::size_t i = list.size(); i-- > 0;) {
      if (RE2::PartialMatch(text, list[i])) expected = i;
    }
    const auto match = patterns.first_match(text);
    ASSERT_EQ(match.found ? match.number : list.size(), expected) << "seed " << seed << " text " << text;
    matches += match.found ? 1 : 0;
  }
  EXPECT_GT(matches, 100);
}

}  // namespace
}  // namespace footfall::lookup
