// SPDX-License-Identifier: Apache-2.0
// Formats by name or string.
#include "logs/format.h"

#include <gtest/gtest.h>

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

TEST(FormatTest, AnUnknownNameIsRefused) {
  EXPECT_FALSE(Format::find("w3c"));
}

}  // namespace
}  // namespace footfall::logs
