// SPDX-License-Identifier: Apache-2.0
#include "lookup/pattern_list.h"

#include <gtest/gtest.h>

#include "base/file_system.h"

namespace footfall::lookup {
namespace {

TEST(PatternListTest, ReadsSectionsEntriesAndReplacements) {
  const auto entries = read_pattern_list(
      "user_agent_parsers:\n"
      "  # a comment: with a colon\n"
      "  - regex: '(Collector|Explorer)-(?:Android)'\n"
      "    family_replacement: '$1 for ArcGIS' # where from\n"
      "\n"
      "  - regex: 'it''s'\n"
      "os_parsers:\n"
      "  - regex: \"a \\\"b\\\" \\\\d\"\n"
      "    regex_flag: 'i'\n"
      "    os_replacement: Plain\n"
      "    os_v1_replacement: '7'\n");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].section, "user_agent_parsers");
  EXPECT_EQ(entries[0].regex, "(Collector|Explorer)-(?:Android)");
  EXPECT_EQ(entries[0].replacement, "$1 for ArcGIS");
  EXPECT_FALSE(entries[0].ignore_case);
  EXPECT_EQ(entries[1].regex, "it's");
  EXPECT_EQ(entries[2].section, "os_parsers");
  EXPECT_EQ(entries[2].regex, "a \"b\" \\d");
  EXPECT_EQ(entries[2].replacement, "Plain");
  EXPECT_TRUE(entries[2].ignore_case);
}

TEST(PatternListTest, NamesInsideAnEntryOfTheCrawlerListAreNotEntries) {
  const auto entries = read_pattern_list(
      "- regex: 'Aboundex'\n"
      "  name: 'Aboundexbot'\n"
      "  url: 'http://www.aboundex.com/crawler/'\n"
      "  producer:\n"
      "    name: 'Aboundex.com'\n"
      "- regex: \"Let's Encrypt\"\n");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].regex, "Let's Encrypt");
}

TEST(PatternListTest, WhatIsNotOfTheSubsetIsPassedOver) {
  EXPECT_TRUE(read_pattern_list("").empty());
  EXPECT_TRUE(read_pattern_list("no colon\n\t\n- other: x\n:\n- \n-").empty());
  EXPECT_EQ(read_pattern_list("- regex: 'never closed").at(0).regex, "never closed");
  EXPECT_EQ(read_pattern_list("- regex: a\r\n").at(0).regex, "a");
}

TEST(PatternListTest, TheInstalledUapListIsReadWhole) {
  const auto file = base::read_file(base::posix_file_system(), "/usr/share/uap-core/regexes.yaml", 16U << 20U);
  if (!file) GTEST_SKIP() << "uap-core is not installed";
  std::size_t lines = 0;
  std::size_t at = 0;
  while ((at = file.value().find("\n  - regex:", at)) != std::string::npos) ++at, ++lines;
  EXPECT_EQ(read_pattern_list(file.value()).size(), lines);
}

}  // namespace
}  // namespace footfall::lookup
