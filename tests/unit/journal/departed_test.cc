// SPDX-License-Identifier: Apache-2.0
#include "journal/departed.h"

#include <gtest/gtest.h>

#include "journal_fixture.h"

namespace footfall::journal {
namespace {

class DepartedTest : public JournalFixture {};

TEST_F(DepartedTest, SegmentsUpToTheGivenOneGoAndTheOthersStay) {
  open();
  append("a");
  roll();
  append("b");
  roll();
  append("c");
  writer_.reset();
  ASSERT_TRUE(remove_segments(files_, directory_, 2));
  EXPECT_EQ(*files_.list(directory_), std::vector<std::string>{segment_name(3)});
}

TEST_F(DepartedTest, AStreamThatNeverWasIsNoError) {
  EXPECT_TRUE(remove_segments(files_, "/journal/hits-099", 7));
}

}  // namespace
}  // namespace footfall::journal
