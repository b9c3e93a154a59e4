// SPDX-License-Identifier: Apache-2.0
#include "counting/page_marks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

constexpr PageId kA{5}, kB{7}, kC{9}, kD{12};

std::vector<PageId> others(const PageMarks& marks, PageId page) {
  const auto all = marks.others(page);
  return {all.begin(), all.end()};
}

TEST(PageMarksTest, PagesAreReadAsTheOneThatNoMarkLeadsOnFrom) {
  PageMarks marks;
  EXPECT_TRUE(marks.empty());
  EXPECT_EQ(marks.read_as(kA), kA);
  marks.mark(std::vector{kA, kB}, kC);
  EXPECT_EQ(marks.read_as(kA), kC);
  EXPECT_EQ(others(marks, kC), (std::vector{kA, kB}));
  marks.mark(std::vector{kC}, kD);
  EXPECT_EQ(marks.read_as(kA), kD);
  EXPECT_EQ(others(marks, kD), (std::vector{kA, kB, kC}));
  EXPECT_TRUE(others(marks, kC).empty());
}

TEST(PageMarksTest, MarksAreTakenBackInAnyOrder) {
  PageMarks marks;
  marks.mark(std::vector{kA, kB}, kC);
  marks.mark(std::vector{kC}, kD);
  marks.unmark(std::vector{kA, kB});
  EXPECT_EQ(marks.read_as(kA), kA);
  EXPECT_EQ(others(marks, kD), std::vector{kC});
  marks.unmark(std::vector{kC});
  EXPECT_TRUE(marks.empty());
}

TEST(PageMarksTest, WhatIsMergedIntoARemovedPageIsRemoved) {
  PageMarks marks;
  marks.mark(std::vector{kA}, kC);
  marks.mark(std::vector{kC}, kRemovedPage);
  EXPECT_EQ(marks.read_as(kA), kRemovedPage);
  EXPECT_EQ(marks.read_as(kC), kRemovedPage);
  EXPECT_TRUE(others(marks, kC).empty());
}

std::string saved(const PageMarks& marks) {
  std::string bytes;
  base::ByteWriter out(bytes);
  marks.save(out);
  return bytes;
}

bool loads(std::string_view bytes, PageMarks& marks, std::uint32_t pages_end = 13) {
  base::ByteReader in(bytes);
  return marks.load(in, pages_end) && in.at_end();
}

TEST(PageMarksTest, ReadsBackWhatItWroteAndNoPrefixOfIt) {
  PageMarks marks;
  marks.mark(std::vector{kA, kB}, kC);
  marks.mark(std::vector{kD}, kRemovedPage);
  const std::string bytes = saved(marks);
  PageMarks back;
  ASSERT_TRUE(loads(bytes, back));
  EXPECT_EQ(back.marks(), marks.marks());
  EXPECT_EQ(back.read_as(kA), kC);
  EXPECT_EQ(back.read_as(kD), kRemovedPage);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    PageMarks cut;
    EXPECT_FALSE(loads(bytes.substr(0, size), cut)) << size;
  }
}

TEST(PageMarksTest, RefusesCirclesUnknownPagesAndWhatDoesNotAscend) {
  const auto bytes = [](const std::vector<std::uint64_t>& numbers) {
    std::string out;
    base::ByteWriter writer(out);
    for (const std::uint64_t number : numbers) writer.varint(number);
    return out;
  };
  for (const auto& numbers : std::vector<std::vector<std::uint64_t>>{
           {0}, {1, 5, 5}, {2, 5, 7, 7, 5}, {2, 7, 9, 5, 9}, {1, 13, 5}, {1, 5, 13}, {1, 1, 5}, {1, 5, 1}}) {
    PageMarks marks;
    EXPECT_FALSE(loads(bytes(numbers), marks)) << ::testing::PrintToString(numbers);
  }
}

// Against following each mark by hand.
TEST(PageMarksTest, AgreesWithFollowingEachMark) {
  std::mt19937_64 random(testing::rng_seed());
  PageMarks marks;
  std::map<PageId, PageId> plain;
  const auto follow = [&plain](PageId page) {
    while (plain.contains(page)) page = plain[page];
    return page;
  };
  for (int round = 0; round < 2'000; ++round) {
    const PageId page{static_cast<std::uint32_t>(2 + random() % 30)};
    const PageId into = random() % 8 == 0 ? kRemovedPage : PageId{static_cast<std::uint32_t>(2 + random() % 30)};
    if (plain.contains(page)) {
      plain.erase(page);
      marks.unmark(std::vector{page});
    } else if (follow(into) != page) {
      plain[page] = into;
      marks.mark(std::vector{page}, into);
    }
    std::map<PageId, std::set<PageId>> read;
    for (std::uint32_t id = 2; id < 32; ++id) {
      ASSERT_EQ(marks.read_as(PageId{id}), follow(PageId{id})) << round;
      if (follow(PageId{id}) != PageId{id}) read[follow(PageId{id})].insert(PageId{id});
    }
    for (std::uint32_t id = 2; id < 32; ++id) {
      const auto all = marks.others(PageId{id});
      ASSERT_EQ(std::set<PageId>(all.begin(), all.end()), read[PageId{id}]) << round;
      ASSERT_TRUE(std::is_sorted(all.begin(), all.end()));
    }
  }
}

}  // namespace
}  // namespace footfall::counting
