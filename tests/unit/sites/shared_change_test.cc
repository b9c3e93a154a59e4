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

// They stand in Redis: other releases of footfall compare them.
TEST(SharedChangeTest, TheNameOfAChangeStays) {
  const auto back = decode_shared_change(encode(a_reset()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->field(), "reset-1@7a9927551726ce98");
  EXPECT_EQ(id_of(back->field()), "reset-1");
  EXPECT_EQ(id_of("reset-1"), "reset-1");
  EXPECT_EQ(field_of("seed-1", Seeded{SiteId{1}, counting::Epoch{}, "/a", {}, -5, 10, 5}, "example.vn"),
            "seed-1@13e1ef2ac8037fbb");
  EXPECT_EQ(field_of("r", Restored{SiteId{1}, counting::Epoch{2, 9}, counting::Epoch{3, 9}, "s", 0, 7, {}}, "a.vn"),
            "r@155185c419986427");
  EXPECT_EQ(field_of("undo-1", Undone{"seed-1", 1, 2}, "example.vn"), "undo-1") << "what all make alike has its id";
  EXPECT_EQ(field_of("token", TokenAdded{}, ""), "token");
}

TEST(SharedChangeTest, TheNameIsOfWhatAChangeDoes) {
  const auto of = [](const Action& action, std::string_view site = "example.vn") {
    return field_of("x", action, site);
  };
  const auto seeded = [](std::uint32_t site, std::int64_t amount, std::uint64_t before) {
    return Seeded{SiteId{site}, counting::Epoch{}, std::nullopt, {}, amount, before, before + 5};
  };
  EXPECT_EQ(of(seeded(1, 5, 10)), of(seeded(2, 5, 20))) << "it adds five, here and there";
  EXPECT_NE(of(seeded(1, 5, 10)), of(seeded(1, 5, 10), "example.org"));
  EXPECT_NE(of(seeded(1, 5, 10)), of(seeded(1, 6, 10)));
  EXPECT_NE(of(Reset{SiteId{1}, counting::Epoch{2, 9}, 0}), of(Reset{SiteId{1}, counting::Epoch{3, 9}, 0}));

  Restored restored{SiteId{1}, counting::Epoch{2, 9}, counting::Epoch{3, 9}, "s", 0, 7, {{{}, "/a", 3}}};
  const std::string whole = of(restored);
  restored.pages.clear();  // as a node forgets them
  EXPECT_EQ(of(restored), whole);
}

}  // namespace
}  // namespace footfall::sites
