// SPDX-License-Identifier: Apache-2.0
#include "batch_part.h"

#include <gtest/gtest.h>

#include "sites/imports.h"

namespace footfall {
namespace {

TEST(BatchPartTest, AQueryWithoutASourceIsNoPart) {
  for (const char* query : {"", "position=7", "source=&position=7"})
    EXPECT_FALSE(read_batch_part(query)->is_part()) << query;
}

TEST(BatchPartTest, AnImportsPart) {
  const auto part = read_batch_part("source=access.log%201&position=18446744073709551615");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->source, "access.log 1");
  EXPECT_EQ(part->position, UINT64_MAX);
  EXPECT_FALSE(part->followed());
}

TEST(BatchPartTest, AFollowersPart) {
  const auto part = read_batch_part("source=web-1&position=20&after=10&site=a.vn&mark=i%3D5+o%3D7");
  ASSERT_TRUE(part);
  EXPECT_TRUE(part->followed());
  EXPECT_EQ(part->after, 10U);
  EXPECT_EQ(part->site, "a.vn");
  EXPECT_EQ(part->mark, "i=5 o=7");
}

TEST(BatchPartTest, WhatIsWrongIsNamed) {
  const auto key_of = [](const std::string& query) {
    const auto part = read_batch_part(query);
    return part ? "none" : part.error().detail.substr(0, part.error().detail.find(':'));
  };
  const std::string followed = "source=a&site=a.vn&position=9";
  for (const char* position : {"", "0", "-1", "7x", "18446744073709551616"})
    EXPECT_EQ(key_of("source=a&position=" + std::string(position)), "position") << position;
  EXPECT_EQ(key_of(followed + "&after=0"), "mark");
  EXPECT_EQ(key_of(followed + "&after=0&mark="), "mark");
  EXPECT_EQ(key_of(followed + "&after=0&mark=%0A"), "mark");
  EXPECT_EQ(key_of(followed + "&after=0&mark=" + std::string(sites::kMarkMax, 'm')), "none");
  EXPECT_EQ(key_of(followed + "&after=0&mark=" + std::string(sites::kMarkMax + 1, 'm')), "mark");
  EXPECT_EQ(key_of(followed + "&mark=m"), "after");
  EXPECT_EQ(key_of(followed + "&mark=m&after=9"), "after");
  EXPECT_EQ(key_of("source=a&position=9&mark=m&after=0"), "site");
  EXPECT_EQ(key_of("source=" + std::string(201, 's') + "&site=a.vn&position=9&mark=m&after=0"), "source");
}

}  // namespace
}  // namespace footfall
