// SPDX-License-Identifier: Apache-2.0
// Formats by name or string.
#include "logs/format.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace footfall::logs {
namespace {

constexpr std::string_view kText = R"(192.0.2.1 - - [17/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 200 1)";

TEST(FormatTest, OneGrammarHasThreeNames) {
  for (const char* name : {"combined", "common", "clf"}) {
    auto format = Format::find(name);
    ASSERT_TRUE(format) << name;
    EXPECT_FALSE(format->has_header());
    Line line;
    EXPECT_TRUE(format->read(kText, line)) << name;
  }
  Line line;
  EXPECT_TRUE(Format().read(kText, line));
}

TEST(FormatTest, AFormatStringIsCompiled) {
  auto format = Format::find(R"(%h %l %u %t "%r" %>s %b)");
  ASSERT_TRUE(format);
  Line line;
  EXPECT_TRUE(format->read(kText, line));
  EXPECT_EQ(line.client, "192.0.2.1");
}

TEST(FormatTest, NasaTsvHasAHeader) {
  auto format = Format::find("nasa-tsv");
  ASSERT_TRUE(format);
  EXPECT_TRUE(format->has_header());
  EXPECT_FALSE(format->read_header("host\ttime"));
  ASSERT_TRUE(format->read_header("host\ttime\tmethod\turl\tresponse"));
  Line line;
  EXPECT_TRUE(format->read("a\t1\tGET\t/\t200", line));
}

TEST(FormatTest, TheVirtualHostMayStandInFront) {
  auto format = Format::find("vhost-combined");
  ASSERT_TRUE(format);
  Line line;
  const std::string text = "www.example.vn:443 " + std::string(kText);
  ASSERT_TRUE(format->read(text, line));
  EXPECT_EQ(line.host, "www.example.vn:443");
  EXPECT_EQ(line.client, "192.0.2.1");
  for (const std::string& bad :
       std::vector<std::string>{std::string(kText), "a.vn", "a.vn ", " " + std::string(kText), ""})
    EXPECT_FALSE(format->read(bad, line)) << bad;
  auto plain = Format::find("combined");
  ASSERT_TRUE(plain->read(kText, line));
  EXPECT_FALSE(line.host) << "a Line may be used again";
}

TEST(FormatTest, AFormatStringMayNameTheHost) {
  for (const char* text :
       {"$host $remote_addr [$time_local]", "$server_name $remote_addr [$time_local]", "%v %h %t", "%{Host}i %h %t"}) {
    auto format = Format::find(text);
    ASSERT_TRUE(format) << text;
    Line line;
    ASSERT_TRUE(format->read("example.vn 192.0.2.1 [17/May/2015:08:05:32 +0000]", line)) << text;
    EXPECT_EQ(line.host, "example.vn");
  }
}

TEST(FormatTest, JsonIsAFormat) {
  auto format = Format::find("json");
  ASSERT_TRUE(format);
  Line line;
  EXPECT_TRUE(format->read(R"({"time":1,"client":"a","uri":"/"})", line));
  EXPECT_FALSE(format->read(kText, line));
}

TEST(FormatTest, AnUnknownNameIsRefused) {
  EXPECT_FALSE(Format::find("w3c"));
}

}  // namespace
}  // namespace footfall::logs
