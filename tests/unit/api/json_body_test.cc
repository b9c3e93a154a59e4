// SPDX-License-Identifier: Apache-2.0
#include "api/json_body.h"

#include <gtest/gtest.h>

namespace footfall::api {
namespace {

const std::vector<std::string_view> kKnown{"n", "s", "b", "l"};

std::string complaint(std::string_view body) {
  const auto parsed = JsonBody::parse(body, kKnown);
  EXPECT_FALSE(parsed) << body;
  return parsed ? "" : parsed.error().detail;
}

TEST(JsonBody, ReadsWhatIsThere) {
  const JsonBody body =
      JsonBody::parse(R"( {"n":18446744073709551615,"s":"Xin chào","b":true,"l":["a","b"]} )", kKnown).value();
  EXPECT_EQ(body.count("n").value(), UINT64_MAX);
  EXPECT_EQ(body.text("s").value(), "Xin chào");
  EXPECT_EQ(body.flag("b").value(), true);
  EXPECT_EQ(body.texts("l").value(), (std::vector<std::string>{"a", "b"}));
}

TEST(JsonBody, AbsentAndNullAreNothing) {
  for (const std::string_view bytes : {"", "  \n", "{}", R"({"n":null})"}) {
    const JsonBody body = JsonBody::parse(bytes, kKnown).value();
    EXPECT_FALSE(body.has("n"));
    EXPECT_EQ(body.count("n").value(), std::nullopt);
    EXPECT_EQ(body.texts("l").value(), std::nullopt);
  }
}

TEST(JsonBody, AnotherTypeIsNamedByItsKey) {
  const JsonBody body = JsonBody::parse(R"({"n":-1,"s":5,"b":"true","l":[1]})", kKnown).value();
  EXPECT_TRUE(body.count("n").error().detail.starts_with("n:"));
  EXPECT_EQ(body.integer("n").value(), -1);
  EXPECT_TRUE(body.text("s").error().detail.starts_with("s:"));
  EXPECT_TRUE(body.flag("b").error().detail.starts_with("b:"));
  EXPECT_TRUE(body.texts("l").error().detail.starts_with("l:"));
  EXPECT_FALSE(JsonBody::parse(R"({"n":1.5})", kKnown).value().count("n"));
  EXPECT_FALSE(JsonBody::parse(R"({"n":9223372036854775808})", kKnown).value().integer("n"));
}

TEST(JsonBody, WhatIsNotOneObjectOfKnownKeysIsRefused) {
  for (const std::string_view bytes : {"[]", "5", "{", "{}{}", "{} x", R"({"n":1,})", "\xFF", R"({"n":"\xZZ"})"})
    complaint(bytes);
  EXPECT_NE(complaint(R"({"n":18446744073709551616})").find("numbers within 64 bits"), std::string::npos);
  EXPECT_NE(complaint(R"({"totl":5})").find("`totl`"), std::string::npos);
  EXPECT_NE(complaint(R"({"n":1,"n":2})").find("twice"), std::string::npos);
  complaint(std::string(100'000, '['));
}

}  // namespace
}  // namespace footfall::api
