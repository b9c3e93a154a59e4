// SPDX-License-Identifier: Apache-2.0
// Hashes and sets in pieces: with a model, and with a real redis-server that has more than a reply may hold.
#include "redis/pieces.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "server_fixture.h"
#include "support/redis_data.h"
#include "support/rng_seed.h"

namespace footfall::redis {
namespace {

// A model that answers at once, and what was asked of it.
class PiecesTest : public ::testing::Test {
 protected:
  Call call() {
    return [this](const std::vector<std::string>& words, const std::function<void(const Reply&)>& done) {
      asked_.push_back(words);
      if (answers_-- > 0) done(redis_.execute(words));
    };
  }
  static std::string field(int n) { return "f" + std::to_string(n); }

  testing::RedisData redis_;
  std::vector<std::vector<std::string>> asked_;
  int answers_ = 1'000'000;
};

TEST_F(PiecesTest, AScanGivesEachElementAndEnds) {
  for (int n = 0; n < 100; ++n) redis_.hashes["h"][field(n)] = std::to_string(n);
  std::map<std::string, std::string> came;
  int ended = 0;
  scan(call(), "HSCAN", "h", 7, [&](const std::vector<Reply>& pairs, const More& more) {
    for (std::size_t i = 0; i < pairs.size(); i += 2) came[pairs[i].text] = pairs[i + 1].text;
    more ? more() : void(++ended);
  });
  EXPECT_EQ(came, redis_.hashes["h"]);
  EXPECT_EQ(ended, 1);
  EXPECT_GE(asked_.size(), 100U / 8);
}

TEST_F(PiecesTest, AnEmptyHashIsOnePiece) {
  int pieces = 0;
  scan(call(), "HSCAN", "h", 7, [&](const std::vector<Reply>& pairs, const More& more) {
    EXPECT_TRUE(pairs.empty());
    EXPECT_FALSE(more);
    ++pieces;
  });
  EXPECT_EQ(pieces, 1);
}

TEST_F(PiecesTest, WhatIsThereAllTheWhileComesWhateverElseComesAndGoes) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 50; ++round) {
    auto& hash = redis_.hashes["h"];
    hash.clear();
    std::set<std::string> stays;
    for (int n = 0; n < 60; ++n) {
      hash[field(n)] = "";
      if (random() % 2 == 0) stays.insert(field(n));
    }
    std::set<std::string> came;
    scan(call(), "HSCAN", "h", 1 + random() % 10, [&](const std::vector<Reply>& pairs, const More& more) {
      for (std::size_t i = 0; i < pairs.size(); i += 2) came.insert(pairs[i].text);
      for (int i = 0; i < 5; ++i) {
        const std::string other = field(static_cast<int>(random() % 200));
        if (stays.contains(other)) continue;
        if (hash.erase(other) == 0) hash[other] = "";
      }
      if (more) more();
    });
    for (const std::string& field : stays) ASSERT_TRUE(came.contains(field)) << field;
  }
}

TEST_F(PiecesTest, FieldsAreReadSomeAtATime) {
  std::vector<std::string> fields;
  for (int n = 0; n < 10; ++n) fields.push_back(field(n));
  redis_.hashes["h"] = {{"f0", "a"}, {"f9", "b"}};
  std::string came;
  read_fields(call(), "h", fields, 4,
              [&](std::span<const std::string> names, const std::vector<Reply>& values, bool last) {
                for (std::size_t i = 0; i < names.size(); ++i) came += names[i] + values[i].text + " ";
                came += last ? "." : "| ";
              });
  EXPECT_EQ(came, "f0a f1 f2 f3 | f4 f5 f6 f7 | f8 f9b .");
}

TEST_F(PiecesTest, ItIsAskedWhichAreThere) {
  redis_.hashes["h"] = {{"f0", "a"}, {"f70", "b"}};
  std::vector<std::string> fields;
  for (int n = 0; n < 100; ++n) fields.push_back(field(n));
  std::vector<std::string> there;
  which_are_there(call(), "h", fields, [&](std::vector<std::string> found) { there = std::move(found); });
  EXPECT_EQ(there, (std::vector<std::string>{"f0", "f70"}));
}

