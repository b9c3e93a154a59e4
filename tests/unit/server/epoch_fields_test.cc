// SPDX-License-Identifier: Apache-2.0
#include "epoch_fields.h"

#include <gtest/gtest.h>

#include <random>

#include "support/rng_seed.h"

namespace footfall {
namespace {

TEST(EpochFieldsTest, IsTheNumberAndTheResetInHex) {
  EpochFields fields;
  EXPECT_EQ(fields.field({1, 0}), "Footfall-Epoch: 1.0\r\n");
  EXPECT_EQ(fields.field({2, 0x1f}), "Footfall-Epoch: 2.1f\r\n");
  EXPECT_EQ(fields.field({1, 0}), "Footfall-Epoch: 1.0\r\n");
}

// 64 apart: both have the same place.
TEST(EpochFieldsTest, TwoEpochsOfOnePlaceAreToldApart) {
  EpochFields fields;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(fields.field({3, 0x40}), "Footfall-Epoch: 3.40\r\n");
    EXPECT_EQ(fields.field({3, 0x80}), "Footfall-Epoch: 3.80\r\n");
    EXPECT_EQ(fields.field({67, 0}), "Footfall-Epoch: 67.0\r\n");
  }
}

TEST(EpochFieldsTest, IsWhatIsRenderedAnewWhateverCameBefore) {
  std::mt19937_64 random(testing::rng_seed());
  EpochFields fields;
  for (int i = 0; i < 20'000; ++i) {
    const counting::Epoch epoch{static_cast<std::uint32_t>(1 + random() % 5), random() % 200};
    ASSERT_EQ(fields.field(epoch), "Footfall-Epoch: " + sites::to_text(epoch) + "\r\n");
  }
}

TEST(EpochFieldsTest, AnswersAreThoseOfTheSecondWithTheLineInThem) {
  std::mt19937_64 random(testing::rng_seed());
  EpochFields fields;
  http::HitAnswers answers;
  for (int i = 0; i < 20'000; ++i) {
    if (i == 0 || random() % 100 == 0) answers.set_second(1'795'428'000 + static_cast<std::int64_t>(random() % 5));
    const counting::Epoch epoch{static_cast<std::uint32_t>(1 + random() % 5), random() % 200};
    const bool keep_alive = random() % 2 == 0;
    std::string expected;
    if (random() % 2 == 0) {
      answers.write_gif(expected, "Footfall-Epoch: " + sites::to_text(epoch) + "\r\n", keep_alive);
      ASSERT_EQ(fields.gif(epoch, answers, keep_alive), expected);
    } else {
      answers.write_no_content(expected, "Footfall-Epoch: " + sites::to_text(epoch) + "\r\n", keep_alive);
      ASSERT_EQ(fields.no_content(epoch, answers, keep_alive), expected);
    }
  }
}

}  // namespace
}  // namespace footfall
