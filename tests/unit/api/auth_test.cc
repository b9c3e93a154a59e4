// SPDX-License-Identifier: Apache-2.0
#include "api/auth.h"

#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

std::string_view bearer(std::string_view value) {
  http::Request request;
  request.fields[static_cast<std::size_t>(http::Field::authorization)] = value;
  return bearer_of(request);
}

TEST(Auth, ReadsTheBearersSecret) {
  EXPECT_EQ(bearer("Bearer abc"), "abc");
  EXPECT_EQ(bearer("bEARER  abc"), "abc");
  for (const std::string_view none : {"", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc"})
    EXPECT_EQ(bearer(none), "");
}

TEST(Auth, DigestIsSha256) {
  EXPECT_EQ(digest_of("abc")[0], 0xba);  // FIPS 180-2, appendix B.1: ba7816bf ... f20015ad
  EXPECT_EQ(digest_of("abc")[1], 0x78);
  EXPECT_EQ(digest_of("abc")[31], 0xad);
}

TEST(Auth, SecretsAreDrawnLongAndPlain) {
  const std::string one = drawn_secret();
  EXPECT_EQ(one.size(), 43U);
  EXPECT_EQ(one.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string::npos);
  EXPECT_NE(one, drawn_secret());
}

TEST(Auth, FindsTheTokenOfASecretOnly) {
  std::vector<sites::Token> tokens(3);
  tokens[0] = {"a", digest_of("first"), 1, {}, 0};
  tokens[1] = {"b", digest_of("second"), 2, {}, 100};
  tokens[2] = {"c", digest_of("third"), 4, {}, 0};
  EXPECT_EQ(find_token(tokens, "second", 99)->id, "b");
  EXPECT_EQ(find_token(tokens, "second", 100), nullptr);
  EXPECT_EQ(find_token(tokens, "third", 100)->id, "c");
  EXPECT_EQ(find_token(tokens, "fourth", 0), nullptr);
  EXPECT_EQ(find_token(tokens, "", 0), nullptr);
  EXPECT_EQ(find_token({}, "first", 0), nullptr);
}

TEST(Auth, ABoundTokenMayDoNothingToOtherSitesOrTheNode) {
  const sites::Token bound{"a", {}, static_cast<std::uint32_t>(sites::Scope::seed), sites::SiteId{7}, 0};
  EXPECT_TRUE(allows(bound, static_cast<std::uint32_t>(sites::Scope::seed), sites::SiteId{7}));
  EXPECT_FALSE(allows(bound, static_cast<std::uint32_t>(sites::Scope::seed), sites::SiteId{8}));
  EXPECT_FALSE(allows(bound, static_cast<std::uint32_t>(sites::Scope::seed), sites::SiteId{0}));
  EXPECT_FALSE(allows(bound, static_cast<std::uint32_t>(sites::Scope::reset), sites::SiteId{7}));
}

}  // namespace
}  // namespace footfall::api
