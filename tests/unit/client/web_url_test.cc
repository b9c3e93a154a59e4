// SPDX-License-Identifier: Apache-2.0
// Addresses of the web, and where references lead.
#include "cli/web_url.h"

#include <gtest/gtest.h>

namespace footfall::cli {
namespace {

std::string resolved(const std::string& base, const std::string& reference) {
  const auto at = parse_web_url(base);
  if (!at) return "no base";
  const auto url = resolve(*at, reference);
  return url ? url->text() : "none";
}

TEST(WebUrlTest, AnAddressIsTakenApart) {
  const auto url = parse_web_url(" HTTPS://user:x@Example.VN:8443/a/./b/../c?d=/../e#f ");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->origin(), "https://example.vn:8443");
  EXPECT_EQ(url->target, "/a/c?d=/../e");
  EXPECT_EQ(url->path(), "/a/c");
  EXPECT_EQ(parse_web_url("http://example.vn:80")->text(), "http://example.vn/");
  EXPECT_EQ(parse_web_url("https://[::1]:443?x")->text(), "https://[::1]/?x");
  for (const char* text : {"", "example.vn", "//example.vn", "ftp://a", "http:", "http://", "http://:80", "http://a:0",
                           "http://a:b", "http://a b"})
    EXPECT_FALSE(parse_web_url(text)) << text;
}

// RFC 3986, 5.4, as far as it is about http.
TEST(WebUrlTest, ReferencesLeadWhereTheStandardSays) {
  const std::string base = "http://a/b/c/d;p?q";
  const std::pair<const char*, const char*> cases[] = {
      {"g", "http://a/b/c/g"},       {"./g", "http://a/b/c/g"},      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},          {"//g", "http://g/"},           {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},   {"#s", "http://a/b/c/d;p?q"},   {"g#s", "http://a/b/c/g"},
      {"", "http://a/b/c/d;p?q"},    {".", "http://a/b/c/"},         {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},         {"../", "http://a/b/"},         {"../g", "http://a/b/g"},
      {"../..", "http://a/"},        {"../../g", "http://a/g"},      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},        {"/../g", "http://a/g"},        {"g.", "http://a/b/c/g."},
      {"..g", "http://a/b/c/..g"},   {"./../g", "http://a/b/g"},     {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"}, {"g/../h", "http://a/b/c/h"},   {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"data:text/plain,x", "none"}, {"https://x/y", "https://x/y"}, {"javascript:0", "none"}};
  for (const auto& [reference, leads] : cases) EXPECT_EQ(resolved(base, reference), leads) << reference;
  EXPECT_EQ(resolved("https://a", "x.js"), "https://a/x.js");
  EXPECT_EQ(resolved("https://a/p", "//b/x.js"), "https://b/x.js");
}

TEST(WebUrlTest, ValuesOfTheQueryAreDecoded) {
  const auto url = *parse_web_url("https://a/hit.gif?path=%2Ft%C3%A9+x&site=example.vn&empty=&bad=%zz");
  EXPECT_EQ(query_value(url, "site"), "example.vn");
  EXPECT_EQ(query_value(url, "path"), "/t\xC3\xA9 x");
  EXPECT_EQ(query_value(url, "bad"), "%zz");
  EXPECT_EQ(query_value(url, "empty"), "");
  EXPECT_EQ(query_value(url, "absent"), "");
}

TEST(WebUrlTest, LoopbackIsThisMachineAlone) {
  for (const char* text : {"http://localhost", "http://127.0.0.1:80", "http://127.9.9.9", "http://[::1]"})
    EXPECT_TRUE(parse_web_url(text)->loopback()) << text;
  for (const char* text :
       {"http://example.vn", "http://127.0.0.1.example.vn", "http://128.0.0.1", "http://localhost.example"})
    EXPECT_FALSE(parse_web_url(text)->loopback()) << text;
}

}  // namespace
}  // namespace footfall::cli
