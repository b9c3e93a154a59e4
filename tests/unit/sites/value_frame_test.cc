// SPDX-License-Identifier: Apache-2.0
#include "sites/value_frame.h"

#include <gtest/gtest.h>

namespace footfall::sites {
namespace {

std::string framed(std::uint64_t version) {
  std::string bytes;
  open_frame(bytes, "fftest\r\n", version);
  base::ByteWriter(bytes).string("fields");
  close_frame(bytes);
  return bytes;
}

base::Errc refusal(std::string_view bytes) {
  const auto in = read_frame(bytes, "fftest\r\n", 3, "a test");
  EXPECT_FALSE(in);
  return in ? base::Errc::io : in.error().code;
}

TEST(ValueFrameTest, GivesTheFieldsAndNothingElse) {
  for (const std::uint64_t version : {1U, 3U}) {
    const std::string bytes = framed(version);
    auto in = read_frame(bytes, "fftest\r\n", 3, "a test");
    ASSERT_TRUE(in);
    EXPECT_EQ(in->string(), "fields");
    EXPECT_TRUE(in->at_end());
  }
}

TEST(ValueFrameTest, ALaterVersionIsToldAsOne) {
  EXPECT_EQ(refusal(framed(4)), base::Errc::newer_format);
}

TEST(ValueFrameTest, EveryFlippedBitAndEveryCutIsNoticed) {
  const std::string good = framed(1);
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_EQ(refusal(good.substr(0, size)), base::Errc::corrupt);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(read_frame(bad, "fftest\r\n", 3, "a test")) << bit;
  }
  EXPECT_EQ(refusal(good + "x"), base::Errc::corrupt);
}

}  // namespace
}  // namespace footfall::sites
