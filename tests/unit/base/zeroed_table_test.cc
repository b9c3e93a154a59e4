// SPDX-License-Identifier: Apache-2.0
#include "base/zeroed_table.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace footfall::base {
namespace {

struct alignas(64) Group {
  std::array<std::uint64_t, 8> words{};
};

// Pages of the table that take up memory.
std::size_t resident_pages(const ZeroedTable<Group>& table) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t bytes = table.size() * sizeof(Group);
  std::vector<unsigned char> there((bytes + page - 1) / page);
  EXPECT_EQ(mincore(const_cast<Group*>(&table[0]), bytes, there.data()),
            0);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  return static_cast<std::size_t>(
      std::count_if(there.begin(), there.end(), [](unsigned char p) { return (p & 1U) != 0; }));
}

TEST(ZeroedTableTest, BeginsWithZerosAndKeepsWhatIsWritten) {
  ZeroedTable<Group> table(1000);
  EXPECT_EQ(table.size(), 1000U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&table[1]) % alignof(Group), 0U);
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (const std::uint64_t word : table[i].words) ASSERT_EQ(word, 0U);
    table[i].words[i % 8] = i;
  }
  for (std::size_t i = 0; i < table.size(); ++i) ASSERT_EQ(table[i].words[i % 8], i);
}

TEST(ZeroedTableTest, TakesUpNoMemoryBeforeItIsTouched) {
  ZeroedTable<Group> table(1U << 15U);
  EXPECT_EQ(resident_pages(table), 0U);
  table[100].words[0] = 1;
  EXPECT_EQ(resident_pages(table), 1U);
}

TEST(ZeroedTableTest, Moves) {
  ZeroedTable<Group> first(10);
  first[3].words[1] = 5;
  ZeroedTable<Group> second(std::move(first));
  EXPECT_EQ(second[3].words[1], 5U);
  ZeroedTable<Group> third;
  EXPECT_EQ(third.size(), 0U);
  third = std::move(second);
  EXPECT_EQ(third.size(), 10U);
  EXPECT_EQ(third[3].words[1], 5U);
}

TEST(ZeroedTableTest, ASizeBeyondTheAddressesIsAnError) {
  EXPECT_THROW(ZeroedTable<Group>(SIZE_MAX / 8), std::bad_alloc);
  EXPECT_THROW(ZeroedTable<Group>(SIZE_MAX / sizeof(Group)), std::bad_alloc);
}

}  // namespace
}  // namespace footfall::base
