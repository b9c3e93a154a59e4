// SPDX-License-Identifier: Apache-2.0
#include "ingest/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

TEST(ArenaTest, WhatWasCopiedStaysUntilItIsCleared) {
  std::mt19937_64 random(testing::rng_seed());
  Arena arena;
  for (int pass = 0; pass < 5; ++pass) {
    std::vector<std::pair<std::string_view, std::string>> kept;
    for (int i = 0; i < 2000; ++i) {
      const std::string text(random() % 300, static_cast<char>('a' + i % 26));
      kept.emplace_back(arena.copy(text), text);
    }
    for (const auto& [view, text] : kept) ASSERT_EQ(view, text);
    EXPECT_GT(arena.chunks(), 1U);
    arena.clear();
    EXPECT_EQ(arena.chunks(), 1U);
  }
}

TEST(ArenaTest, AnOrdinaryPassUsesTheOneChunkAgain) {
  Arena arena;
  const char* first = arena.copy("x").data();
  arena.clear();
  EXPECT_EQ(arena.copy("y").data(), first);
  EXPECT_EQ(arena.chunks(), 1U);
}

TEST(ArenaTest, AnOversizedAllocationIsNotTheOneThatIsKept) {
  Arena arena;
  std::memset(arena.allocate(10 * Arena::kChunk), 'x', 10 * Arena::kChunk);
  arena.clear();
  std::memset(arena.allocate(Arena::kChunk), 'y', Arena::kChunk);
  EXPECT_EQ(arena.chunks(), 1U);
}

TEST(ArenaTest, OnlyTheLatestAllocationShrinks) {
  Arena arena;
  char* a = arena.allocate(100);
  arena.shrink(a, 100, 10);
  char* b = arena.allocate(100);
  EXPECT_EQ(b, a + 10);
  arena.shrink(a, 10, 5);  // not the latest
  EXPECT_EQ(arena.allocate(1), b + 100);
}

TEST(ArenaTest, ClearingAnArenaThatWasNeverUsedIsFine) {
  Arena arena;
  arena.clear();
  EXPECT_EQ(arena.copy(""), "");
  EXPECT_EQ(arena.copy("a"), "a");
}

}  // namespace
}  // namespace footfall::ingest