TEST_F(PiecesTest, ACommandHoldsAsMuchAsAPieceAndOnePairAtLeast) {
  const std::string large(kPieceBytes, 'x');
  const std::string small(kPieceBytes / 4, 'y');
  bool done = false;
  write_fields(call(), "h", {{"a", small}, {"b", small}, {"c", small}, {"d", small}, {"e", large}, {"f", "z"}},
               [&] { done = true; });
  EXPECT_TRUE(done);
  EXPECT_EQ(redis_.hashes["h"].size(), 6U);
  ASSERT_EQ(asked_.size(), 4U);
  EXPECT_EQ(asked_[0].size(), 2U + 2 * 3);
  EXPECT_EQ(asked_[1].size(), 2U + 2 * 1);
  EXPECT_EQ(asked_[2].size(), 2U + 2 * 1);
}

TEST_F(PiecesTest, WhatIsMissingIsWrittenAndWhatIsThereStays) {
  redis_.hashes["h"] = {{"f3", "mine"}};
  Pairs pairs;
  for (int n = 0; n < 200; ++n) pairs.emplace_back(field(n), "yours");
  std::size_t written = 0;
  write_missing(call(), "h", pairs, [&](std::size_t count) { written = count; });
  EXPECT_EQ(written, 199U);
  EXPECT_EQ(redis_.hashes["h"]["f3"], "mine");
  EXPECT_EQ(redis_.hashes["h"]["f199"], "yours");
}

TEST_F(PiecesTest, NothingToWriteIsDoneAtOnce) {
  int done = 0;
  write_fields(call(), "h", {}, [&] { ++done; });
  write_missing(call(), "h", {}, [&](std::size_t) { ++done; });
  EXPECT_EQ(done, 2);
  EXPECT_TRUE(asked_.empty());
}

// ---- errors

TEST_F(PiecesTest, WhereThereIsNoReplyNothingFollows) {
  for (int n = 0; n < 300; ++n) redis_.hashes["h"][field(n)] = "";
  for (int answers = 0; answers < 3; ++answers) {
    answers_ = answers;
    scan(call(), "HSCAN", "h", 7, [&](const std::vector<Reply>&, const More& more) {
      ASSERT_TRUE(more);
      more();
    });
    Pairs pairs;
    for (int n = 0; n < 300; ++n) pairs.emplace_back(field(n), "x");
    answers_ = answers;
    write_missing(call(), "h", pairs, [](std::size_t) { FAIL(); });
  }
}

// ---- a real server

class PiecesServerTest : public ServerFixture {
 protected:
  Call call() {
    return [this](const std::vector<std::string>& words, const std::function<void(const Reply&)>& done) {
      calls_->call(words, [done](const base::Result<Reply>& reply) {
        ASSERT_TRUE(reply) << reply.error().detail;
        done(*reply);
      });
    };
  }
};

TEST_F(PiecesServerTest, AHashOfMoreThanAReplyHoldsIsReadInPieces) {
  constexpr std::size_t kFields = kElementsMax + 10'000;
  server_->command({"EVAL", "for i=1,tonumber(ARGV[1]) do redis.call('HSET', KEYS[1], i, 'v') end", "1", "h",
                    std::to_string(kFields)});
  ASSERT_EQ(server_->command({"HLEN", "h"}), std::to_string(kFields));
  std::vector<bool> came(kFields + 1);
  std::size_t count = 0;
  bool ended = false;
  scan(call(), "HSCAN", "h", 1000, [&](const std::vector<Reply>& pairs, const More& more) {
    EXPECT_LT(pairs.size(), 4000U);
    for (std::size_t i = 0; i < pairs.size(); i += 2) {
      const std::size_t n = std::stoul(pairs[i].text);
      if (!came[n]) ++count;
      came[n] = true;
    }
    more ? more() : void(ended = true);
  });
  ASSERT_TRUE(wait_until([&] { return ended; }));
  EXPECT_EQ(count, kFields);
}

TEST_F(PiecesServerTest, AReplyThatIsTooLargeIsToldToItsCommandAlone) {
  server_->command({"EVAL", "for i=1,300000 do redis.call('HSET', KEYS[1], i, 'v') end", "1", "h"});
  ASSERT_TRUE(wait_until([&] { return client_->up(); }));
  std::vector<base::Errc> errors;
  const auto note = [&errors](const base::Result<Reply>& reply) {
    errors.push_back(reply ? base::Errc::io : reply.error().code);
  };
  calls_->call({"HKEYS", "h"}, note);
  calls_->call({"GET", "k"}, note);
  ASSERT_TRUE(wait_until([&] { return errors.size() == 2; }));
  EXPECT_EQ(errors, (std::vector<base::Errc>{base::Errc::too_large, base::Errc::unavailable}));
  EXPECT_TRUE(wait_until([&] { return client_->up(); }));
}

}  // namespace
}  // namespace footfall::redis
