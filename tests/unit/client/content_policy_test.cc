// SPDX-License-Identifier: Apache-2.0
// What policies allow.
#include "cli/content_policy.h"

#include <gtest/gtest.h>

namespace footfall::cli {
namespace {

using Use = ContentPolicy::Use;

// What a page at https://example.vn/p is forbidden under a policy, or "".
std::string forbids(const std::string& policy, const ContentPolicy::Asked& asked,
                    const std::string& page = "https://example.vn/p") {
  ContentPolicy all(*parse_web_url(page));
  all.add(policy);
  return all.forbids(asked);
}
ContentPolicy::Asked asked(Use use, const std::string& url) {
  return {use, *parse_web_url(url)};
}
bool allows(const std::string& sources, const std::string& url, const std::string& page = "https://example.vn/p") {
  return forbids("img-src " + sources, asked(Use::image, url), page).empty();
}

TEST(ContentPolicyTest, WithoutADirectiveAllIsAllowed) {
  EXPECT_EQ(forbids("", asked(Use::script, "https://stats.vn/footfall.js")), "");
  EXPECT_EQ(forbids("frame-ancestors 'none'", asked(Use::script, "https://stats.vn/footfall.js")), "");
}

TEST(ContentPolicyTest, TheMostSpecialDirectiveDecides) {
  const auto script = asked(Use::script, "https://stats.vn/footfall.js");
  EXPECT_EQ(forbids("default-src 'self'; script-src https://stats.vn", script), "");
  EXPECT_EQ(forbids("script-src https://stats.vn; script-src-elem 'self'", script), "script-src-elem 'self'");
  EXPECT_EQ(forbids("DEFAULT-SRC 'none'", script), "default-src 'none'");
  EXPECT_EQ(forbids("default-src 'none'; connect-src https://stats.vn", asked(Use::connect, "https://stats.vn/hit")),
            "");
  EXPECT_EQ(forbids("child-src 'none'", asked(Use::frame, "https://stats.vn/widget/a")), "child-src 'none'");
  EXPECT_EQ(forbids("script-src 'self'; script-src *", script), "script-src 'self'");  // the first one counts
}

TEST(ContentPolicyTest, EachPolicyHasToAllowIt) {
  const auto image = asked(Use::image, "https://stats.vn/hit.gif");
  EXPECT_EQ(forbids("img-src *, img-src 'self'", image), "img-src 'self'");
  EXPECT_EQ(forbids("img-src *, default-src https:", image), "");
}

TEST(ContentPolicyTest, SourcesMatchAsTheStandardSays) {
  EXPECT_TRUE(allows("*", "https://stats.vn/x"));
  EXPECT_FALSE(allows("'none'", "https://stats.vn/x"));
  EXPECT_FALSE(allows("", "https://stats.vn/x"));
  EXPECT_TRUE(allows("https:", "https://stats.vn/x"));
  EXPECT_FALSE(allows("https:", "http://stats.vn/x"));
  EXPECT_TRUE(allows("http:", "https://stats.vn/x"));
  EXPECT_FALSE(allows("data: blob:", "https://stats.vn/x"));
  EXPECT_TRUE(allows("stats.vn", "https://stats.vn/x"));
  EXPECT_FALSE(allows("stats.vn", "http://stats.vn/x"));  // the page is https
  EXPECT_TRUE(allows("stats.vn", "https://stats.vn/x", "http://example.vn/"));
  EXPECT_FALSE(allows("stats.vn", "https://stats.vn:8443/x"));
  EXPECT_TRUE(allows("stats.vn:8443", "https://stats.vn:8443/x"));
  EXPECT_TRUE(allows("https://stats.vn:*", "https://stats.vn:8443/x"));
  EXPECT_TRUE(allows("HTTPS://Stats.VN", "https://stats.vn/x"));
  EXPECT_TRUE(allows("*.vn", "https://stats.vn/x"));
  EXPECT_FALSE(allows("*.stats.vn", "https://stats.vn/x"));
  EXPECT_FALSE(allows("*.tats.vn", "https://stats.vn/x"));
  EXPECT_TRUE(allows("https://stats.vn/a/", "https://stats.vn/a/b?c"));
  EXPECT_TRUE(allows("https://stats.vn/a/b", "https://stats.vn/a/b?c"));
  EXPECT_FALSE(allows("https://stats.vn/a", "https://stats.vn/a/b"));
  EXPECT_TRUE(allows("[::1]:80", "http://[::1]/", "http://[::1]/"));
}

TEST(ContentPolicyTest, SelfIsThePagesOwnAddress) {
  EXPECT_TRUE(allows("'self'", "https://example.vn/x"));
  EXPECT_FALSE(allows("'self'", "https://www.example.vn/x"));
  EXPECT_FALSE(allows("'self'", "http://example.vn/x"));
  EXPECT_TRUE(allows("'self'", "https://example.vn/x", "http://example.vn/"));
  EXPECT_FALSE(allows("'self'", "https://example.vn:444/x"));
}

TEST(ContentPolicyTest, ANonceOrAHashLetsAScriptIn) {
  auto script = asked(Use::script, "https://stats.vn/footfall.js");
  EXPECT_NE(forbids("script-src 'nonce-abc'", script), "");
  script.nonce = "abc";
  EXPECT_EQ(forbids("script-src 'nonce-abc'", script), "");
  EXPECT_NE(forbids("script-src 'nonce-ABC'", script), "");
  EXPECT_EQ(forbids("script-src 'nonce-abc' 'strict-dynamic'", script), "");
  script.nonce = "";
  EXPECT_NE(forbids("script-src 'strict-dynamic' https://stats.vn", script), "");
  script.by_script = true;
  EXPECT_EQ(forbids("script-src 'strict-dynamic'", script), "");
  script.by_script = false;
  script.integrity = "sha256-xyz";
  EXPECT_EQ(forbids("script-src 'sha256-xyz'", script), "");
  EXPECT_NE(forbids("script-src 'sha256-xy'", script), "");
}

TEST(ContentPolicyTest, UpgradesAreTold) {
  ContentPolicy policy(*parse_web_url("https://example.vn/"));
  EXPECT_TRUE(policy.empty());
  policy.add("default-src *");
  EXPECT_FALSE(policy.upgrades());
  policy.add("Upgrade-Insecure-Requests");
  EXPECT_TRUE(policy.upgrades());
}

}  // namespace
}  // namespace footfall::cli
