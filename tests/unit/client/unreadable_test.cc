// SPDX-License-Identifier: Apache-2.0
#include "cli/unreadable.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "command_line.h"
#include "support/temporary_directory.h"

namespace footfall::cli {
namespace {

std::string advice(std::string_view first_line) {
  Readability lines;
  lines.unreadable(first_line);
  lines.unreadable("and another");
  const auto judged = lines.judge("combined");
  EXPECT_FALSE(judged);
  return judged ? "" : judged.error().detail;
}

TEST(ReadabilityTest, OneReadableLineOrNoneAtAllIsFine) {
  Readability lines;
  EXPECT_TRUE(lines.judge("combined"));
  lines.unreadable("x");
  EXPECT_FALSE(lines.judge("combined"));
  lines.readable();
  EXPECT_TRUE(lines.judge("combined"));
}

TEST(ReadabilityTest, WhatItIsCompressedWithIsTold) {
  EXPECT_NE(advice(std::string_view("\xFD\x37\x7A\x58\x5A\0", 6)).find("with xz"), std::string::npos);
  EXPECT_NE(advice("BZh91AY").find("with bzip2"), std::string::npos);
  EXPECT_NE(advice("\x28\xB5\x2F\xFD\x04").find("with zstd"), std::string::npos);
}

TEST(ReadabilityTest, ElseTheFormatIsAskedFor) {
  const std::string said = advice("{\"time\":1}");
  EXPECT_NE(said.find("none of the 2 lines could be read as --format combined"), std::string::npos) << said;
  EXPECT_NE(said.find("--unreadable 3"), std::string::npos) << said;
}

TEST(ReadabilityTest, AnalyzeFailsOnAFileOfAnotherKind) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.file("access.log");
  std::ofstream(path) << "a\nb\nc\n";
  const Ran ran = footfall({"analyze", path, "--json"});
  EXPECT_EQ(ran.code, kFailed);
  EXPECT_NE(ran.out.find("\"unparseable_lines\": 3"), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("none of the 3 lines"), std::string::npos) << ran.err;
  std::ofstream(path) << "";
  EXPECT_EQ(footfall({"analyze", path}).code, kDone) << "an empty log is one";
}

}  // namespace
}  // namespace footfall::cli
