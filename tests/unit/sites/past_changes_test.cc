// SPDX-License-Identifier: Apache-2.0
#include "sites/past_changes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/rng_seed.h"

namespace footfall::sites {
namespace {

std::string saved(const PastChanges& past) {
  std::string bytes;
  base::ByteWriter out(bytes);
  past.save(out);
  return bytes;
}

bool loads(const std::string& bytes, PastChanges& past) {
  base::ByteReader in(bytes);
  return past.load(in) && in.at_end();
}

TEST(PastChangesTest, KnowsWhatWasAddedAndNothingElse) {
  PastChanges past;
  EXPECT_FALSE(past.contains("a"));
  past.add("a");
  past.add("a");
  EXPECT_EQ(past.size(), 1U);
  EXPECT_TRUE(past.contains("a"));
  EXPECT_FALSE(past.contains("b"));
  EXPECT_FALSE(past.contains(""));
}

TEST(PastChangesTest, IsWhatASetSays) {
  std::mt19937_64 random(testing::rng_seed());
  PastChanges past;
  std::set<std::string> oracle;
  for (int i = 0; i < 20'000; ++i) {
    // Some are drawn twice.
    const std::string id = "change-" + std::to_string(random() % 15'000);
    ASSERT_EQ(past.contains(id), oracle.contains(id)) << id << " after " << i;
    if (random() % 3 == 0) continue;
    past.add(id);
    oracle.insert(id);
    ASSERT_EQ(past.size(), oracle.size());
    ASSERT_TRUE(past.contains(id));
  }
  for (int n = 0; n < 15'000; ++n) {
    const std::string id = "change-" + std::to_string(n);
    ASSERT_EQ(past.contains(id), oracle.contains(id)) << id;
  }
  EXPECT_LE(past.memory_bytes(), oracle.size() * 20 + 1024 * 16) << "16 bytes each, and some room";
}

TEST(PastChangesTest, EqualContentGivesEqualBytesWhateverTheOrder) {
  std::mt19937_64 random(testing::rng_seed());
  for (const std::size_t size : {1U, 2U, 1023U, 1024U, 1025U, 5000U}) {
    std::vector<std::string> ids;
    for (std::size_t n = 0; n < size; ++n) ids.push_back(std::to_string(random()));
    PastChanges one;
    for (const std::string& id : ids) one.add(id);
    std::shuffle(ids.begin(), ids.end(), random);
    PastChanges other;
    for (const std::string& id : ids) other.add(id);
    ASSERT_EQ(saved(one), saved(other)) << size;

    PastChanges loaded;
    ASSERT_TRUE(loads(saved(one), loaded));
    EXPECT_EQ(loaded.size(), size);
    EXPECT_EQ(saved(loaded), saved(one));
    // It goes on as the one that was saved.
    loaded.add("one more");
    one.add("one more");
    ASSERT_EQ(saved(loaded), saved(one));
    for (const std::string& id : ids) ASSERT_TRUE(loaded.contains(id));
  }
}

// Directories have them: they may never be others.
TEST(PastChangesTest, TheBytesOfAnIdStayAsTheyAre) {
  PastChanges past;
  past.add("0123456789abcdef0123456789abcdef");
  std::string hex;
  for (const char c : saved(past)) {
    constexpr const char* kHex = "0123456789abcdef";
    hex += kHex[static_cast<std::uint8_t>(c) >> 4U];
    hex += kHex[static_cast<std::uint8_t>(c) & 15U];
  }
  EXPECT_EQ(hex, "010a13c6c68f8e1f782f8c962916db667a");
}

// ---- Errors ----

TEST(PastChangesTest, WhatWasNotSavedIsNotLoaded) {
  PastChanges past;
  for (int n = 0; n < 20; ++n) past.add(std::to_string(n));
  const std::string good = saved(past);
  for (std::size_t size = 0; size < good.size(); ++size) {
    PastChanges loaded;
    EXPECT_FALSE(loads(good.substr(0, size), loaded)) << "cut at " << size;
  }
  std::string twice = good;
  std::copy_n(twice.begin() + 1, 16, twice.begin() + 17);
  PastChanges loaded;
  EXPECT_FALSE(loads(twice, loaded)) << "they ascend";
  PastChanges many;
  EXPECT_FALSE(loads(std::string(9, '\xff') + "\x01", many)) << "more than there are bytes";
}

}  // namespace
}  // namespace footfall::sites
