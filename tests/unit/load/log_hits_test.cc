// SPDX-License-Identifier: Apache-2.0
// The hits of a log, with the moments at which they come again.
#include "load/log_hits.h"

#include <gtest/gtest.h>

#include "unit/logs/scratch_file.h"

namespace footfall::load {
namespace {

std::string line(const std::string& time, const std::string& target, unsigned status = 200) {
  return "192.0.2.7 - - [10/Mar/2021:10:00:" + time + " +0000] \"GET " + target + " HTTP/1.1\" " +
         std::to_string(status) + " 5 \"-\" \"agent\"\n";
}

std::vector<std::pair<std::string, double>> read(const std::string& text) {
  const logs::ScratchFile file(text);
  LogHits hits(*logs::Format::find("combined"), {file.path()}, [](const logs::Line& l) { return l.status == 200; });
  std::vector<std::pair<std::string, double>> out;
  while (const LogHit* hit = hits.next()) {
    EXPECT_EQ(hit->agent, "agent");
    EXPECT_EQ(hit->referrer, "");
    EXPECT_EQ(hit->client, "192.0.2.7");
    out.emplace_back(hit->target, hit->at_s);
  }
  EXPECT_TRUE(hits.outcome());
  return out;
}

using Expected = std::vector<std::pair<std::string, double>>;

TEST(LogHitsTest, SpreadsTheHitsOfASecondAndKeepsTheirOrder) {
  EXPECT_EQ(read(line("05", "/a") + line("05", "/b") + line("05", "/no", 404) + line("07", "/c") + line("08", "/d")),
            (Expected{{"/a", 0}, {"/b", 0.5}, {"/c", 2}, {"/d", 3}}));
}

TEST(LogHitsTest, ALateLineComesAsSoonAsThoseBeforeIt) {
  EXPECT_EQ(read(line("05", "/a") + line("09", "/b") + line("06", "/late") + line("09", "/c") + line("10", "/d")),
            (Expected{{"/a", 0}, {"/b", 4}, {"/late", 4 + 1 / 3.0}, {"/c", 4 + 2 / 3.0}, {"/d", 5}}));
}

TEST(LogHitsTest, WhatCannotBeReadIsPassedOverAndNothingIsNothing) {
  EXPECT_EQ(read("broken\n" + line("05", "/a") + "broken\n"), (Expected{{"/a", 0}}));
  EXPECT_EQ(read(""), Expected{});
}

TEST(LogHitsTest, AFileThatIsNotThereIsAnError) {
  LogHits hits(*logs::Format::find("combined"), {"/nonexistent"}, [](const logs::Line&) { return true; });
  EXPECT_EQ(hits.next(), nullptr);
  ASSERT_FALSE(hits.outcome());
  EXPECT_NE(hits.outcome().error().detail.find("/nonexistent"), std::string::npos);
}

}  // namespace
}  // namespace footfall::load
