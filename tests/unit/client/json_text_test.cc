// SPDX-License-Identifier: Apache-2.0
// JSON out and in.
#include "cli/json_text.h"

#include <gtest/gtest.h>

#include "cli/json_read.h"

namespace footfall::cli {
namespace {

TEST(JsonTextTest, WritesObjectsOverLinesAndSmallOnesOnOne) {
  JsonText json;
  json.begin_object().member("a", std::uint64_t{1}).key("b").begin_array();
  json.begin_array(JsonText::Layout::one_line).value("x").value(std::int64_t{-2}).end_array();
  json.begin_object(JsonText::Layout::one_line).member("t", true).key("n").null().end_object().end_array();
  json.key("empty").begin_object().end_object().end_object();
  EXPECT_EQ(json.take(),
            "{\n  \"a\": 1,\n  \"b\": [\n    [\"x\", -2],\n    {\"t\": true, \"n\": null}\n  ],\n  \"empty\": {}\n}");
}

TEST(JsonTextTest, OneLineHasNoNewline) {
  JsonText json(JsonText::Layout::one_line);
  json.begin_object().member("a", "b").key("c").begin_array().value(1U).value(2U).end_array().end_object();
  EXPECT_EQ(json.take(), R"({"a": "b", "c": [1, 2]})");
}

TEST(JsonTextTest, AnyBytesComeBackFromAParser) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes.push_back(static_cast<char>(c));
  std::string json;
  append_json_string(json, bytes);
  JsonDocument document;
  ASSERT_TRUE(document.parse("[" + json + "]"));
  std::string latin1;
  for (unsigned c = 0; c < 256; ++c) {
    if (c < 0x80) {
      latin1.push_back(static_cast<char>(c));
    } else {
      latin1.push_back(static_cast<char>(0xc0U | (c >> 6U)));
      latin1.push_back(static_cast<char>(0x80U | (c & 0x3fU)));
    }
  }
  EXPECT_EQ(document.root().items()[0].text(), latin1);
}

TEST(JsonReadTest, WhatIsAbsentIsEmptyOrZero) {
  JsonDocument document;
  ASSERT_TRUE(document.parse(R"({"n":7,"s":"x","z":null,"a":[1,"b"],"o":{"k":true},"m":-3})"));
  const JsonValue root = document.root();
  EXPECT_EQ(root.number("n"), 7U);
  EXPECT_EQ(root["m"].integer(), -3);
  EXPECT_EQ(root.number("s"), 0U);
  EXPECT_EQ(root.text("n"), "");
  EXPECT_EQ(root["n"].shown(), "7");
  EXPECT_FALSE(root["z"].present());
  EXPECT_FALSE(root["none"]["deeper"].present());
  EXPECT_TRUE(root["o"]["k"].yes());
  EXPECT_EQ(root["a"].items().size(), 2U);
  EXPECT_FALSE(document.parse("{"));
}

}  // namespace
}  // namespace footfall::cli
