// SPDX-License-Identifier: Apache-2.0
// TableMemory: blocks do not overlap, are aligned, and come back together.
#include "counting/table_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <random>

#include "support/rng_seed.h"

namespace footfall::counting {
namespace {

TEST(TableMemoryTest, ServesPowersOfTwoFromAPageToHalfARegion) {
  EXPECT_TRUE(TableMemory::serves(4096));
  EXPECT_TRUE(TableMemory::serves(1U << 20U));
  EXPECT_FALSE(TableMemory::serves(2048));
  EXPECT_FALSE(TableMemory::serves(2U << 20U));
  EXPECT_FALSE(TableMemory::serves(12'288));
}

TEST(TableMemoryTest, ARegionIsFilledBeforeTheNextAndGoesBackWhenItIsEmpty) {
  const std::size_t before = TableMemory::held_bytes();
  std::vector<void*> blocks;
  for (int i = 0; i < 64; ++i) blocks.push_back(TableMemory::take(TableMemory::kBlockMax / 4));
  EXPECT_LE(TableMemory::held_bytes(), before + 64 / 8 * TableMemory::kRegion);
  for (void* block : blocks) TableMemory::give(block, TableMemory::kBlockMax / 4);
  EXPECT_LE(TableMemory::held_bytes(), before + TableMemory::kRegion);
}

// Each block is filled with a byte of its own, which must still be there when it is given back.
TEST(TableMemoryTest, BlocksAreTheirOwnersAlone) {
  struct Block {
    std::size_t bytes;
    unsigned char mark;
  };
  const std::size_t before = TableMemory::held_bytes();
  std::map<unsigned char*, Block> taken;
  std::mt19937_64 random(testing::rng_seed());
  for (int step = 0; step < 20'000; ++step) {
    if (taken.size() < 200 && random() % 2 == 0) {
      const std::size_t bytes = TableMemory::kBlockMin << random() % 9;
      auto* block = static_cast<unsigned char*>(TableMemory::take(bytes));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % bytes, 0U);
      const auto mark = static_cast<unsigned char>(random());
      std::memset(block, mark, bytes);
      ASSERT_TRUE(taken.emplace(block, Block{bytes, mark}).second);
    } else if (!taken.empty()) {
      const auto it = std::next(taken.begin(), static_cast<std::ptrdiff_t>(random() % taken.size()));
      const auto [block, is] = *it;
      ASSERT_EQ(block[0], is.mark);
      ASSERT_EQ(std::memcmp(block, block + 1, is.bytes - 1), 0);
      TableMemory::give(block, is.bytes);
      taken.erase(it);
    }
  }
  for (const auto& [block, is] : taken) TableMemory::give(block, is.bytes);
  EXPECT_LE(TableMemory::held_bytes(), before + TableMemory::kRegion);
}

}  // namespace
}  // namespace footfall::counting
