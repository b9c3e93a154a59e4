// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "lookup/agents.h"

namespace footfall::lookup {
namespace {

std::shared_ptr<const AgentDatabase> small_database() {
  static const auto database = AgentDatabase::load({.uap_regexes = "/nonexistent", .crawlers = "/nonexistent"});
  return database;
}
std::string agent(int i) {
  return "Mozilla/5.0 (X11; Linux) Number/" + std::to_string(i);
}

TEST(AgentCacheTest, AsksTheDatabaseOncePerAgent) {
  AgentCache cache(small_database(), 64);
  const Agent& first = cache.find("curl/8.0").agent;
  EXPECT_TRUE(first.bot);
  EXPECT_EQ(&cache.find("curl/8.0").agent, &first);
  EXPECT_EQ(cache.misses(), 1U);
}

TEST(AgentCacheTest, ADigestIsOfTheWholeTextAndTheSameInEveryCache) {
  AgentCache cache(small_database(), 8), other(small_database(), 64);
  std::set<std::string> digests;
  for (int i = 0; i < 1000; ++i) {
    const std::string digest(cache.find(agent(i)).digest);
    ASSERT_EQ(digest.size(), 16U);
    ASSERT_EQ(cache.find(agent(i)).digest, digest);
    ASSERT_EQ(other.find(agent(i)).digest, digest);
    digests.insert(digest);
  }
  EXPECT_EQ(digests.size(), 1000U);
}

TEST(AgentCacheTest, AnswersStayRightWhenItOverflows) {
  AgentCache cache(small_database(), 8);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(cache.find(agent(i)).agent.device, "desktop");
      EXPECT_TRUE(cache.find("curl/" + std::to_string(i)).agent.bot);
    }
  }
  EXPECT_GT(cache.misses(), 200U);
}

TEST(AgentCacheTest, AnAgentInUseSurvivesAFloodOfNewOnes) {
  AgentCache cache(small_database(), 8);
  cache.find(agent(0));
  const auto misses_before = cache.misses();
  for (int i = 1; i <= 1000; ++i) {
    cache.find(agent(i));
    cache.find(agent(0));
  }
  EXPECT_EQ(cache.misses() - misses_before, 1000U);
}

TEST(AgentCacheTest, AnswersOutliveTheirEviction) {
  AgentCache cache(small_database(), 8);
  const Agent& kept = cache.find("curl/1").agent;
  for (int i = 0; i < 1000; ++i) cache.find(agent(i));
  EXPECT_TRUE(kept.bot);
  EXPECT_EQ(kept.device, "bot");
}

}  // namespace
}  // namespace footfall::lookup
