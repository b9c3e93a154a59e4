// SPDX-License-Identifier: Apache-2.0
#include "api/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <random>

#include "api/text.h"
#include "unit/api/site_fixture.h"

namespace footfall::api {
namespace {

template <class Write>
std::string written(Write write) {
  std::string out;
  JsonWriter json(out);
  write(json);
  return out;
}

TEST(JsonWriter, WritesObjectsAndArraysWithCommasWhereTheyBelong) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.begin_object().member("a", 1).key("b").begin_array().value(true).null().value("x").begin_object();
              json.end_object().begin_array().end_array().end_array().member("c", 2.5).end_object();
            }),
            R"({"a":1,"b":[true,null,"x",{},[]],"c":2.5})");
}

TEST(JsonWriter, NumbersKeepTheirValue) {
  EXPECT_EQ(written([](JsonWriter& json) { json.value(UINT64_MAX); }), "18446744073709551615");
  EXPECT_EQ(written([](JsonWriter& json) { json.value(INT64_MIN); }), "-9223372036854775808");
  EXPECT_EQ(written([](JsonWriter& json) { json.value(0.0); }), "0.0");
  EXPECT_EQ(written([](JsonWriter& json) { json.value(0.0081); }), "0.0081");
  EXPECT_EQ(written([](JsonWriter& json) { json.value(std::nan("")); }), "null");
  EXPECT_EQ(written([](JsonWriter& json) { json.value(std::numeric_limits<double>::infinity()); }), "null");
}

TEST(JsonWriter, CountsBeyondWhatADoubleHoldsComeAsTextToo) {
  const auto count = [](std::uint64_t number) {
    return written([number](JsonWriter& json) { json.begin_object().count("total", number).end_object(); });
  };
  EXPECT_EQ(count(9007199254740992), R"({"total":9007199254740992})");
  EXPECT_EQ(count(9007199254740993), R"({"total":9007199254740993,"total_text":"9007199254740993"})");
  EXPECT_EQ(written([](JsonWriter& json) { json.begin_object().signed_count("seed", -9007199254740993).end_object(); }),
            R"({"seed":-9007199254740993,"seed_text":"-9007199254740993"})");
  EXPECT_EQ(written([](JsonWriter& json) { json.begin_object().signed_count("seed", -5).end_object(); }),
            R"({"seed":-5})");
}

TEST(JsonWriter, TextCannotEndAScriptElementOrALine) {
  EXPECT_EQ(written([](JsonWriter& json) { json.value("</script>\xE2\x80\xA8\xE2\x80\xA9"); }),
            R"("<\/script>\u2028\u2029")");
}

TEST(JsonWriter, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(written([](JsonWriter& json) { json.value("a\xFFz\xC3"); }), "\"a\uFFFDz\uFFFD\"");
}

TEST(JsonWriter, AnyBytesAreReadBackAsTheWellFormedPartOfThem) {
  const char* const fixed = std::getenv("FOOTFALL_SEED");
  const std::uint64_t rng_seed = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : std::random_device{}();
  std::cout << "FOOTFALL_SEED=" << rng_seed << '\n';
  std::mt19937_64 random(rng_seed);
  constexpr std::string_view kPieces[] = {"<",    "/",    "\"", "\\", "\n",  "\x01", "\xE2\x80\xA8",
                                          "\xE2", "\x80", "é",  "a",  "\x7F"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    std::string expected;
    for (std::uint64_t left = random() % 20; left > 0; --left) {
      text += random() % 4 == 0 ? std::string(1, static_cast<char>(random()))
                                : std::string(kPieces[random() % std::size(kPieces)]);
    }
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t length = utf8_length(std::string_view(text).substr(i));
      expected += length == 0 ? std::string(kReplacement) : text.substr(i, length);
      i += length == 0 ? 1 : length;
    }
    const std::string json = written(
        [&text](JsonWriter& writer) { writer.begin_object().member(text, std::string_view(text)).end_object(); });
    EXPECT_EQ(json.find("</"), std::string::npos);
    const Parsed parsed(json);
    ASSERT_EQ(parsed.keys(), std::vector<std::string>{expected}) << json;
  }
}

}  // namespace
}  // namespace footfall::api
