// SPDX-License-Identifier: Apache-2.0
// Columns that the first line names.
#include "logs/tsv_format.h"

#include <gtest/gtest.h>

#include <optional>

namespace footfall::logs {
namespace {

TEST(TsvFormatTest, TheHeaderDecidesTheColumns) {
  TsvFormat format;
  ASSERT_TRUE(format.read_header("url\tbytes\ttime\tresponse\tmethod\thost"));
  Line line;
  ASSERT_TRUE(format.read("/a?b\t1\t807249601\t200\tGET\talpha.example\textra\t", line));
  EXPECT_EQ(line.time_s, 807249601);
  EXPECT_EQ(line.client, "alpha.example");
  EXPECT_EQ(line.method, "GET");
  EXPECT_EQ(line.target, "/a?b");
  EXPECT_EQ(line.status, 200U);
  EXPECT_FALSE(line.agent);
  EXPECT_FALSE(line.referrer);
}

TEST(TsvFormatTest, MissingColumnsAreNamed) {
  TsvFormat format;
  const auto header = format.read_header("host\tlogname\ttime\turl");
  ASSERT_FALSE(header);
  EXPECT_NE(header.error().detail.find("method, response"), std::string::npos) << header.error().detail;
}

TEST(TsvFormatTest, ALineWithTooFewColumnsOrNoNumberIsUnreadable) {
  TsvFormat format;
  ASSERT_TRUE(format.read_header("host\ttime\tmethod\turl\tresponse"));
  Line line;
  for (const char* text : {"", "a\t1\tGET\t/", "a\tnoon\tGET\t/\t200", "a\t1\tGET\t/\tok", "a\t1.5\tGET\t/\t200",
                           "a\t999999999999999\tGET\t/\t200"}) {
    EXPECT_FALSE(format.read(text, line)) << text;
  }
  EXPECT_TRUE(format.read("\t1\t\t\t-5", line));
  EXPECT_EQ(line.status, 0U);
}

TEST(IntegerTest, WhiteSpaceSignAndUnderscoresAreAllowed) {
  const auto read = [](std::string_view text) {
    std::int64_t value = 0;
    return read_integer(text, value) ? std::optional(value) : std::nullopt;
  };
  EXPECT_EQ(read(" 12\xa0"), 12);
  EXPECT_EQ(read("+1_000"), 1000);
  EXPECT_EQ(read("-7"), -7);
  EXPECT_EQ(read("007"), 7);
  for (const char* text : {"", " ", "-", "_1", "1_", "1__0", "1 2", "+-1", "- 1", "0x10", "9999999999999999999"}) {
    EXPECT_FALSE(read(text)) << text;
  }
}

}  // namespace
}  // namespace footfall::logs
