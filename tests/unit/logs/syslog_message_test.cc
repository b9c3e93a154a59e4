// SPDX-License-Identifier: Apache-2.0
#include "logs/syslog_message.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "support/plain_syslog.h"
#include "support/rng_seed.h"

namespace footfall::logs {
namespace {

// "tag|line", or what is wrong.
std::string read(std::string_view datagram) {
  SyslogMessage message;
  const SyslogFault fault = read_syslog(datagram, message);
  if (fault != SyslogFault::none) return "fault " + std::string(name_of(fault));
  return std::string(message.tag) + "|" + std::string(message.line);
}

TEST(SyslogMessageTest, Rfc3164AsNginxHaproxyAndLoggerWriteIt) {
  EXPECT_EQ(read("<190>Nov 29 06:52:00 web-1 nginx: 127.0.0.1 - -"), "nginx|127.0.0.1 - -");
  EXPECT_EQ(read("<190>Nov  9 06:52:00 nginx: 127.0.0.1 - -"), "nginx|127.0.0.1 - -") << "nohostname";
  EXPECT_EQ(read("<134>Nov 29 06:52:00 haproxy[812]: line"), "haproxy|line");
  EXPECT_EQ(read("<134>Nov 29 06:52:00 lb haproxy[812]: line"), "haproxy|line");
  EXPECT_EQ(read("<13>Nov 29 06:52:00 example.vn: line\n"), "example.vn|line");
  EXPECT_EQ(read(std::string("<13>Nov 29 06:52:00 a: line\0", 28)), "a|line") << "a unix socket's logger ends with NUL";
}

TEST(SyslogMessageTest, WithoutATagTheLineBeginsBehindTheTime) {
  EXPECT_EQ(read("<190>Nov 29 06:52:00 127.0.0.1 - - x"), "|127.0.0.1 - - x");
  EXPECT_EQ(read("<190>127.0.0.1 - - x: y"), "|127.0.0.1 - - x: y");
  EXPECT_EQ(read("<190>{\"time\": 1}"), "|{\"time\": 1}");
  EXPECT_EQ(read("<190>Nov 29 06:52:00 {\"time\": 1}"), "|{\"time\": 1}");
  EXPECT_EQ(read("<190>Nov 29 06:52:00 ::1 - - x"), "|::1 - - x") << "an address is no tag";
  EXPECT_EQ(read("<190>2026-11-29T06:52:00.123+07:00 line"), "|line");
  EXPECT_EQ(read("<190>2026-11-29T06:52:00+07:00 lb haproxy[8]: line"), "haproxy|line");
  EXPECT_EQ(read("127.0.0.1 - - x"), "|127.0.0.1 - - x");
}

TEST(SyslogMessageTest, Rfc5424) {
  EXPECT_EQ(read("<190>1 2026-11-29T06:52:00.123Z web-1 nginx 812 - - 127.0.0.1 - -"), "nginx|127.0.0.1 - -");
  EXPECT_EQ(read("<190>1 - - - - - - line"), "|line");
  EXPECT_EQ(read(R"(<13>1 2026-11-29T06:52:00Z h a - - [timeQuality tzKnown="1" x="\"]"][b@1] line)"), "a|line");
  EXPECT_EQ(read("<13>1 2026-11-29T06:52:00Z h a - - - \xEF\xBB\xBFline"), "a|line");
}

TEST(SyslogMessageTest, WhatIsWrongHasAName) {
  for (const char* bad : {"<", "<>line", "<1", "<x>line", "<1234>line", "<192>line", "< 1>line", "<-1>line"})
    EXPECT_EQ(read(bad), "fault priority") << bad;
  for (const char* bad : {"<1>1 ", "<1>1 - - - - -", "<1>1 - - - - - line", "<1>1 - - - - - [a",
                          "<1>1 - - - - - [a=\"]", "<1>1 - - - - - -line", "<1>1 -  - - - - line"})
    EXPECT_EQ(read(bad), "fault header") << bad;
  for (const char* bad : {"", "\n", "<1>", "<1>Nov 29 06:52:00 nginx:", "<1>Nov 29 06:52:00 nginx: ",
                          "<1>1 - - - - - -", "<1>1 - - - - - - ", "   "})
    EXPECT_EQ(read(bad), "fault empty") << bad;
}

TEST(SyslogMessageTest, RandomDatagramsAreReadAsAPlainProgramReadsThem) {
  std::mt19937_64 rng(testing::rng_seed());
  const std::vector<std::string> pieces = {"<190>",
                                           "<191>",
                                           "<192>",
                                           "<",
                                           ">",
                                           "1 ",
                                           "1",
                                           "Nov 29 06:52:00 ",
                                           "Nov  9 06:52:00 ",
                                           "2026-11-29T06:52:00",
                                           "Z ",
                                           " ",
                                           "  ",
                                           "nginx: ",
                                           "nginx:",
                                           "a[1]: ",
                                           "a[[1]: ",
                                           "[",
                                           "]",
                                           "]:",
                                           "-",
                                           "- ",
                                           "[a b=\"c\"]",
                                           "\"",
                                           "\\",
                                           "\xEF\xBB\xBF",
                                           "web-1 ",
                                           "\n",
                                           std::string(1, '\0'),
                                           "\xFF",
                                           "127.0.0.1 - - x",
                                           ":"};
  for (int round = 0; round < 200'000; ++round) {
    std::string datagram = rng() % 4 == 0 ? "" : "<190>";
    if (rng() % 3 == 0) datagram += "1 - - a - - ";
    for (std::uint64_t n = rng() % 8; n > 0; --n) datagram += pieces[rng() % pieces.size()];
    const testing::PlainSyslog plain = testing::read_plain_syslog(datagram);
    const std::string expected = plain.fault == "none" ? plain.tag + "|" + plain.line : "fault " + plain.fault;
    ASSERT_EQ(read(datagram), expected) << ::testing::PrintToString(datagram);
  }
}

}  // namespace
}  // namespace footfall::logs
