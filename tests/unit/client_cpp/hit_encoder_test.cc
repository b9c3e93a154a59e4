// SPDX-License-Identifier: Apache-2.0
// Hits as items of a batch, read back by a JSON parser.
#include "cpp/hit_encoder.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "support/rng_seed.h"

namespace footfall::client {
namespace {

std::string read_back(const std::string& line, std::string_view key) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  EXPECT_EQ(parser.parse(line).get(root), simdjson::SUCCESS) << line;
  std::string_view value;
  return root[key].get(value) == simdjson::SUCCESS ? std::string(value) : "absent";
}

TEST(HitEncoderTest, WritesWhatIsThereAndNothingElse) {
  std::string body;
  append_hit(body, {.site = "example.vn", .path = "/p"}, Hit::kNow);
  append_hit(body,
             {.site = "example.vn",
              .path = "/p",
              .referrer = "https://r.example/",
              .kind = Kind::event,
              .name = "sign \"up\"",
              .address = "192.0.2.7",
              .agent = "Mozilla/5.0",
              .visitor = "ann"},
             1448323200);
  append_hit(body, {.site = "example.vn", .kind = Kind::heartbeat}, -1);
  EXPECT_EQ(
      body,
      "{\"site\":\"example.vn\",\"path\":\"/p\"}\n"
      "{\"site\":\"example.vn\",\"path\":\"/p\",\"ref\":\"https://r.example/\",\"kind\":\"event\",\"name\":\"sign "
      "\\\"up\\\"\",\"address\":\"192.0.2.7\",\"agent\":\"Mozilla/5.0\",\"visitor\":\"ann\",\"time\":1448323200}\n"
      "{\"site\":\"example.vn\",\"kind\":\"heartbeat\",\"time\":-1}\n");
}

TEST(HitEncoderTest, ATimeIsMovedWhereItStands) {
  std::string body;
  append_hit(body, {.site = "a.vn", .path = "/1"}, 1'700'000'000);
  const std::size_t first = body.size();
  append_hit(body, {.site = "b.vn", .visitor = "ann"}, 1'700'000'001);
  const std::size_t second = body.size();
  move_time(body, first, -3'601);
  move_time(body, second, 86'400);
  std::string expected;
  append_hit(expected, {.site = "a.vn", .path = "/1"}, 1'699'996'399);
  append_hit(expected, {.site = "b.vn", .visitor = "ann"}, 1'700'086'401);
  EXPECT_EQ(body, expected);
  move_time(body, first, -1'000'000'000);
  move_time(body, second, kStampMax);
  expected.clear();
  append_hit(expected, {.site = "a.vn", .path = "/1"}, kStampMin);
  append_hit(expected, {.site = "b.vn", .visitor = "ann"}, kStampMax);
  EXPECT_EQ(body, expected) << "no further than there is room";
}

TEST(HitEncoderTest, AnyBytesAreOneLineThatReadsBack) {
  std::mt19937_64 random(footfall::testing::rng_seed());
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes;
    std::string expected;
    for (std::size_t left = random() % 12; left > 0; --left) {
      // Control characters and quotes, UTF-8 of each length, bytes that stand alone for latin-1.
      static const std::vector<std::string> kPieces = {"a",    "\"", "\\", "\n", std::string(1, '\0'),
                                                       "\x7f", "é",  "ệ",  "😀"};
      const std::size_t drawn = random() % (kPieces.size() + 1);
      if (drawn < kPieces.size()) {
        bytes += kPieces[drawn];
        expected += kPieces[drawn];
      } else {
        bytes += "\xff";
        expected += "ÿ";
      }
    }
    std::string body;
    append_hit(body, {.site = "s", .path = bytes}, Hit::kNow);
    ASSERT_EQ(body.find('\n'), body.size() - 1) << body;
    ASSERT_EQ(read_back(body, "path"), bytes.empty() ? "absent" : expected) << body;
  }
}

TEST(HitEncoderTest, WhatLooksLikeUtf8AndIsNotIsLatin1) {
  for (const auto& [bytes, expected] :
       std::vector<std::pair<std::string, std::string>>{{"\xc0\x80", "À\u0080"},
                                                        {"\xed\xa0\x80", "í\u00a0\u0080"},
                                                        {"\xf5\x80", "õ\u0080"},
                                                        {"caf\xe9", "café"},
                                                        {"\xe1\xbb", "á»"}}) {
    std::string body;
    append_hit(body, {.site = "s", .path = bytes}, Hit::kNow);
    EXPECT_EQ(read_back(body, "path"), expected) << body;
  }
}

}  // namespace
}  // namespace footfall::client
