// SPDX-License-Identifier: Apache-2.0
#include "sites/epoch_text.h"

#include <gtest/gtest.h>

namespace footfall::sites {
namespace {

using counting::Epoch;

TEST(EpochTextTest, ReadsBackWhatItWrote) {
  for (const Epoch& epoch : {Epoch{}, Epoch{2, 0x1f}, Epoch{UINT32_MAX, UINT64_MAX}}) {
    EXPECT_EQ(parse_epoch(to_text(epoch)), epoch) << to_text(epoch);
  }
  EXPECT_EQ(to_text(Epoch{2, 0x1f}), "2.1f");
}

TEST(EpochTextTest, NothingElseIsAnEpoch) {
  for (const char* text : {"", ".", "2", "2.", ".1f", "02.1f", "2.1F", "2.1f ", "2.01f", "-2.1f", "2.-1f",
                           "4294967296.0", "2.10000000000000000"}) {
    EXPECT_FALSE(parse_epoch(text)) << text;
  }
}

}  // namespace
}  // namespace footfall::sites
