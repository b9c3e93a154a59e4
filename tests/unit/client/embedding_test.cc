// SPDX-License-Identifier: Apache-2.0
// Where a page has the counter, and where its pings go.
#include "cli/embedding.h"

#include <gtest/gtest.h>

namespace footfall::cli {
namespace {

const WebUrl kPage = *parse_web_url("https://www.example.vn/tin/1.html");

std::string hit_of(const std::string& html) {
  const auto hit = embedding_of(kPage, html).hit();
  return hit ? hit->text() : "none";
}
std::string site_of(const std::string& html) {
  return embedding_of(kPage, html).site(kPage);
}

TEST(EmbeddingTest, PingsGoWhereTheScriptSendsThem) {
  EXPECT_EQ(hit_of("<script async src='https://stats.vn/footfall.js' data-site=a.vn></script>"),
            "https://stats.vn/hit");
  EXPECT_EQ(hit_of("<script src='/so-lieu/dem.js?v=2' data-site=a.vn></script>"), "https://www.example.vn/so-lieu/dem");
  EXPECT_EQ(hit_of("<script src='//stats.vn/a/footfall.js?v=2'></script>"), "https://stats.vn/a/hit");
  EXPECT_EQ(hit_of("<script src='https://stats.vn/x/footfall.js' data-hit='../y/p'></script>"), "https://stats.vn/y/p");
  EXPECT_EQ(hit_of("<script src='https://stats.vn/themes.js' data-site=a.vn></script>"), "https://stats.vn/hit");
  EXPECT_EQ(hit_of("<script src='https://stats.vn/themes.js' data-script='b/dem.js'></script>"),
            "https://stats.vn/b/dem");
  EXPECT_EQ(hit_of("<base href='https://cdn.vn/s/'><script src='footfall.js'></script>"), "https://cdn.vn/s/hit");
}

TEST(EmbeddingTest, WithoutAScriptAPixelOrAWidgetTells) {
  EXPECT_EQ(hit_of("<img src='https://stats.vn/p/hit.gif?site=a.vn&amp;path=/x'>"), "https://stats.vn/p/hit");
  EXPECT_EQ(hit_of("<iframe src='https://stats.vn/widget/a.vn?style=badge'></iframe>"), "https://stats.vn/hit");
  EXPECT_EQ(hit_of("<img src='/so-lieu/widget/a.vn.svg'>"), "https://www.example.vn/so-lieu/hit");
  EXPECT_EQ(hit_of("<img src=/logo.gif><script src=jquery.js></script>"), "none");
}

TEST(EmbeddingTest, TheSiteIsWhatIsNamedElseThePagesHost) {
  EXPECT_EQ(site_of("<script src=/footfall.js data-site=a.vn></script>"), "a.vn");
  EXPECT_EQ(site_of("<script src=/footfall.js></script>"), "www.example.vn");
  EXPECT_EQ(site_of("<img src=/widget/b.vn.png>"), "b.vn");
  EXPECT_EQ(site_of("<noscript><img src='/hit.gif?site=c.vn'></noscript>"), "c.vn");
}

TEST(EmbeddingTest, WhatThePageShowsIsKnown) {
  const Embedding found = embedding_of(kPage,
                                       "<meta http-equiv='content-security-policy' content=\"img-src 'self'\"><b "
                                       "data-footfall=total></b><b data-footfall=total></b>"
                                       "<b data-footfall=page data-live></b><script src=a.js></script><noscript><img "
                                       "src='/hit.gif?site=c.vn'></noscript>");
  EXPECT_EQ(found.numbers, (std::vector<std::string>{"total", "page"}));
  EXPECT_EQ(found.policies, (std::vector<std::string>{"img-src 'self'"}));
  EXPECT_TRUE(found.live);
  EXPECT_TRUE(found.pixels.at(0).in_noscript);
  EXPECT_EQ(found.other_scripts.at(0).url.text(), "https://www.example.vn/tin/a.js");
}

TEST(EmbeddingTest, AScriptUnderANameOfItsOwnMayBeAdopted) {
  Embedding found = embedding_of(kPage, "<script src=jquery.js></script><script src=/x/dem.js></script>");
  EXPECT_TRUE(found.scripts.empty());
  found.adopt(1);
  EXPECT_EQ(found.hit()->text(), "https://www.example.vn/x/dem");
  EXPECT_EQ(found.other_scripts.size(), 1U);
}

}  // namespace
}  // namespace footfall::cli
