// SPDX-License-Identifier: Apache-2.0
// Visitors against a std::set, through the step from the exact set to the sketch.
#include "counting/visitors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

std::string saved(const Visitors& visitors) {
  std::string bytes;
  base::ByteWriter writer(bytes);
  visitors.save(writer);
  return bytes;
}

bool load(Visitors& visitors, std::string_view bytes) {
  base::ByteReader reader(bytes);
  return visitors.load(reader) && reader.at_end();
}

Visitors of(const std::vector<std::uint64_t>& ids, std::uint32_t exact_max) {
  Visitors visitors(exact_max);
  for (const std::uint64_t id : ids) visitors.add(VisitorId{id});
  return visitors;
}

TEST(VisitorsTest, NobodyCameAndNothingIsHeld) {
  const Visitors visitors;
  EXPECT_EQ(visitors.count(), 0U);
  EXPECT_TRUE(visitors.exact());
  EXPECT_EQ(visitors.memory_bytes(), 0U);
}

TEST(VisitorsTest, NobodysIdIsNotCounted) {
  EXPECT_EQ(of({0, 7, 0}, 10).count(), 1U);
}

TEST(VisitorsTest, ExactUpToTheMaximumAndASketchPastIt) {
  Visitors visitors(100);
  for (std::uint64_t id = 1; id <= 100; ++id) {
    visitors.add(VisitorId{id});
    visitors.add(VisitorId{id});
    ASSERT_EQ(visitors.count(), id);
  }
  EXPECT_TRUE(visitors.exact());
  visitors.add(VisitorId{50});
  EXPECT_TRUE(visitors.exact());
  visitors.add(VisitorId{101});
  EXPECT_FALSE(visitors.exact());
  EXPECT_NEAR(static_cast<double>(visitors.count()), 101, 2);
}

TEST(VisitorsTest, TheSketchIsWithinFiveStandardErrors) {
  Visitors visitors;
  for (std::uint64_t id = 1; id <= 300'000; ++id) visitors.add(VisitorId{base::mix64(id)});
  EXPECT_NEAR(static_cast<double>(visitors.count()), 300'000, 5 * HyperLogLog::kStandardError * 300'000);
  EXPECT_LE(visitors.memory_bytes(), 12'304U);
}

TEST(VisitorsTest, TheOrderOfAddingAndMergingDoesNotMatter) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 60; ++round) {
    const std::uint32_t exact_max = static_cast<std::uint32_t>(random() % 300);
    std::vector<std::uint64_t> ids(random() % 400);
    for (std::uint64_t& id : ids) id = 1 + random() % 500;
    const std::set<std::uint64_t> distinct(ids.begin(), ids.end());
    const Visitors straight = of(ids, exact_max);
    if (straight.exact()) {
      ASSERT_EQ(straight.count(), distinct.size());
    }
    ASSERT_EQ(straight.exact(), distinct.size() <= exact_max);

    std::shuffle(ids.begin(), ids.end(), random);
    Visitors merged(exact_max);
    for (std::size_t from = 0; from < ids.size();) {
      const std::size_t size = std::min(ids.size() - from, 1 + random() % 200);
      const std::vector<std::uint64_t> part(ids.begin() + static_cast<std::ptrdiff_t>(from),
                                            ids.begin() + static_cast<std::ptrdiff_t>(from + size));
      merged.merge(of(part, exact_max));
      from += size;
    }
    ASSERT_EQ(saved(merged), saved(straight));
    merged.merge(straight);
    ASSERT_EQ(saved(merged), saved(straight));
    ASSERT_EQ(merged.count(), straight.count());
  }
}

TEST(VisitorsTest, AnEstimateIsFreshAfterEveryChange) {
  Visitors visitors(0);
  std::uint64_t before = 0;
  for (std::uint64_t id = 1; id <= 100; ++id) {
    visitors.add(VisitorId{base::mix64(id)});
    EXPECT_GE(visitors.count(), before);
    before = visitors.count();
  }
  EXPECT_GT(before, 90U);
  visitors.merge(of({1, 2, 3, 4, 5}, 0));
  EXPECT_GT(visitors.count(), before);
}

TEST(VisitorsTest, SavedAndLoadedIsTheSame) {
  for (const std::size_t count : {0U, 1U, 100U, 5000U}) {
    std::vector<std::uint64_t> ids;
    for (std::uint64_t id = 1; id <= count; ++id) ids.push_back(base::mix64(id));
    if (count == 100) ids.push_back(UINT64_MAX);
    const Visitors visitors = of(ids, 4096);
    Visitors loaded;
    loaded.add(VisitorId{1});  // is replaced
    ASSERT_TRUE(load(loaded, saved(visitors)));
    EXPECT_EQ(saved(loaded), saved(visitors));
    EXPECT_EQ(loaded.count(), visitors.count());
    EXPECT_EQ(loaded.exact(), visitors.exact());
  }
}

TEST(VisitorsTest, ASetSavedUnderAGreaterMaximumIsLoadedAsASketch) {
  const std::vector<std::uint64_t> ids{1, 2, 3, 4, 5};
  Visitors loaded(4);
  ASSERT_TRUE(load(loaded, saved(of(ids, 5))));
  EXPECT_FALSE(loaded.exact());
  EXPECT_EQ(saved(loaded), saved(of(ids, 4)));
}

// --- malformed bytes ---

TEST(VisitorsTest, MalformedBytesAreRefusedAndChangeNothing) {
  const std::vector<std::uint64_t> ids{3, 70'000, UINT64_MAX};
  std::vector<std::string> malformed{std::string("\x02", 1), std::string("\x00\x02\x05\x00", 4),
                                     std::string("\x00\x01\x00", 3), std::string("\x01\x04HYLL", 6)};
  std::string past_64_bits("\x00\x02\x05", 3);
  base::ByteWriter(past_64_bits).varint(UINT64_MAX);
  malformed.push_back(past_64_bits);
  for (const std::uint32_t exact_max : {0U, 10U}) {
    const std::string bytes = saved(of(ids, exact_max));
    for (std::size_t size = 0; size < bytes.size(); size += exact_max == 0 ? 97 : 1) {
      malformed.push_back(bytes.substr(0, size));
    }
  }
  for (const std::string& bytes : malformed) {
    Visitors visitors = of({1, 2}, 10);
    base::ByteReader reader(bytes);
    EXPECT_FALSE(visitors.load(reader));
    EXPECT_EQ(visitors.count(), 2U);
  }
}

}  // namespace
}  // namespace footfall::counting
