// SPDX-License-Identifier: Apache-2.0
// Text for people.
#include "cli/text.h"

#include <gtest/gtest.h>

namespace footfall::cli {
namespace {

TEST(TextTest, Utf8StaysAndOtherBytesAreLatin1) {
  EXPECT_EQ(to_utf8("/a/\u1ed1\U0001F600"), "/a/\u1ed1\U0001F600");
  EXPECT_EQ(to_utf8("caf\xe9 \xc3"), "caf\u00e9 \u00c3");
  // All of a text, or nothing of it.
  EXPECT_EQ(to_utf8("\u00e9\xe9"), "\u00c3\u00a9\u00e9");
}

TEST(TextTest, WhatRfc3629ForbidsIsNoUtf8) {
  for (const char* text : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
                           "\x80", "\xc3", "\xe2\x82"}) {
    EXPECT_NE(to_utf8(text), text);
  }
}

TEST(TextTest, ControlCharactersCannotSteerTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31m\r\n\x7f"), "a\\x1b[31m\\x0d\\x0a\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");  // CSI as one code point
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            "\\x9b31m");  // and as a byte of latin-1
  EXPECT_EQ(printable("\u00e9"), "\u00e9");
  EXPECT_EQ(printable_lines("a\x1b\nb\n"), "a\\x1b\nb\n");
}

TEST(TextTest, WordsAreQuotedForAShell) {
  EXPECT_EQ(shell_quoted("example.vn"), "example.vn");
  EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(TextTest, NumbersAreGroupedInThrees) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(41'450'791), "41,450,791");
  EXPECT_EQ(grouped_signed(0), "+0");
  EXPECT_EQ(grouped_signed(-1'000), "-1,000");
  EXPECT_EQ(grouped_signed(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(TextTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({Table::Align::right, Table::Align::left, Table::Align::left});
  table.add({"1", "\u1ed1", "x"});
  table.add({"1,000", "abc", ""});
  EXPECT_EQ(table.text("> "), ">     1  \u1ed1    x\n> 1,000  abc\n");
}

}  // namespace
}  // namespace footfall::cli
