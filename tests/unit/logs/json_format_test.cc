// SPDX-License-Identifier: Apache-2.0
#include "logs/json_format.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <map>
#include <random>
#include <string>

#include "support/rng_seed.h"

namespace footfall::logs {
namespace {

constexpr std::string_view kNginx =
    R"({"time":"1448323200.123","client":"192.0.2.1","host":"example.vn","method":"GET","uri":"/p?a=\"1\"",)"
    R"("status":"304","referrer":"https://a.example/\\x","agent":"Mozilla\/5.0 \u00e9\ud83d\ude00"})";

class JsonFormatTest : public ::testing::Test {
 protected:
  bool read(std::string_view line) { return format_.read(line, line_); }
  // With `members` beside what is needed.
  bool read_with(const std::string& members) {
    text_ = R"({"time":1448323200,"client":"a","uri":"/",)" + members + "}";
    return read(text_);
  }
  JsonFormat format_;
  Line line_;
  std::string text_;
};

TEST_F(JsonFormatTest, ALineOfNginxIsRead) {
  ASSERT_TRUE(read(kNginx));
  EXPECT_EQ(line_.time_s, 1448323200);
  EXPECT_EQ(line_.client, "192.0.2.1");
  EXPECT_EQ(line_.host, "example.vn");
  EXPECT_EQ(line_.method, "GET");
  EXPECT_EQ(line_.target, R"(/p?a="1")");
  EXPECT_EQ(line_.path(), "/p");
  EXPECT_EQ(line_.status, 304U);
  EXPECT_EQ(line_.referrer, R"(https://a.example/\x)");
  EXPECT_EQ(line_.agent, "Mozilla/5.0 \xC3\xA9\xF0\x9F\x98\x80");
}

TEST_F(JsonFormatTest, WhatIsAbsentOrNullHasItsDefault) {
  ASSERT_TRUE(read(R"( { "uri" : "/" , "client":"::1","time" : 1448323200 ,"host":null } )"));
  EXPECT_EQ(line_.method, "GET");
  EXPECT_EQ(line_.status, 200U);
  EXPECT_FALSE(line_.host);
  EXPECT_FALSE(line_.referrer);
  EXPECT_FALSE(line_.agent);
}

TEST_F(JsonFormatTest, TimesAreSecondsOrIso8601) {
  const auto time_of = [&](const std::string& time) {
    text_ = R"({"client":"a","uri":"/","time":)" + time + "}";
    return read(text_) ? line_.time_s : -1;
  };
  EXPECT_EQ(time_of("1448323200"), 1448323200);
  EXPECT_EQ(time_of("1448323200.999"), 1448323200);
  EXPECT_EQ(time_of(R"("2015-11-24T00:00:00+07:00")"), 1448298000);
  for (const char* bad : {"\"\"", "\"yesterday\"", "true", "null", "\"1448323200 \"", "1e9", "-1"})
    EXPECT_EQ(time_of(bad), -1) << bad;
}

TEST_F(JsonFormatTest, BytesThatAreNoUtf8StayAsTheyAre) {
  ASSERT_TRUE(read_with("\"agent\":\"caf\xE9\""));
  EXPECT_EQ(line_.agent, "caf\xE9");
}

TEST_F(JsonFormatTest, TheLastOfAKeyCountsAndUnknownKeysArePassedOver) {
  ASSERT_TRUE(read_with(R"("status":404,"bytes":17,"upstream":"-","ok":true,"status":"200")"));
  EXPECT_EQ(line_.status, 200U);
}

TEST_F(JsonFormatTest, WhatIsNoFlatObjectIsRefused) {
  ASSERT_TRUE(read_with(R"("a":1)"));
  for (const char* bad : {R"("a":{})",
                          R"("a":[1])",
                          R"("a":01)",
                          R"("a":1.)",
                          R"("a":.5)",
                          R"("a":+1)",
                          R"("a":nul)",
                          R"("a":"\x")",
                          R"("a":"\u12")",
                          R"("a":"\ud800")",
                          R"("a":"\ud800\u0041")",
                          R"("a":"\udc00")",
                          "\"a\":\"\n\"",
                          R"("a")",
                          R"("a":)",
                          R"("a":1,)",
                          R"(a:1)",
                          R"("a":"b)",
                          R"("status":"20")",
                          R"("status":2000)",
                          R"("status":"-")"})
    EXPECT_FALSE(read_with(bad)) << bad;
  for (const char* bad : {"", "{", "{}", "[]", "1", R"({"time":1,"client":"a"})", R"({"time":1,"uri":"/"})",
                          R"({"time":1,"client":"","uri":"/"})", R"({"client":"a","uri":"/"})"})
    EXPECT_FALSE(read(bad)) << bad;
  EXPECT_FALSE(read(std::string(kNginx) + "x"));
  EXPECT_FALSE(read(std::string(kNginx) + std::string(kNginx)));
}

