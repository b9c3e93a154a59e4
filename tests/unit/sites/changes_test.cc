// SPDX-License-Identifier: Apache-2.0
#include "sites/changes.h"

#include <gtest/gtest.h>

namespace footfall::sites {
namespace {

using counting::Epoch;

std::vector<Change> one_of_each() {
  Settings before;
  before.name = "example.vn";
  Settings after = before;
  after.lang = "vi";
  TokenAdded token;
  token.id = "reader";
  token.digest.fill(0xAB);
  token.scopes = 2;
  token.expires_s = 1'900'000'000;
  TokenAdded bound = token;
  bound.site = SiteId{0};
  std::vector<Change> out;
  const auto add = [&](Action action) {
    out.push_back(Change{"id-" + std::to_string(out.size()), 1'700'000'000, "admin", "because", std::move(action)});
  };
  add(SiteAdded{SiteId{7}, before, Epoch{2, 99}});
  add(SiteChanged{SiteId{7}, before, after});
  add(SiteRemoved{SiteId{7}, before});
  add(Seeded{SiteId{7}, Epoch{1, 0}, std::nullopt, {}, -5, 10, 5});
  add(Seeded{SiteId{7}, Epoch{1, 0}, "/about", counting::PageId{9}, INT64_MAX, 0, UINT64_MAX});
  add(Restored{SiteId{7},
               Epoch{3, 9},
               Epoch{4, 9},
               "20261125T145600.123Z-1a2b3c4d",
               12,
               41'450'791,
               {{counting::PageId{2}, "/a", 7}, {counting::PageId{9}, "/b", INT64_MAX}}});
  add(Reset{SiteId{7}, Epoch{UINT32_MAX, UINT64_MAX}, 12});
  add(Undone{"id-3", 5, 10});
  add(token);
  add(bound);
  add(ImportBegun{SiteId{7}, "access.log", 1, UINT64_MAX});
  add(ImportEnded{SiteId{7}, "access.log"});
  add(TokenRemoved{token});
  add(TokenRemoved{bound});
  add(PagesMarked{SiteId{7},
                  PagesMarked::Kind::merged,
                  {{counting::PageId{2}, "/a"}, {counting::PageId{9}, "/b"}},
                  PagesMarked::Page{counting::PageId{3}, "/c"},
                  5,
                  12});
  add(PagesMarked{SiteId{7}, PagesMarked::Kind::removed, {{counting::PageId{2}, "/a"}}, std::nullopt, 5, 0});
  add(Reset{SiteId{7}, Epoch{2, 5}, 12});
  out.back().origin = Origin{"0123456789abcdef0123456789abcdef", 0};
  add(SiteRemoved{SiteId{7}, before});
  out.back().origin = Origin{"0123456789abcdef0123456789abcdef", UINT64_MAX};
  return out;
}

std::string bytes_of(const Change& change) {
  std::string bytes;
  base::ByteWriter out(bytes);
  encode(change, out);
  return bytes;
}

TEST(ChangesTest, EveryKindReadsBackToTheSameBytes) {
  for (const Change& change : one_of_each()) {
    const std::string bytes = bytes_of(change);
    base::ByteReader in(bytes);
    Change back;
    ASSERT_TRUE(decode(in, back)) << change.id;
    EXPECT_TRUE(in.at_end());
    EXPECT_EQ(back.action.index(), change.action.index());
    EXPECT_EQ(back.reason, "because");
    EXPECT_EQ(back.origin, change.origin);
    EXPECT_EQ(bytes_of(back), bytes);
  }
}

TEST(ChangesTest, EveryTruncationIsNoticed) {
  for (const Change& change : one_of_each()) {
    const std::string bytes = bytes_of(change);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      base::ByteReader in(std::string_view(bytes).substr(0, size));
      Change back;
      const auto read = decode(in, back);
      ASSERT_FALSE(read) << change.id << " at " << size;
      EXPECT_EQ(read.error().code, base::Errc::corrupt);
    }
  }
}

TEST(ChangesTest, AnUnknownKindIsOfANewerRelease) {
  std::string bytes;
  base::ByteWriter out(bytes);
  out.string("id");
  out.svarint(0);
  out.string("");
  out.string("");
  out.u8(200);
  base::ByteReader in(bytes);
  Change back;
  EXPECT_EQ(decode(in, back).error().code, base::Errc::newer_format);
}

TEST(ChangesTest, IdsAreShortAndPlain) {
  EXPECT_TRUE(valid_change_id("0f1e:2.A_b-"));
  EXPECT_TRUE(valid_change_id(std::string(64, 'x')));
  EXPECT_FALSE(valid_change_id(""));
  EXPECT_FALSE(valid_change_id(std::string(65, 'x')));
  EXPECT_FALSE(valid_change_id("a b"));
  EXPECT_FALSE(valid_change_id("a\n"));
}

TEST(ChangesTest, ScopesHaveNames) {
  EXPECT_EQ(scope_names(kAllScopes).size(), 8U);
  EXPECT_EQ(scope_names(5), (std::vector<std::string_view>{"ingest", "seed"}));
  EXPECT_TRUE(scope_names(0).empty());
  std::uint32_t all = 0;
  for (const std::string_view name : scope_names(kAllScopes))
    all |= static_cast<std::uint32_t>(scope_from(name).value());
  EXPECT_EQ(all, kAllScopes);
  EXPECT_EQ(scope_from("Read").error().code, base::Errc::malformed);
}

}  // namespace
}  // namespace footfall::sites
