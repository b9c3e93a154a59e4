// SPDX-License-Identifier: Apache-2.0
#include "ingest/cluster_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/temporary_directory.h"

namespace footfall::ingest {
namespace {

constexpr std::string_view kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view kBase64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

ClusterKey key_of(std::uint8_t first) {
  ClusterKey::Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return ClusterKey(bytes);
}

class ClusterKeyTest : public ::testing::Test {
 protected:
  base::Result<ClusterKey> read(std::string_view text, mode_t mode = 0600) {
    const std::string path = directory_.file("key");
    EXPECT_TRUE(base::replace_file(base::posix_file_system(), path, text).has_value());
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return ClusterKey::read(base::posix_file_system(), path);
  }
  base::Errc refused(std::string_view text, mode_t mode = 0600) {
    const auto key = read(text, mode);
    EXPECT_FALSE(key.has_value()) << text;
    if (key) return {};
    EXPECT_NE(key.error().detail.find(directory_.file("key")), std::string::npos);
    EXPECT_EQ(key.error().detail.find("0102"), std::string::npos) << "a part of a key is told";
    return key.error().code;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(ClusterKeyTest, HexadecimalAndBase64AreTheSameKey) {
  const std::string sealed = key_of(0).seal("salt", "here");
  for (const std::string& text : {std::string(kHex), std::string(kBase64), std::string(kBase64.substr(0, 43)),
                                  " " + std::string(kHex) + "\r\n", std::string(kBase64) + "\n"}) {
    const auto key = read(text);
    ASSERT_TRUE(key.has_value()) << text;
    EXPECT_EQ(key->open(sealed, "here").value(), "salt");
  }
  const auto upper = read("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
  EXPECT_EQ(upper->open(sealed, "here").value(), "salt");
}

TEST_F(ClusterKeyTest, WhatIsSealedOpensForTheSameKeyAndPurposeAlone) {
  const std::string sealed = key_of(0).seal("salt", "here");
  EXPECT_EQ(key_of(0).open(sealed, "here").value(), "salt");
  EXPECT_EQ(key_of(1).open(sealed, "here").error().code, base::Errc::denied);
  EXPECT_EQ(key_of(0).open(sealed, "there").error().code, base::Errc::denied);
  EXPECT_EQ(sealed.find("salt"), std::string::npos);
}

TEST_F(ClusterKeyTest, TheSameIsSealedDifferentlyEachTime) {
  EXPECT_NE(key_of(0).seal("salt", "here"), key_of(0).seal("salt", "here"));
  EXPECT_EQ(key_of(0).open(key_of(0).seal("", ""), "").value(), "");
}

// By Python's cryptography: AESGCM(bytes(range(32))).encrypt(bytes(range(12)), b"salt", b"ffseal\r\n\x01here").
TEST_F(ClusterKeyTest, ItIsAes256Gcm) {
  const auto bytes = [](std::initializer_list<int> list) {
    std::string out;
    for (const int byte : list) out.push_back(static_cast<char>(byte));
    return out;
  };
  const std::string sealed =
      "ffseal\r\n" + bytes({1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}) +
      bytes({52, 99, 186, 111, 111, 242, 209, 136, 32, 24, 18, 190, 191, 51, 168, 24, 167, 99, 97, 83});
  EXPECT_EQ(key_of(0).open(sealed, "here").value(), "salt");
}

TEST_F(ClusterKeyTest, EveryFlippedBitAndEveryTruncationIsRefused) {
  const std::string sealed = key_of(0).seal("salt", "here");
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string flipped = sealed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(key_of(0).open(flipped, "here").has_value()) << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(key_of(0).open(std::string_view(sealed).substr(0, size), "here").has_value()) << size;
  }
  EXPECT_FALSE(key_of(0).open(sealed + "x", "here").has_value());
  std::string later = sealed;
  later[8] = 2;
  EXPECT_EQ(key_of(0).open(later, "here").error().code, base::Errc::newer_format);
}

TEST_F(ClusterKeyTest, AFileThatOthersMayReadIsDenied) {
  for (const mode_t mode : {0640U, 0604U, 0660U}) EXPECT_EQ(refused(kHex, mode), base::Errc::denied);
  EXPECT_TRUE(read(kHex, 0400).has_value());
}

TEST_F(ClusterKeyTest, WhatIsNoKeyIsRefused) {
  const std::string hex(kHex);
  const std::string base64(kBase64);
  for (const std::string& text :
       {std::string(), std::string("\n"), hex.substr(1), hex + "0", "x" + hex.substr(1), base64.substr(0, 42),
        base64 + "=", "-" + base64.substr(1), base64.substr(0, 42) + "9=", hex + "\n" + hex, std::string(5000, '0')}) {
    EXPECT_EQ(refused(text), base::Errc::malformed);
  }
  const auto none = ClusterKey::read(base::posix_file_system(), directory_.file("none"));
  EXPECT_EQ(none.error().code, base::Errc::not_found);
}

}  // namespace
}  // namespace footfall::ingest
