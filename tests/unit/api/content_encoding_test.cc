// SPDX-License-Identifier: Apache-2.0
#include "api/content_encoding.h"

#include <gtest/gtest.h>

#include "support/gzip.h"

namespace footfall::api {
namespace {

using testing::gunzipped;

// As /pages has them.
std::string rows(std::size_t count, std::string_view more = "") {
  std::string out = "{\"pages\":[";
  for (std::size_t i = 0; i < count; ++i) {
    out += R"({"path":"/tin-tuc/bai-so-)" + std::to_string(i * i) + R"(","total":)" +
           std::to_string(100'000 / (i + 1)) + R"(,"counted":)" + std::to_string(90'000 / (i + 1)) +
           R"(,"seed":0,"online":)" + std::to_string(i % 7) + "},";
  }
  return out.append(more).append("]}");
}

TEST(AcceptEncoding, WeightsCount) {
  for (const std::string_view yes :
       {"gzip", "GZIP", "br, gzip;q=0.5", "*", "identity;q=0, x-gzip", "gzip;q=1", "gzip;q=0.001", "gzip ; Q=0.5",
        "identity;q=0.5, gzip;q=0.5", "gzip;q=0.8, *;q=0", "identity;q=0.2, *;q=0.3", "deflate, , gzip;q=1.000"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const std::string_view no :
       {"", "br", "gzip;q=0", "gzip; q=0.000", "gzip;Q=0", "*;q=0", "*, gzip;q=0", "gzip;q=0, *", "gzippy", "identity",
        "identity, gzip;q=0.5", "gzip;q=0.25, identity;q=0.3", "identity;q=1, *;q=0.9"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(ContentEncoding, WhatIsPackedIsWhatCameBack) {
  const std::string text = rows(100);
  for (const Packing packing : {Packing::best, Packing::fast, Packing::blind}) {
    for (const std::string& bytes : {std::string(), std::string("a"), text, rows(10'000)}) {
      EXPECT_EQ(gunzipped(gzipped(bytes, packing)), bytes);
    }
  }
  EXPECT_LT(gzipped(text, Packing::fast).size(), text.size() / 4);
  EXPECT_LT(gzipped(text, Packing::blind).size(), text.size() * 7 / 10);
}

TEST(ContentEncoding, ALongBodyIsPackedForWhoTakesIt) {
  const std::string text = rows(100);
  const EncodedBody packed = encoded(text, Packing::fast, "br, gzip", "");
  EXPECT_EQ(gunzipped(packed.bytes), text);
  EXPECT_EQ(packed.fields, "Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\n");
  const EncodedBody plain = encoded(text, Packing::fast, "br", "");
  EXPECT_EQ(plain.bytes, text);
  EXPECT_EQ(plain.fields, "Vary: Accept-Encoding\r\n") << "caches keep both apart";
}

TEST(ContentEncoding, AShortBodyGoesAsItIs) {
  const std::string text(kCompressedFrom - 1, 'a');
  const EncodedBody sent = encoded(text, Packing::fast, "gzip", "Vary: Authorization\r\n");
  EXPECT_EQ(sent.bytes, text);
  EXPECT_EQ(sent.fields, "Vary: Authorization\r\n");
  EXPECT_EQ(gunzipped(encoded(text + "a", Packing::fast, "gzip", "").bytes), text + "a");
}

TEST(ContentEncoding, WhatTheAnswerDependsOnIsOneLine) {
  const EncodedBody sent = encoded(rows(100), Packing::blind, "gzip", "Vary: Authorization\r\n");
  EXPECT_EQ(sent.fields, "Vary: Authorization, Accept-Encoding\r\nContent-Encoding: gzip\r\n");
}

// A visitor's path that guesses what another path holds. Letters of one text in another order make the same length, and
// the guess that is right is no shorter than the others; where repetition is looked for it is.
TEST(ContentEncoding, ALengthDoesNotTellAGuessThatIsRight) {
  const std::string secret = R"({"path":"/reset/k7Qz2mXv9Lw4"},)";
  const auto lengths = [&](Packing packing) {
    const auto length = [&](std::string_view guess) {
      return gzipped(rows(40, secret + R"({"path":"/)" + std::string(guess) + "\"}"), packing).size();
    };
    return std::pair(length("reset/k7Qz2mXv9Lw4"), length("4wL9vXm2zQ7k/teser"));
  };
  const auto [right, wrong] = lengths(Packing::blind);
  EXPECT_EQ(right, wrong);
  const auto [seen, unseen] = lengths(Packing::fast);
  EXPECT_LT(seen, unseen);
}

}  // namespace
}  // namespace footfall::api
