// SPDX-License-Identifier: Apache-2.0
#include "api/text.h"

#include <gtest/gtest.h>

#include <array>

namespace footfall::api {
namespace {

TEST(Text, Utf8LengthFollowsTheUnicodeTable) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("ố"), 3U);
  EXPECT_EQ(utf8_length("\xF0\x9F\x98\x80"), 4U);
  EXPECT_EQ(utf8_length(""), 0U);
  for (const std::string_view bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE1\x80",
                                     "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(utf8_length(bad), 0U);
  }
}

TEST(Text, XmlCannotBeLeft) {
  std::string out;
  append_xml(out, "</text><script>alert(\"1\" & '2')</script>");
  EXPECT_EQ(out, "&lt;/text&gt;&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
}

TEST(Text, XmlHoldsNoByteThatItForbids) {
  std::string out;
  append_xml(out, std::string_view("a\0b\x1F\xFF\xEF\xBF\xBF\tố", 12));
  EXPECT_EQ(out, "a\uFFFDb\uFFFD\uFFFD\uFFFD\tố");
}

TEST(Text, OneLineHasNoControlCharacters) {
  EXPECT_EQ(one_line("a\r\nb\x7F\xC3"), "a  b \uFFFD");
}

TEST(Text, AlternativesAreJoined) {
  const std::array<std::string_view, 3> names{"plain", "badge", "digits"};
  EXPECT_EQ(alternatives(names), "plain, badge or digits");
  EXPECT_EQ(alternatives(std::span(names).first(1)), "plain");
}

TEST(Text, AListIsTakenElementByElement) {
  std::string_view list = " gzip;q=0.5 ,\tbr,, x y ";
  std::vector<std::string_view> elements;
  while (!list.empty()) elements.push_back(take_list_element(list));
  EXPECT_EQ(elements, (std::vector<std::string_view>{"gzip;q=0.5", "br", "", "x y"}));
  EXPECT_EQ(trimmed(" \t "), "");
}

TEST(Text, QueryValueIsDecoded) {
  EXPECT_EQ(query_value("a=1&label=Xin+ch%C3%A0o&b=2", "label"), "Xin chào");
  EXPECT_EQ(query_value("verbose", "verbose"), "");
  EXPECT_EQ(query_value("a=1", "b"), std::nullopt);
  EXPECT_EQ(query_value("", "b"), std::nullopt);
  EXPECT_EQ(query_value("a=1&a=2", "a"), "1");
  EXPECT_EQ(query_value("a%62=x", "ab"), "x");
  EXPECT_EQ(query_value("a=%4&b=%zz&c=%", "a"), "%4");
  EXPECT_EQ(query_value("a=%4&b=%zz&c=%", "b"), "%zz");
  EXPECT_EQ(query_value("a=%4&b=%zz&c=%", "c"), "%");
  EXPECT_EQ(query_value("&&=&a==", "a"), "=");
}

TEST(Text, AQueryIsTakenPairByPair) {
  std::string_view query = "a=1&b%3D=Xin+ch%C3%A0o&c&&d==&e=%4";
  using Pair = std::pair<std::string, std::string>;
  std::vector<Pair> pairs;
  while (!query.empty()) pairs.push_back(take_query_pair(query));
  EXPECT_EQ(pairs, (std::vector<Pair>{{"a", "1"}, {"b=", "Xin chào"}, {"c", ""}, {"", ""}, {"d", "="}, {"e", "%4"}}));
}

}  // namespace
}  // namespace footfall::api
