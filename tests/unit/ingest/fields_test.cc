// SPDX-License-Identifier: Apache-2.0
#include "ingest/fields.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/rng_seed.h"

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

TEST_F(FieldsTest, ANumberThatKeepsPicturesOutOfCachesIsNoUnknownKey) {
  ASSERT_TRUE(form("site=a&rnd=0.5170&rn=1&rndx=2"));
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

// The slow program: split at '&', each part at its first '='.
void expect_as_by_splitting(const std::string& text, bool read, const Fields& fields) {
  std::array<std::string, kKeys> values;
  std::uint32_t unknown = 0;
  bool good = true;
  for (std::size_t at = 0; at <= text.size() && good;) {
    const std::size_t end = std::min(text.find('&', at), text.size());
    const std::string pair = text.substr(at, end - at);
    at = end + 1;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = pair.substr(0, equals);
    const std::string value = equals == pair.size() ? "" : pair.substr(equals + 1);
    if (name.empty() && value.empty()) continue;
    std::size_t key = 0;
    while (key < kKeys && name != name_of(static_cast<Key>(key))) ++key;
    if (key == kKeys) {
      if (name != "rnd") ++unknown;
      continue;
    }
    values[key].clear();
    for (std::size_t i = 0; i < value.size() && good; ++i) {
      if (value[i] == '%') {
        good = i + 2 < value.size() && std::isxdigit(static_cast<unsigned char>(value[i + 1])) != 0 &&
               std::isxdigit(static_cast<unsigned char>(value[i + 2])) != 0;
        if (good) values[key] += static_cast<char>(std::stoi(value.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        values[key] += value[i] == '+' ? ' ' : value[i];
      }
    }
  }
  ASSERT_EQ(read, good) << text;
  if (!good) return;
  EXPECT_EQ(fields.unknown, unknown) << text;
  for (std::size_t key = 0; key < kKeys; ++key) EXPECT_EQ(fields.values[key], values[key]) << text;
}

TEST_F(FieldsTest, RandomFormsAreReadAsBySplitting) {
  std::mt19937_64 random(testing::rng_seed());
  const std::vector<std::string> pieces = {"site",       "path",    "url",    "ref",      "title",
                                           "kind",       "name",    "format", "time",     "agent",
                                           "=",          "=",       "=",      "&",        "&",
                                           "&",          "%",       "%41",    "%2Fa+",    "+",
                                           "a",          "x=y",     "/tin",   "\xC3\xA9", std::string(1, '\0'),
                                           "example.vn", "address", "visitor"};
  for (int round = 0; round < 10'000 && !HasFailure(); ++round) {
    std::string text;
    for (std::size_t i = random() % 16; i > 0; --i) text += pieces[random() % pieces.size()];
    const auto exact = std::make_unique<char[]>(text.size());  // memory that ends where the text ends
    std::copy(text.begin(), text.end(), exact.get());
    arena_.clear();
    expect_as_by_splitting(text, form({exact.get(), text.size()}), fields_);
  }
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

// With white space before it an object is read the careful way: both ways give the same.
TEST_F(FieldsTest, RandomObjectsAreReadTheSameEitherWay) {
  std::mt19937_64 random(testing::rng_seed());
  const std::vector<std::string> pieces = {"{",
                                           "}",
                                           "\"",
                                           "\"",
                                           ":",
                                           ",",
                                           "\"site\":",
                                           "\"path\":\"/a\"",
                                           "\"time\":",
                                           "0",
                                           "12",
                                           "-1",
                                           "1.5",
                                           "true",
                                           " ",
                                           "\\n",
                                           "\\\"",
                                           "\x01",
                                           "\xC3\xA9",
                                           "\xC3",
                                           "\x7f",
                                           "1234567890123456789",
                                           "[]",
                                           "null",
                                           "\"agent\":\"x\"",
                                           "\"other\":{}",
                                           "\"x\":7"};
  int read = 0;
  for (int round = 0; round < 20'000 && !HasFailure(); ++round) {
    std::string text = "{";
    for (std::size_t i = random() % 5; i > 0; --i) {
      text += "\"" + std::string(random() % 4 == 0 ? "y" : name_of(static_cast<Key>(random() % kKeys))) + "\":" +
              (random() % 3 == 0 ? std::to_string(random() % 1000) : "\"" + std::string(random() % 40, 'v') + "\"") +
              (i == 1 ? "" : ",");
    }
    text += "}";
    for (std::size_t changes = random() % 3; changes > 0; --changes) {
      const std::size_t at = random() % (text.size() + 1);
      if (random() % 3 == 0) {
        text.erase(at, 1 + random() % 3);
      } else {
        text.insert(at, pieces[random() % pieces.size()]);
      }
    }
    arena_.clear();
    const bool careful = json(" " + text);
    const std::string error = error_;
    std::array<std::string, kKeys> values;
    std::copy(fields_.values.begin(), fields_.values.end(), values.begin());
    const std::uint32_t unknown = fields_.unknown;
    ASSERT_EQ(json(text), careful) << ::testing::PrintToString(text);
    EXPECT_EQ(error_, error) << ::testing::PrintToString(text);
    if (!careful) continue;
    ++read;
    EXPECT_EQ(fields_.unknown, unknown) << text;
    for (std::size_t key = 0; key < kKeys; ++key)
      EXPECT_EQ(fields_.values[key], values[key]) << ::testing::PrintToString(text);
  }
  EXPECT_GT(read, 4'000);
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
