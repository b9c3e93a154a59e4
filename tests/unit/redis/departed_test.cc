// SPDX-License-Identifier: Apache-2.0
#include "redis/departed.h"

#include <gtest/gtest.h>

#include "redis/node_row.h"
#include "support/redis_data.h"

namespace footfall::redis {
namespace {

constexpr std::int64_t kNow_s = 1'700'000'000;
constexpr std::int64_t kDay_s = 86'400;

TEST(NodeRowTest, IsReadAsItWasWritten) {
  const auto row = NodeRow::parse(NodeRow{kNow_s, "a name of two words"}.text());
  ASSERT_TRUE(row);
  EXPECT_EQ(row->seen_s, kNow_s);
  EXPECT_EQ(row->name, "a name of two words");
  EXPECT_FALSE(NodeRow::parse(""));
  EXPECT_FALSE(NodeRow::parse("x 5"));
  EXPECT_EQ(NodeRow::parse("5")->name, "");
}

// Redis answers at once, or not at all.
class DepartedTest : public ::testing::Test, public Calls {
 protected:
  using Calls::call;
  void call(std::span<const std::string_view> words, Done done) override {
    if (on_call) on_call(words);
    if (answers == 0) return done(base::Error{base::Errc::unavailable, "gone"});
    --answers;
    done(redis.execute({words.begin(), words.end()}, now_s * 1000));
  }
  void run(const std::string& name, std::int64_t seen_s, const std::vector<std::string>& adopted_of) {
    redis.hashes["footfall:{meta}:nodes"][name] = NodeRow{seen_s, "node of " + name}.text();
    for (const std::string& site : adopted_of) redis.hashes["footfall:{" + site + "}:adopted"][name] = "2.7";
  }
  void pass_s(std::int64_t seconds) {
    now_s += seconds;
    departed.tick(now_s * 1000, true);
    other.tick(now_s * 1000, true);
  }
  // "a b", in the hash.
  std::string there(const std::string& key) {
    std::string out;
    for (const auto& [run, row] : redis.hashes[key]) out += (out.empty() ? "" : " ") + run;
    return out;
  }
  std::string nodes() { return there("footfall:{meta}:nodes"); }
  std::string adopted(const std::string& site) { return there("footfall:{" + site + "}:adopted"); }

  testing::RedisData redis;
  std::int64_t now_s = kNow_s;
  int answers = 1'000'000;
  std::function<void(std::span<const std::string_view>)> on_call;
  std::vector<std::string> sites{"one.vn", "two.vn"};
  Departed::Options options{.pairs_at_once = 2};
  Departed departed{*this, options, [this] { return sites; }};
  Departed other{*this, options, [this] { return sites; }};
};

TEST_F(DepartedTest, WhoWasNotSeenForADayIsTakenOut) {
  for (int n = 0; n < 20; ++n) run("gone-" + std::to_string(n), kNow_s - kDay_s - 1 - n, {"one.vn", "two.vn"});
  run("there", kNow_s - 5, {"one.vn"});
  run("away", kNow_s - kDay_s + 1, {"two.vn"});
  pass_s(0);
  EXPECT_EQ(nodes(), "away there");
  EXPECT_EQ(adopted("one.vn"), "there");
  EXPECT_EQ(adopted("two.vn"), "away");
}

TEST_F(DepartedTest, WhoHasNoRowHasAdoptedNothing) {
  redis.hashes["footfall:{one.vn}:adopted"] = {{"before", "2.7"}, {"there", "2.7"}};
  run("there", kNow_s, {});
  pass_s(0);
  EXPECT_EQ(adopted("one.vn"), "there");
}

TEST_F(DepartedTest, OneNodeDoesItEachHour) {
  pass_s(0);
  run("gone", kNow_s - 2 * kDay_s, {});
  pass_s(1);
  EXPECT_EQ(nodes(), "gone") << "both have looked, within the hour";
  pass_s(3600);
  EXPECT_EQ(nodes(), "");
  int sweeps = 0;
  on_call = [&](std::span<const std::string_view> words) { sweeps += words[0] == "TIME" ? 1 : 0; };
  pass_s(3600);
  EXPECT_EQ(sweeps, 1) << "of two who tried";
}

TEST_F(DepartedTest, WhoIsBackMeanwhileStays) {
  run("back", kNow_s - 2 * kDay_s, {"one.vn"});
  on_call = [&](std::span<const std::string_view> words) {
    if (words[0] == "HMGET") run("back", now_s, {});
  };
  pass_s(0);
  EXPECT_EQ(nodes(), "back");
  EXPECT_EQ(adopted("one.vn"), "back");
}

// ---- errors

TEST_F(DepartedTest, WhatBreaksOffIsDoneAnHourLater) {
  for (int after = 0; after < 12; ++after) {
    run("gone", now_s - 2 * kDay_s, {"one.vn", "two.vn"});
    run("there", now_s + 7200, {"one.vn"});
    answers = after;
    pass_s(3601);
    EXPECT_NE(adopted("one.vn").find("there"), std::string::npos);
    answers = 1'000'000;
    pass_s(3601);
    EXPECT_EQ(nodes(), "there");
    EXPECT_EQ(adopted("one.vn"), "there");
    EXPECT_EQ(adopted("two.vn"), "");
  }
}

TEST_F(DepartedTest, WithoutRedisNothingIsAsked) {
  on_call = [](std::span<const std::string_view>) { FAIL(); };
  departed.tick(now_s * 1000, false);
}

}  // namespace
}  // namespace footfall::redis
