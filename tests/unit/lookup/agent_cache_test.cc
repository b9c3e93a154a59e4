// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "base/hash.h"
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
  const Agent& first = cache.find("curl/8.0");
  EXPECT_TRUE(first.bot);
  EXPECT_EQ(&cache.find("curl/8.0"), &first);
  EXPECT_EQ(cache.misses(), 1U);
}

TEST(AgentCacheTest, AHashThatIsGivenIsTheSameAsOneThatIsMade) {
  AgentCache cache(small_database(), 64);
  cache.find(agent(1));
  cache.find(agent(1), base::table_hash(agent(1)));
  EXPECT_EQ(cache.misses(), 1U);
}

TEST(AgentCacheTest, AnswersStayRightWhenItOverflows) {
  AgentCache cache(small_database(), 8);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(cache.find(agent(i)).device, "desktop");
      EXPECT_TRUE(cache.find("curl/" + std::to_string(i)).bot);
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
  const Agent& kept = cache.find("curl/1");
  for (int i = 0; i < 1000; ++i) cache.find(agent(i));
  EXPECT_TRUE(kept.bot);
  EXPECT_EQ(kept.device, "bot");
}

}  // namespace
}  // namespace footfall::lookup
