// SPDX-License-Identifier: Apache-2.0
#include "ingest/fields.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace footfall::ingest {
namespace {

class FieldsTest : public ::testing::Test {
 public:
  // Read from memory that ends where the text ends, so that a sanitizer sees a byte too many.
  bool json(std::string_view text) {
    const auto exact = std::make_unique<char[]>(text.size());
    std::copy(text.begin(), text.end(), exact.get());
    fields_ = {};
    const auto read = read_json({exact.get(), text.size()}, text.size(), arena_, fields_);
    error_ = read ? "" : read.error().detail;
    return read.has_value();
  }
  bool form(std::string_view text) {
    fields_ = {};
    const auto read = read_form(text, arena_, fields_);
    error_ = read ? "" : read.error().detail;
    return read.has_value();
  }
  Arena arena_;
  Fields fields_;
  std::string error_;
};

TEST_F(FieldsTest, EveryKeyHasAName) {
  for (std::size_t i = 0; i < kKeys; ++i) {
    const auto key = static_cast<Key>(i);
    EXPECT_EQ(key_from(name_of(key)), key);
  }
  EXPECT_EQ(key_from("Site"), Key::count_);
  EXPECT_EQ(key_from(""), Key::count_);
}

TEST_F(FieldsTest, ReadsAForm) {
  ASSERT_TRUE(form("site=example.vn&path=%2Fa+b&x=1&y&kind=event&&name=Mua=ngay"));
  EXPECT_EQ(fields_[Key::site], "example.vn");
  EXPECT_EQ(fields_[Key::path], "/a b");
  EXPECT_EQ(fields_[Key::name], "Mua=ngay");
  EXPECT_EQ(fields_[Key::ref], "");
  EXPECT_EQ(fields_.unknown, 2U);
}

TEST_F(FieldsTest, TheLastOfARepeatedKeyCounts) {
  ASSERT_TRUE(form("site=a&site=b"));
  EXPECT_EQ(fields_[Key::site], "b");
  ASSERT_TRUE(json(R"({"site":"a","site":"b"})"));
  EXPECT_EQ(fields_[Key::site], "b");
}

TEST_F(FieldsTest, ABadEscapeIsRefusedUnderAKnownKeyAlone) {
  EXPECT_FALSE(form("site=%zz"));
  EXPECT_NE(error_.find("site"), std::string::npos);
  EXPECT_TRUE(form("site=a&other=%zz"));
}

TEST_F(FieldsTest, ReadsAnObjectWhateverItsScalars) {
  ASSERT_TRUE(
      json(R"( {"site":"example.vn" , "path":"\/b\u00e0i","name":42 ,"title":null,"kind":"","time":-1.5e3,"format":true,
                        "other":{"deep":[1,2,{"x":"}"}]},"more":[]} )"));
  EXPECT_EQ(fields_[Key::site], "example.vn");
  EXPECT_EQ(fields_[Key::path], "/b\xC3\xA0i");
  EXPECT_EQ(fields_[Key::name], "42");
  EXPECT_EQ(fields_[Key::title], "");
  EXPECT_EQ(fields_[Key::kind], "");
  EXPECT_EQ(fields_[Key::time], "-1.5e3");
  EXPECT_EQ(fields_[Key::format], "true");
  EXPECT_EQ(fields_.unknown, 2U);
}

TEST_F(FieldsTest, AnEmptyObjectHasNoValues) {
  ASSERT_TRUE(json("{}"));
  for (const auto& value : fields_.values) EXPECT_EQ(value, "");
}

TEST_F(FieldsTest, RefusesWhatIsNotOneObject) {
  for (const char* text : {"",
                           " ",
                           "[]",
                           "1",
                           "\"x\"",
                           "null",
                           "{",
                           "}",
                           "{\"site\"}",
                           "{\"site\":}",
                           "{\"site\":\"a\"",
                           "{\"site\":\"a\"}}",
                           "{\"site\":\"a\"}{}",
                           "{\"site\":\"a\"} x",
                           "{\"site\":\"a\",}",
                           "{'site':'a'}",
                           "{site:1}",
                           "{\"site\":tru}",
                           "{\"site\":\"\xFF\"}",
                           "{\"site\":\"\\x\"}",
                           "{\"site\":\"\\ud800\"}",
                           "{\"site\":01}",
                           "{\"site\":1a}",
                           "{\"site\":nul}"}) {
    EXPECT_FALSE(json(text)) << text;
  }
}

TEST_F(FieldsTest, NestedValuesAreRefusedUnderKnownKeysAndTheKeyIsNamed) {
  EXPECT_FALSE(json(R"({"path":{"a":1}})"));
  EXPECT_NE(error_.find("path"), std::string::npos);
  EXPECT_FALSE(json(R"({"ref":[]})"));
  EXPECT_NE(error_.find("ref"), std::string::npos);
}

TEST_F(FieldsTest, ValuesOutliveTheNextText) {
  ASSERT_TRUE(json(R"({"site":"first\n"})"));
  const std::string_view first = fields_[Key::site];
  ASSERT_TRUE(json(R"({"site":"second, and longer"})"));
  EXPECT_EQ(first, "first\n");
}

TEST_F(FieldsTest, DeepNestingIsRefusedOrSkippedWithoutHarm) {
  json(std::string(50'000, '[') + std::string(50'000, ']'));
  json("{\"x\":" + std::string(50'000, '[') + std::string(50'000, ']') + "}");
  std::string open;
  for (int i = 0; i < 10'000; ++i) open += "{\"x\":";
  EXPECT_FALSE(json(open));
}

TEST_F(FieldsTest, EveryTruncationOfAnObjectIsRefused) {
  const std::string whole = R"({"site":"example.vn","path":"/b\u00e0i","n":[1,{"a":null}],"time":12})";
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(json(whole.substr(0, size))) << size;
  EXPECT_TRUE(json(whole));
}

}  // namespace
}  // namespace footfall::ingest