// ---- against simdjson: what it reads as a flat object, this one reads with the same values, and nothing else ----

struct Plain {
  bool flat = false;
  std::map<std::string, std::optional<std::string>> values;  // key -> value; none: null
};

Plain read_plainly(const std::string& text) {
  Plain out;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(text).get(object) != simdjson::SUCCESS) return out;
  for (const auto field : object) {
    std::optional<std::string>& value = out.values[std::string(field.key)];
    if (field.value.is_object() || field.value.is_array()) return out;
    value.reset();
    std::string_view string;
    if (field.value.get(string) == simdjson::SUCCESS) {
      value = string;
    } else if (!field.value.is_null()) {
      value = simdjson::minify(field.value);
    }
  }
  out.flat = true;
  return out;
}

TEST(JsonFormatOracle, RandomLinesAreReadAsALibraryReadsThem) {
  const std::uint64_t seed = testing::rng_seed();
  std::mt19937_64 rng(seed);
  const auto below = [&](std::uint64_t n) { return rng() % n; };
  constexpr std::string_view kPieces[] = {
      "\"",   "\\", "\\u0041",     "\\ud83d",      "\\ude00",        "\\n", "{", "}", ":", ",", "1", "e", ".", "null",
      "true", " ",  "\"client\":", "\"agent\":\"", "\"status\":200", "x",   "[", "\t"};
  std::size_t read = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string text(kNginx);
    for (std::uint64_t n = below(4); n > 0; --n) {
      const std::size_t at = below(text.size());
      const std::string_view piece = kPieces[below(std::size(kPieces))];
      text.replace(at, below(2) == 0 ? 0 : below(4), piece);
    }
    JsonFormat format;
    Line line;
    const bool good = format.read(text, line);
    const Plain plain = read_plainly(text);
    if (!good) continue;
    ++read;
    ASSERT_TRUE(plain.flat) << text;
    const auto value = [&](const char* key) -> std::optional<std::string> {
      const auto it = plain.values.find(key);
      return it == plain.values.end() ? std::nullopt : it->second;
    };
    ASSERT_EQ(line.client, *value("client")) << text;
    ASSERT_EQ(line.target, *value("uri")) << text;
    ASSERT_EQ(line.agent.has_value(), value("agent").has_value()) << text;
    if (line.agent) {
      ASSERT_EQ(*line.agent, *value("agent")) << text;
    }
    if (line.referrer) {
      ASSERT_EQ(*line.referrer, *value("referrer")) << text;
    }
    if (line.host) {
      ASSERT_EQ(*line.host, *value("host")) << text;
    }
  }
  EXPECT_GT(read, 20'000U);
}

TEST(JsonFormatOracle, EveryFlatObjectOfALibraryIsRead) {
  const std::uint64_t seed = testing::rng_seed();
  std::mt19937_64 rng(seed);
  for (int round = 0; round < 50'000; ++round) {
    std::string agent;
    for (std::uint64_t n = rng() % 12; n > 0; --n) {
      constexpr std::string_view kPieces[] = {"a",        "\\\"", "\\\\", "\\/", "\\b", "\\u00e9", "\\ud83d\\ude00",
                                              "\xC3\xA9", "{",    "}",    ",",   ":"};
      agent += kPieces[rng() % std::size(kPieces)];
    }
    const std::string text = R"({"time":1448323200,"client":"a","uri":"/","agent":")" + agent + "\"}";
    const Plain plain = read_plainly(text);
    ASSERT_TRUE(plain.flat) << text;
    JsonFormat format;
    Line line;
    ASSERT_TRUE(format.read(text, line)) << text;
    ASSERT_EQ(line.agent, plain.values.at("agent")) << text;
  }
}

}  // namespace
}  // namespace footfall::logs
