// SPDX-License-Identifier: Apache-2.0
#include "sites/shared_change.h"

#include <gtest/gtest.h>

namespace footfall::sites {
namespace {

SharedChange a_reset() {
  return {"0123456789abcdef0123456789abcdef", "example.vn", 7,
          Change{"reset-1", 1'700'000'000, "admin", "moved house", Reset{SiteId{3}, counting::Epoch{2, 99}, 41}}};
}

TEST(SharedChangeTest, ItsBytesGiveItBack) {
  const auto back = decode_shared_change(encode(a_reset()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->node, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(back->site, "example.vn");
  EXPECT_EQ(back->revision, 7U);
  EXPECT_EQ(back->change.id, "reset-1");
  EXPECT_EQ(back->change.reason, "moved house");
  EXPECT_EQ(std::get<Reset>(back->change.action).next, (counting::Epoch{2, 99}));
  EXPECT_EQ(encode(*back), encode(a_reset()));
}

TEST(SharedChangeTest, EveryFlippedBitAndEveryCutIsNoticed) {
  const std::string good = encode(a_reset());
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(decode_shared_change(good.substr(0, size)));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_shared_change(bad)) << bit;
  }
}

}  // namespace
}  // namespace footfall::sites
