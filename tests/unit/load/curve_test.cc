// SPDX-License-Identifier: Apache-2.0
// A load over minutes.
#include "load/curve.h"

#include <gtest/gtest.h>

#include "unit/logs/scratch_file.h"

namespace footfall::load {
namespace {

using logs::ScratchFile;

TEST(CurveTest, SpreadsTheHitsOfAMinuteOverIt) {
  const ScratchFile file("period,count\n1998-04-30 23:58:00,2\n1998-04-30 23:59:00,0\n1998-05-01 00:01:00,4\n");
  const auto curve = Curve::read(file.path(), "", 1);
  ASSERT_TRUE(curve) << curve.error().detail;
  EXPECT_EQ(curve->hits(), 6U);
  EXPECT_EQ(curve->minutes(), 4U);
  const double expected[] = {0, 30, 180, 195, 210, 225};
  for (std::uint64_t i = 0; i < 6; ++i) EXPECT_DOUBLE_EQ(curve->due_s(i), expected[i]) << i;
}

TEST(CurveTest, BeginsWhereItIsTold) {
  const ScratchFile file("1998-04-30 21:30:00,2\n1998-04-30 21:31:00,5\n1998-04-30 21:32:00,1\n");
  const auto curve = Curve::read(file.path(), "1998-04-30 21:31", 1);
  ASSERT_TRUE(curve) << curve.error().detail;
  EXPECT_EQ(curve->hits(), 6U);
  EXPECT_DOUBLE_EQ(curve->due_s(0), 0);
  EXPECT_DOUBLE_EQ(curve->due_s(5), 60);
}

TEST(CurveTest, ScalesAndCarriesFractions) {
  const ScratchFile file(
      "1998-04-30 21:30:00,3\n1998-04-30 21:31:00,3\n1998-04-30 21:32:00,3\n1998-04-30 21:33:00,3\n");
  const auto curve = Curve::read(file.path(), "", 0.25);
  ASSERT_TRUE(curve) << curve.error().detail;
  EXPECT_EQ(curve->hits(), 3U);
  EXPECT_DOUBLE_EQ(curve->due_s(0), 60);
}

TEST(CurveTest, SaysWhichLineItDoesNotUnderstand) {
  for (const auto& [text, said] : std::vector<std::pair<std::string, std::string>>{
           {"1998-04-30 21:30:00,3\nhello\n", "line 2"},
           {"1998-04-30 21:30:00,3\n1998-04-30 21:31:00,x\n", "line 2"},
           {"1998-04-30 21:30:00,3\n1998-04-30 21:31:00,-1\n", "line 2"},
           {"1998-04-30 21:30:00,3\n1998-02-30 21:31:00,1\n", "line 2"},
           {"1998-04-30 21:30:00,3\n1998-04-30 21:30:00,3\n", "not behind"},
           {"1998-04-30 21:30:00,3\n2098-04-30 21:30:00,3\n", "19 years"},
           {"period,count\n", "no hits"},
           {"", "no hits"}}) {
    const ScratchFile file(text);
    const auto curve = Curve::read(file.path(), "", 1);
    ASSERT_FALSE(curve) << text;
    EXPECT_NE(curve.error().detail.find(said), std::string::npos) << curve.error().detail;
    EXPECT_NE(curve.error().detail.find(file.path()), std::string::npos);
  }
  EXPECT_FALSE(Curve::read("/nonexistent", "", 1));
}

}  // namespace
}  // namespace footfall::load
