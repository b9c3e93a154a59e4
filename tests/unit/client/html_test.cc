// SPDX-License-Identifier: Apache-2.0
// Pages, as they are written.
#include "cli/html.h"

#include <gtest/gtest.h>

#include <random>

#include "support/rng_seed.h"

namespace footfall::cli {
namespace {

// name[attribute=value]... of all elements.
std::string read(std::string_view html) {
  std::string out;
  for (const Element& element : elements_of(html)) {
    out += (out.empty() ? "" : " ") + element.name + (element.in_noscript ? "!" : "");
    for (const auto& [name, value] : element.attributes)
      out.append("[").append(name).append("=").append(value).append("]");
  }
  return out;
}

TEST(HtmlTest, TagsAndAttributesAreReadHoweverTheyAreWritten) {
  EXPECT_EQ(read("<!doctype html><html><SCRIPT Async SRC='/x.js' data-site=\"a.vn\"></SCRIPT><br/>"),
            "html script[async=][src=/x.js][data-site=a.vn] br");
  EXPECT_EQ(read("<img src=/hit.gif?site=a.vn alt=\"\"width=1\n height = '1' / >"),
            "img[src=/hit.gif?site=a.vn][alt=][width=1][height=1]");
  EXPECT_EQ(read("<a href=x href=y>"), "a[href=x]");
  EXPECT_EQ(read("<a title='1 > 0'><b>"), "a[title=1 > 0] b");
  EXPECT_EQ(read("1 < 2 <3> </p> <b"), "");
}

TEST(HtmlTest, ReferencesInValuesAreDecoded) {
  EXPECT_EQ(read("<a b='?x=1&amp;y=2&lt;&#65;&#x1ea1;&unknown;&'>"), "a[b=?x=1&y=2<A\u1ea1&unknown;&]");
}

TEST(HtmlTest, CommentsAndTheTextOfScriptsAreNoElements) {
  EXPECT_EQ(
      read("<!-- <script src=a> --><script>if (a<b) '<img src=x>'</script><style><i></style><title><b></title><i>"),
      "script style title i");
  EXPECT_EQ(read("<script>never ends <i>"), "script");
  EXPECT_EQ(read("<!-- never ends <i>"), "");
}

TEST(HtmlTest, WhatIsForThoseWithoutScriptsIsMarked) {
  EXPECT_EQ(read("<img><noscript><img></noscript><img>"), "img noscript img! img");
}

TEST(HtmlTest, NoPageBringsItDown) {
  std::mt19937_64 random(testing::rng_seed());
  constexpr std::string_view kPieces[] = {"<", ">", "!--", "-->", "script", "</script", "=",           "'",   "\"", " ",
                                          "/", "a", "&#",  "x41", ";",      "noscript", "</noscript>", "\xff"};
  for (int round = 0; round < 5000; ++round) {
    std::string html;
    for (std::size_t i = random() % 40; i > 0; --i) html += kPieces[random() % std::size(kPieces)];
    for (const Element& element : elements_of(html)) EXPECT_FALSE(element.name.empty()) << html;
  }
}

}  // namespace
}  // namespace footfall::cli
