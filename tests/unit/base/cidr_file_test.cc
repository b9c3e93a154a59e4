// SPDX-License-Identifier: Apache-2.0
#include "base/cidr_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "support/temporary_directory.h"

namespace footfall::base {
namespace {

class CidrFileTest : public ::testing::Test {
 protected:
  Result<std::vector<Cidr>> read(const std::string& text) {
    std::ofstream(path_) << text;
    return read_cidr_file(path_);
  }
  // What is said behind the file's name.
  std::string refusal(const std::string& text) {
    const auto networks = read(text);
    if (networks) return "";
    EXPECT_EQ(networks.error().code, Errc::invalid_config);
    EXPECT_EQ(networks.error().detail.find(path_ + ":"), 0U) << networks.error().detail;
    return networks.error().detail.substr(path_.size());
  }

  testing::TemporaryDirectory directory_;
  std::string path_ = directory_.file("networks");
};

TEST_F(CidrFileTest, HasOneNetworkALine) {
  const auto networks = read("# a CDN's\n10.0.0.0/8\n\n  2001:db8::/32\t# its others\r\n192.0.2.1");
  ASSERT_TRUE(networks.has_value()) << networks.error().detail;
  ASSERT_EQ(networks->size(), 3U);
  EXPECT_EQ(text_of((*networks)[0]), "10.0.0.0/8");
  EXPECT_EQ(text_of((*networks)[1]), "2001:db8::/32");
  EXPECT_EQ(text_of((*networks)[2]), "192.0.2.1");
}

TEST_F(CidrFileTest, WhatIsNoneIsRefusedByItsLine) {
  EXPECT_EQ(refusal("10.0.0.0/8\n\n10.0.0.0/8 192.0.2.1\n"),
            ":3: \"10.0.0.0/8 192.0.2.1\": the length behind the slash is a number up to 32; write one network a line, "
            "and # before what is none");
  EXPECT_EQ(refusal("<html>\n").find(":1: \"<html>\": an address like"), 0U);
  EXPECT_EQ(refusal("10.0.0.1/8\n").find(":1: \"10.0.0.1/8\": bits are set behind its length"), 0U);
}

TEST_F(CidrFileTest, AFileWithoutAnyIsNoList) {
  for (const char* text : {"", "\n\n", "# nothing\n"}) EXPECT_EQ(refusal(text).find(": holds no network"), 0U) << text;
  EXPECT_EQ(refusal(std::string(kCidrFileBytesMax + 1, '#')).find(": is larger than 1 MiB"), 0U);
}

TEST_F(CidrFileTest, OneThatCannotBeReadIsNamed) {
  const auto missing = read_cidr_file(path_);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().detail, path_ +
                                        ": cannot be read (No such file or directory); name a file that footfalld's "
                                        "user may read");
  EXPECT_FALSE(read_cidr_file(directory_.path()).has_value());
}

}  // namespace
}  // namespace footfall::base
