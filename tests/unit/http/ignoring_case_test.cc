// SPDX-License-Identifier: Apache-2.0
#include "http/ignoring_case.h"

#include <gtest/gtest.h>

#include <string>

namespace footfall::http {
namespace {

TEST(IgnoringCaseTest, LettersAreTheSameInBothCasesAndNothingElseIs) {
  EXPECT_TRUE(equals_ignoring_case("Application/X-NDJSON", "application/x-ndjson"));
  EXPECT_TRUE(equals_ignoring_case("", ""));
  EXPECT_FALSE(equals_ignoring_case("gzip", "gzi"));
  EXPECT_FALSE(equals_ignoring_case("gzi", "gzip"));
  for (int c = 0; c < 256; ++c) {
    const std::string text(1, static_cast<char>(c));
    for (const std::string_view lower : {"a", "z", "-", "`", "{", "\xe9"})
      EXPECT_EQ(equals_ignoring_case(text, lower),
                text == lower || (lower == "a" && c == 'A') || (lower == "z" && c == 'Z'))
          << c << " " << lower;
  }
}

}  // namespace
}  // namespace footfall::http
