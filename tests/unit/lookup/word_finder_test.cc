// SPDX-License-Identifier: Apache-2.0
#include "lookup/word_finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "support/rng_seed.h"

namespace footfall::lookup {
namespace {

std::vector<int> found_in(const WordFinder& finder, std::string_view text) {
  std::vector<int> found;
  finder.find(text, found);
  return found;
}

TEST(WordFinderTest, FindsWordsInsideOtherWords) {
  const WordFinder finder({"he", "she", "his", "hers"});
  EXPECT_EQ(found_in(finder, "ushers"), (std::vector<int>{0, 1, 3}));
  EXPECT_EQ(found_in(finder, "xyz"), std::vector<int>{});
  EXPECT_EQ(found_in(finder, ""), std::vector<int>{});
}

TEST(WordFinderTest, IgnoresLetterCaseOfTheText) {
  const WordFinder finder({"googlebot", "bot"});
  EXPECT_EQ(found_in(finder, "Mozilla (GoogleBot/2.1)"), (std::vector<int>{0, 1}));
}

TEST(WordFinderTest, AppendsToWhatWasFoundBefore) {
  const WordFinder finder({"a"});
  std::vector<int> found{7};
  finder.find("aaa", found);
  EXPECT_EQ(found, (std::vector<int>{7, 0}));
}

TEST(WordFinderTest, WithoutWordsNothingIsFound) {
  EXPECT_EQ(found_in(WordFinder(), "abc"), std::vector<int>{});
  EXPECT_EQ(found_in(WordFinder(std::vector<std::string>{}), "abc"), std::vector<int>{});
}

TEST(WordFinderTest, AgreesWithStringFindOnRandomWords) {
  const std::uint64_t seed = testing::rng_seed();
  std::mt19937_64 random(seed);
  const auto text_of = [&random](std::size_t size_max) {
    std::string text(random() % size_max + 1, ' ');
    for (char& c : text) c = "abc/\xE1"[random() % 5];
    return text;
  };
  for (int round = 0; round < 500; ++round) {
    std::set<std::string> words;
    while (words.size() < 12) words.insert(text_of(6));
    const std::vector<std::string> list(words.begin(), words.end());
    const WordFinder finder(list);
    for (int i = 0; i < 20; ++i) {
      const std::string text = text_of(40);
      std::vector<int> expected;
      for (std::size_t w = 0; w < list.size(); ++w) {
        if (text.find(list[w]) != std::string::npos) expected.push_back(static_cast<int>(w));
      }
      ASSERT_EQ(found_in(finder, text), expected) << "seed " << seed << " text " << text;
    }
  }
}

}  // namespace
}  // namespace footfall::lookup
