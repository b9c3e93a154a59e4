// SPDX-License-Identifier: Apache-2.0
// Formats written in nginx's or in Apache's syntax.
#include "logs/custom_format.h"

#include <gtest/gtest.h>

#include <string>

#include "logs/common_format.h"

namespace footfall::logs {
namespace {

CustomFormat compiled(std::string_view text) {
  auto format = CustomFormat::compile(text);
  EXPECT_TRUE(format) << text << ": " << (format ? "" : format.error().detail);
  return format ? *format : CustomFormat();
}

std::string refused(std::string_view text) {
  const auto format = CustomFormat::compile(text);
  return format ? "compiled" : format.error().detail;
}

constexpr std::string_view kCombined =
    R"(192.0.2.1 - ann [17/May/2015:15:05:32 +0700] "GET /a?b HTTP/1.1" 304 0 "https://example.org/" "a \"b\" c")";

void expect_as_combined(CustomFormat format) {
  Line line;
  Line expected;
  CommonFormat common;
  ASSERT_TRUE(format.read(kCombined, line));
  ASSERT_TRUE(common.read(kCombined, expected));
  EXPECT_EQ(line.time_s, expected.time_s);
  EXPECT_EQ(line.offset_s, expected.offset_s);
  EXPECT_EQ(line.client, expected.client);
  EXPECT_EQ(line.method, expected.method);
  EXPECT_EQ(line.target, expected.target);
  EXPECT_EQ(line.status, expected.status);
  EXPECT_EQ(line.referrer, expected.referrer);
  EXPECT_EQ(line.agent, expected.agent);
}

TEST(CustomFormatTest, NginxCombinedReadsAsTheCombinedFormat) {
  expect_as_combined(compiled(
      R"($remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent")"));
}

TEST(CustomFormatTest, ApacheCombinedReadsAsTheCombinedFormat) {
  expect_as_combined(compiled(R"(%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i")"));
  expect_as_combined(compiled(R"(%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\")"));
  expect_as_combined(compiled(R"(%a %l %u [%{%d/%b/%Y:%H:%M:%S %z}t] "%r" %s %B "%{referer}i" "%!200{user-agent}i")"));
}

TEST(CustomFormatTest, OtherTimesAndOrders) {
  Line line;
  CustomFormat iso = compiled(R"($time_iso8601|${remote_addr}|$host|$request_method|$request_uri|$status)");
  ASSERT_TRUE(iso.read("2015-05-17T15:05:32+07:00|192.0.2.1|example.vn|GET|/a?b|200", line));
  EXPECT_EQ(line.time_s, 1431849932);
  EXPECT_EQ(line.offset_s, 7 * 3600);
  EXPECT_EQ(line.target, "/a?b");
  EXPECT_EQ(line.method, "GET");
  EXPECT_FALSE(line.agent);

  CustomFormat seconds = compiled(R"($msec $remote_addr "$request")");
  ASSERT_TRUE(seconds.read(R"(1431849932.123 192.0.2.1 "POST / HTTP/2.0")", line));
  EXPECT_EQ(line.time_s, 1431849932);
  EXPECT_EQ(line.method, "POST");
  EXPECT_EQ(line.status, 200U);

  CustomFormat ms = compiled("%{msec}t %h %m %U%q %s");
  ASSERT_TRUE(ms.read("1431849932123 192.0.2.1 GET /a?b -", line));
  EXPECT_EQ(line.time_s, 1431849932);
  EXPECT_EQ(line.target, "/a?b");
  EXPECT_EQ(line.status, 0U);
}

TEST(CustomFormatTest, AFormatOfJsonLines) {
  CustomFormat json = compiled(R"({"t":$msec,"ip":"$remote_addr","request":"$request","agent":"$http_user_agent"})");
  Line line;
  ASSERT_TRUE(json.read(R"({"t":1431849932.000,"ip":"192.0.2.1","request":"GET /\"a\" HTTP/1.1","agent":"x"})", line));
  EXPECT_EQ(line.target, R"(/\"a\")");
  EXPECT_EQ(line.agent, "x");
}

TEST(CustomFormatTest, WithoutMethodAndStatusEachLineIsAHit) {
  CustomFormat format = compiled("$msec $remote_addr $uri");
  Line line;
  ASSERT_TRUE(format.read("1431849932 192.0.2.1 /a  ", line));
  EXPECT_EQ(line.method, "GET");
  EXPECT_EQ(line.status, 200U);
  EXPECT_EQ(line.target, "/a");
}

TEST(CustomFormatTest, LinesThatDoNotFitAreUnreadable) {
  CustomFormat format = compiled(R"(x $remote_addr [$time_local] "$request" $status.)");
  Line line;
  EXPECT_TRUE(format.read(R"(x 192.0.2.1 [17/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 200.)", line));
  for (const char* text :
       {"", "x", "y 192.0.2.1 [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\" 200.",
        "x  [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\" 200.",
        "x 192.0.2.1 [32/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\" 200.", "x 192.0.2.1 [17/May/2015:08:05:32 +000",
        "x 192.0.2.1 [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\" 2000.",
        "x 192.0.2.1 [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\\\" 200.",
        "x 192.0.2.1 [17/May/2015:08:05:32 +0000] \"GET / HTTP/1.1\" 200. more"}) {
    EXPECT_FALSE(format.read(text, line)) << text;
  }
}

TEST(CustomFormatTest, EveryPrefixIsReadWithoutHarm) {
  CustomFormat format = compiled(R"(%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i")");
  for (std::size_t size = 0; size < kCombined.size(); ++size) {
    const std::vector<char> bytes(kCombined.begin(), kCombined.begin() + static_cast<std::ptrdiff_t>(size));
    Line line;
    EXPECT_FALSE(format.read(std::string_view(bytes.empty() ? "" : bytes.data(), size), line)) << size;
  }
}

// --- formats that are refused, with what would be right ---

TEST(CustomFormatTest, RefusalsSayWhatWouldBeRight) {
  EXPECT_NE(refused("combind").find("combined, common, vhost-combined, json, nasa-tsv"), std::string::npos);
  EXPECT_NE(refused("$remote_addr $request").find("$time_local"), std::string::npos);
  EXPECT_NE(refused("%h %r").find("%t"), std::string::npos);
  EXPECT_NE(refused("$time_local $request").find("$remote_addr"), std::string::npos);
  EXPECT_NE(refused("$time_local $remote_addr$request").find("side by side"), std::string::npos);
  EXPECT_NE(refused("$time_local $ $remote_addr").find("byte 13"), std::string::npos);
  EXPECT_NE(refused("$time_local ${remote_addr").find("byte 13"), std::string::npos);
  EXPECT_NE(refused("%t %h %{Referer").find("not closed"), std::string::npos);
  EXPECT_NE(refused("%t %h %").find("nothing follows"), std::string::npos);
  EXPECT_NE(refused("%{%c}t %h").find("%{sec}t"), std::string::npos);
  EXPECT_NE(refused("%t %h %*").find("no variable"), std::string::npos);
}

}  // namespace
}  // namespace footfall::logs
