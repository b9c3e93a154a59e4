// SPDX-License-Identifier: Apache-2.0
// What becomes of a batch, for each answer, before and after it is undecided.
#include "cpp/judge.h"

#include <gtest/gtest.h>

namespace footfall::client {
namespace {

const std::string kOwn(32, 'a');
const std::string kOther(32, 'b');

struct Case {
  unsigned status;  // 0: no answer
  std::string node;
  Next clear, undecided;  // what is next while it is known not to be counted, and while it is not
  bool becomes_undecided;
};

TEST(JudgeTest, TheTable) {
  for (const Case& c : {
           Case{200, kOwn, Next::counted, Next::counted, false},
           Case{0, "", Next::again, Next::again, true},
           Case{400, kOwn, Next::refused, Next::refused, false},
           Case{400, "", Next::again, Next::again, false},
           Case{400, kOther, Next::refused, Next::again, false},
           Case{401, kOwn, Next::again, Next::again, false},
           Case{403, "", Next::again, Next::again, false},
           Case{404, "", Next::again, Next::again, false},
           Case{408, kOwn, Next::again, Next::again, false},
           Case{409, kOwn, Next::again_alone, Next::again_alone, true},
           Case{413, kOwn, Next::split, Next::split, false},
           Case{413, "", Next::split, Next::again, false},
           Case{415, kOwn, Next::refused, Next::refused, false},
           Case{421, kOther, Next::rekey, Next::reconnect, false},
           Case{421, "", Next::again, Next::reconnect, false},
           Case{422, kOwn, Next::refused, Next::refused, false},
           Case{429, kOwn, Next::again, Next::again, false},
           Case{500, "", Next::again, Next::again, true},
           Case{502, "", Next::again, Next::again, true},
           Case{503, kOwn, Next::again, Next::again, true},
       }) {
    for (const bool undecided : {false, true}) {
      Standing standing{kOwn, undecided, 2};
      const Try tried{c.status == 0 ? Try::End::cut : Try::End::answered, c.status, c.node};
      EXPECT_EQ(judge(tried, standing), undecided ? c.undecided : c.clear) << c.status << " " << undecided;
      EXPECT_EQ(standing.undecided, undecided || c.becomes_undecided) << c.status << " " << undecided;
    }
  }
}

TEST(JudgeTest, WhatDidNotLeaveDecidesNothing) {
  Standing standing{kOwn, false, 2};
  EXPECT_EQ(judge(Try{}, standing), Next::again);
  EXPECT_FALSE(standing.undecided);
}

TEST(JudgeTest, ASingleItemThatIsTooLargeIsRefused) {
  Standing standing{kOwn, false, 1};
  EXPECT_EQ(judge({Try::End::answered, 413, kOwn}, standing), Next::refused);
}

}  // namespace
}  // namespace footfall::client
