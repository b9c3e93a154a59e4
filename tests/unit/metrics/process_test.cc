// SPDX-License-Identifier: Apache-2.0
#include "metrics/process.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

namespace footfall::metrics {
namespace {

TEST(Process, AHostileNameDoesNotShiftTheFields) {
  const ProcessFacts facts = parse_stat(
      "42 (a) b) R 1 2 3) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 7 0 1000 409600 25 18446744073709551615",
      1'000'000, 100, 4096);
  EXPECT_DOUBLE_EQ(facts.cpu_seconds, 3.0);
  EXPECT_EQ(facts.threads, 7U);
  EXPECT_DOUBLE_EQ(facts.start_time_seconds, 1'000'010.0);
  EXPECT_EQ(facts.virtual_bytes, 409600U);
  EXPECT_EQ(facts.resident_bytes, 25U * 4096);
}

TEST(Process, ATextThatIsNotUnderstoodGivesZeros) {
  for (const char* text : {"", "42", "42 (a) S 1 2", ")"}) {
    EXPECT_EQ(parse_stat(text, 1, 100, 4096).resident_bytes, 0U);
    EXPECT_EQ(parse_stat(text, 1, 100, 4096).cpu_seconds, 0.0);
  }
}

TEST(Process, ReadsItself) {
  const ProcessFacts before = read_process();
  EXPECT_GT(before.resident_bytes, 100'000U);
  EXPECT_GT(before.virtual_bytes, before.resident_bytes);
  EXPECT_GT(before.start_time_seconds, 1.6e9);
  EXPECT_GE(before.threads, 1U);
  EXPECT_GE(before.max_fds, before.open_fds);
  const int descriptor = dup(STDERR_FILENO);
  EXPECT_EQ(read_process().open_fds, before.open_fds + 1);
  close(descriptor);
}

TEST(Process, ReadsItselfWhenItIsOutOfDescriptors) {
  const ProcessFacts before = read_process();
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit few{64, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<int> taken;
  for (int descriptor = dup(STDERR_FILENO); descriptor >= 0; descriptor = dup(STDERR_FILENO))
    taken.push_back(descriptor);
  const ProcessFacts out = read_process();
  for (const int descriptor : taken) close(descriptor);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(out.open_fds, 64U);
  EXPECT_EQ(out.max_fds, 64U);
  EXPECT_EQ(out.start_time_seconds, before.start_time_seconds);
  EXPECT_GT(out.resident_bytes, 100'000U);
}

}  // namespace
}  // namespace footfall::metrics
