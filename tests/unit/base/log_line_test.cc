// SPDX-License-Identifier: Apache-2.0
#include "base/log_line.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <vector>

namespace footfall::base::log {
namespace {

LogLine saying(std::string_view message) {
  return {1'796'040'000'123, Level::warning, "disk_low", message, 0};
}

// The message as a JSON parser reads it from the line.
std::string read_back(std::string_view message) {
  const std::string line = to_text(saying(message), Format::json);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  for (const char c : line.substr(0, line.size() - 1)) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
  simdjson::dom::parser parser;
  std::string_view read;
  EXPECT_EQ(parser.parse(line)["message"].get(read), simdjson::SUCCESS) << line;
  return std::string(read);
}

TEST(LogLineTest, TextHasTimeLevelAndMessage) {
  EXPECT_EQ(to_text(saying("disk is nearly full"), Format::text),
            "2026-11-30T12:00:00.123Z warning disk is nearly full\n");
}

TEST(LogLineTest, JsonHasTheEventToo) {
  EXPECT_EQ(to_text(saying("disk is nearly full"), Format::json),
            R"({"time":"2026-11-30T12:00:00.123Z","level":"warning","event":"disk_low",)"
            R"("message":"disk is nearly full"})"
            "\n");
}

TEST(LogLineTest, BothSayHowManyWereHeldBack) {
  LogLine line = saying("full");
  line.suppressed = 7;
  EXPECT_NE(to_text(line, Format::text).find("full (7 more of this kind were held back)\n"), std::string::npos);
  EXPECT_NE(to_text(line, Format::json).find(R"("message":"full","suppressed":7})"), std::string::npos);
}

TEST(LogLineTest, WhatIsEscapedIsReadBackAsItWas) {
  const std::vector<std::string> messages = {"",
                                             "plain",
                                             "\"quoted\" and \\ back",
                                             std::string("\0\x01\x1f\x7f", 4),
                                             "a\nb\r\tc\x1b[2J",
                                             "số",
                                             "\xC2\x9B"
                                             "2J",
                                             "\xE2\x80\xA8\xE2\x80\xA9",
                                             "\xF0\x9F\x98\x80",
                                             "</script>"};
  for (const std::string& message : messages) EXPECT_EQ(read_back(message), message);
}

TEST(LogLineTest, WhatIsNoUtf8IsReplaced) {
  EXPECT_EQ(read_back("a\xFF"
                      "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(read_back("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "overlong";
  EXPECT_EQ(read_back("cut \xE1\xBB"), "cut \xEF\xBF\xBD\xEF\xBF\xBD");
  for (int byte = 0; byte < 256; ++byte) read_back(std::string(3, static_cast<char>(byte)));
}

TEST(LogLineTest, LevelsAndFormatsHaveNames) {
  for (const Level level : {Level::debug, Level::info, Level::warning, Level::error})
    EXPECT_EQ(level_from(name_of(level)), level);
  EXPECT_EQ(level_from("loud"), std::nullopt);
  EXPECT_EQ(format_from("text"), Format::text);
  EXPECT_EQ(format_from("json"), Format::json);
  EXPECT_EQ(format_from("xml"), std::nullopt);
}

}  // namespace
}  // namespace footfall::base::log
