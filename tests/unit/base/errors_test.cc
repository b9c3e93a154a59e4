// SPDX-License-Identifier: Apache-2.0
#include "base/errors.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace footfall::base {
namespace {

TEST(ErrorsTest, EveryCodeHasASentenceOfItsOwn) {
  std::set<std::string_view> sentences;
  for (int code = 0; code <= static_cast<int>(Errc::invalid_config); ++code) {
    const std::string_view sentence = describe(static_cast<Errc>(code));
    EXPECT_NE(sentence, "unknown error") << code;
    EXPECT_NE(sentence.back(), '.') << sentence;
    sentences.insert(sentence);
  }
  EXPECT_EQ(sentences.size(), static_cast<std::size_t>(Errc::invalid_config) + 1);
}

TEST(ErrorsTest, AnErrorReadsAsKindAndDetail) {
  EXPECT_EQ(to_string({Errc::malformed, "not a site name"}), "malformed input: not a site name");
  EXPECT_EQ(to_string({Errc::malformed, ""}), "malformed input");
}

TEST(ErrorsTest, AResultHoldsAValueOrAnError) {
  const Result<int> good = 7;
  EXPECT_TRUE(good);
  EXPECT_EQ(*good, 7);
  const Result<int> bad = Error{Errc::io, "write x"};
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::io);
}

TEST(ErrorsTest, TheValueOfAFailedResultThrowsItsError) {
  const Result<int> bad = Error{Errc::in_use, "LOCK"};
  try {
    (void)bad.value();
    FAIL() << "no exception";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.error().code, Errc::in_use);
    EXPECT_STREQ(failure.what(), "in use by another process: LOCK");
  }
}

}  // namespace
}  // namespace footfall::base
