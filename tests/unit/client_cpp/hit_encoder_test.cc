// SPDX-License-Identifier: Apache-2.0
// Hits as items of a batch, read back by the generated code.
#include "cpp/hit_encoder.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "footfall/v1/hit.pb.h"
#include "support/rng_seed.h"

namespace footfall::client {
namespace {

v1::HitBatch read_back(const std::string& body) {
  v1::HitBatch batch;
  EXPECT_TRUE(batch.ParseFromString(body));
  return batch;
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
  v1::HitBatch expected;
  v1::Hit* hit = expected.add_hits();
  hit->set_site("example.vn");
  hit->set_path("/p");
  hit = expected.add_hits();
  hit->set_site("example.vn");
  hit->set_path("/p");
  hit->set_ref("https://r.example/");
  hit->set_kind(v1::Hit::EVENT);
  hit->set_name("sign \"up\"");
  hit->set_address(std::string("\xc0\x00\x02\x07", 4));
  hit->set_agent("Mozilla/5.0");
  hit->set_visitor("ann");
  hit->set_time(1448323200);
  hit = expected.add_hits();
  hit->set_site("example.vn");
  hit->set_kind(v1::Hit::HEARTBEAT);
  hit->set_time(-1);
  EXPECT_EQ(read_back(body).SerializeAsString(), expected.SerializeAsString());
  EXPECT_EQ(body.size(), expected.SerializeAsString().size());
}

TEST(HitEncoderTest, ABatchCanBeCutBetweenAnyTwo) {
  std::string body;
  append_hit(body, {.site = "a.vn", .path = std::string(200, 'p')}, 1'700'000'000);
  const std::size_t cut = body.size();
  append_hit(body, {.site = "b.vn", .path = std::string(20'000, 'p')}, 1'700'000'000);
  EXPECT_EQ(read_back(body.substr(0, cut)).hits(0).site(), "a.vn");
  EXPECT_EQ(read_back(body.substr(cut)).hits(0).path().size(), 20'000U);
}

TEST(HitEncoderTest, AnAddressIsReadAsTheDaemonReadsOne) {
  const auto bytes_of = [](std::string_view address) {
    std::string body;
    append_hit(body, {.site = "s", .address = address}, Hit::kNow);
    return read_back(body).hits(0).address();
  };
  const std::string four("\xc0\x00\x02\x07", 4);
  std::string sixteen("\x20\x01\x0d\xb8", 4);
  sixteen += std::string(11, '\0') + "\x01";
  EXPECT_EQ(bytes_of("192.0.2.7"), four);
  EXPECT_EQ(bytes_of("192.0.2.7:8080"), four);
  EXPECT_EQ(bytes_of("2001:db8::1"), sixteen);
  EXPECT_EQ(bytes_of("[2001:db8::1]"), sixteen);
  EXPECT_EQ(bytes_of("[2001:db8::1]:443"), sixteen);
  EXPECT_EQ(bytes_of(""), "");
  for (const std::string& bad :
       {std::string("host"), std::string("host.example.vn!"), std::string("1.2.3"), std::string("["),
        std::string("[1.2"), std::string("::1::"), std::string(4, 'x'), std::string(300, '1')}) {
    EXPECT_EQ(bytes_of(bad).size(), 1U) << bad << ": no length that an address has";
  }
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

TEST(HitEncoderTest, AnyBytesReadBackAsUtf8) {
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
    ASSERT_EQ(read_back(body).hits(0).path(), expected);
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
    EXPECT_EQ(read_back(body).hits(0).path(), expected);
  }
}

}  // namespace
}  // namespace footfall::client
