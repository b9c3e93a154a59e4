// SPDX-License-Identifier: Apache-2.0
#include "cli/log_mark.h"

#include <gtest/gtest.h>

#include <random>

#include "sites/imports.h"
#include "support/rng_seed.h"

namespace footfall::cli {
namespace {

TEST(LogMarkTest, ItsTextComesBack) {
  const LogMark mark{UINT64_MAX, UINT64_MAX, UINT64_MAX, INT64_MIN, UINT64_MAX, UINT64_MAX};
  EXPECT_EQ(read_mark(text_of(mark), UINT64_MAX), mark);
  EXPECT_LE(text_of(mark).size(), sites::kMarkMax);
  EXPECT_EQ(text_of({9, 5, 7, 8, 0xab, 0xc}), "1 5 7 8 00000000000000ab 000000000000000c");
}

TEST(LogMarkTest, WhatIsNoMarkIsRefused) {
  for (const char* bad : {"", "1", "1 5 7 8", "1 5 7 8 ", "1 5 7 8 ab", "1 5 7 8 ab c ", "1 5 7 8 ab c 9",
                          "2 5 7 8 ab c", "1 -5 7 8 ab c", "1  5 7 8 ab c", "1 5 7 8 xy c", "1 5 7 8 ab x"})
    EXPECT_FALSE(read_mark(bad, 1)) << bad;
}

// However the bytes come, and whether only the ends of them are given.
TEST(LogMarkTest, APrintIsThatOfTheBytes) {
  std::mt19937_64 rng(testing::rng_seed());
  for (int round = 0; round < 300; ++round) {
    std::string bytes(rng() % 5000, '\0');
    for (char& c : bytes) c = static_cast<char>('a' + rng() % 3);
    LogPrint pieces;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = std::min<std::size_t>(1 + rng() % 1500, bytes.size() - at);
      pieces.add(std::string_view(bytes).substr(at, size));
      at += size;
    }
    LogPrint whole;
    whole.add(bytes);
    EXPECT_EQ(pieces.value(), whole.value()) << bytes.size();
    EXPECT_EQ(pieces.tail(),
              std::string_view(bytes).substr(bytes.size() - std::min<std::size_t>(bytes.size(), LogPrint::kTail)));
    EXPECT_EQ(LogPrint::at(bytes.size(), bytes, bytes).value(), whole.value());
    LogPrint head;
    head.add(std::string_view(bytes).substr(0, LogPrint::kHead));
    EXPECT_EQ(pieces.head_value(), bytes.size() < LogPrint::kHead ? 0 : head.value());
    if (bytes.empty()) continue;
    // Any of the first or last bytes changes it.
    std::string other = bytes;
    const std::size_t end = std::min<std::size_t>(bytes.size(), 1024);
    const std::size_t at = rng() % 2 == 0 ? rng() % end : bytes.size() - 1 - rng() % end;
    other[at] ^= 1;
    LogPrint changed;
    changed.add(other);
    EXPECT_NE(changed.value(), whole.value()) << at << " of " << bytes.size();
  }
}

}  // namespace
}  // namespace footfall::cli
