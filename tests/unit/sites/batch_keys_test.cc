// SPDX-License-Identifier: Apache-2.0
#include "sites/batch_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "support/rng_seed.h"

namespace footfall::sites {
namespace {

using State = BatchKeys::State;

constexpr std::int64_t kNow = 1'700'000'000;
const std::string kNode(32, 'a');

std::string key_of(std::string_view name) {
  return kNode + "/" + std::string(name);
}
BodyDigest body(std::uint8_t which) {
  BodyDigest digest{};
  digest.fill(which);
  return digest;
}
std::string bytes_of(const BatchKeys& keys, std::int64_t now_s) {
  std::string out;
  base::ByteWriter writer(out);
  keys.save(writer, now_s);
  return out;
}

class BatchKeysTest : public ::testing::Test {
 protected:
  BatchKeys::Claim claim(std::string_view name, std::uint8_t which, std::int64_t at_s = kNow) {
    return keys_.claim(key_of(name), body(which), at_s);
  }
  void count(std::string_view name, std::uint8_t which, std::string answer, std::int64_t at_s = kNow) {
    BatchKeys::Claim claimed = claim(name, which, at_s);
    ASSERT_EQ(claimed.state, State::claimed);
    claimed.key.answer = std::move(answer);
    keys_.settle(std::move(claimed.key));
  }

  BatchKeys keys_;
};

TEST_F(BatchKeysTest, ABatchIsClaimedOnceAndThenHasItsAnswer) {
  BatchKeys::Claim first = claim("a", 1);
  EXPECT_EQ(first.state, State::claimed);
  EXPECT_EQ(first.key.expires_s, kNow + kBatchKeyTtl_s);
  EXPECT_EQ(claim("a", 1).state, State::under_way);
  first.key.answer = "{\"accepted\":3}";
  keys_.settle(first.key);
  const BatchKeys::Claim again = claim("a", 1, kNow + 5);
  EXPECT_EQ(again.state, State::counted);
  EXPECT_EQ(again.key, first.key);
  EXPECT_EQ(claim("b", 1).state, State::claimed) << "another key with the same body is another batch";
}

TEST_F(BatchKeysTest, AnotherBodyIsToldSoWhetherTheFirstIsDoneOrNot) {
  BatchKeys::Claim first = claim("a", 1);
  EXPECT_EQ(claim("a", 2).state, State::other_body);
  keys_.settle(std::move(first.key));
  EXPECT_EQ(claim("a", 2).state, State::other_body);
}

TEST_F(BatchKeysTest, WhatWasReleasedMayBeSentAgain) {
  keys_.release(claim("a", 1).key.key);
  EXPECT_EQ(keys_.held(), 0U);
  EXPECT_EQ(keys_.bytes(), 0U);
  EXPECT_EQ(claim("a", 2).state, State::claimed);
}

TEST_F(BatchKeysTest, WhatIsSettledIsNotReleased) {
  count("a", 1, "{}");
  keys_.release(key_of("a"));
  EXPECT_EQ(claim("a", 1).state, State::counted);
}

TEST_F(BatchKeysTest, AKeyIsForgottenInTheSecondInWhichItExpires) {
  count("a", 1, "{}");
  EXPECT_EQ(claim("a", 1, kNow + kBatchKeyTtl_s - 1).state, State::counted);
  EXPECT_EQ(claim("a", 2, kNow + kBatchKeyTtl_s).state, State::claimed);
}

TEST_F(BatchKeysTest, AFullTableTakesNoKeyAndForgetsNone) {
  keys_.set_limits({2, SIZE_MAX});
  count("a", 1, "{}");
  count("b", 2, "{}", kNow + 10);
  EXPECT_EQ(claim("c", 3).state, State::full);
  EXPECT_EQ(claim("a", 1).state, State::counted);
  EXPECT_EQ(claim("b", 2).state, State::counted);
  EXPECT_EQ(claim("c", 3, kNow + kBatchKeyTtl_s).state, State::claimed) << "the first has expired";
  EXPECT_EQ(claim("d", 4, kNow + kBatchKeyTtl_s).state, State::full);
}

TEST_F(BatchKeysTest, BytesAreBoundedAndAClaimReservesThoseOfItsAnswer) {
  keys_.set_limits({SIZE_MAX, 2 * kBatchAnswerMax});
  BatchKeys::Claim first = claim("a", 1);
  EXPECT_GE(keys_.bytes(), kBatchAnswerMax);
  EXPECT_EQ(claim("b", 2).state, State::full);
  first.key.answer = "{}";
  keys_.settle(std::move(first.key));
  EXPECT_LT(keys_.bytes(), 500U);
  EXPECT_EQ(claim("b", 2).state, State::claimed) << "the answer was shorter than what was reserved for it";
}

TEST_F(BatchKeysTest, OfTwoRecordsTheLaterOneStandsInEitherOrder) {
  const BatchKey older{key_of("a"), body(9), kNow + 10, "older"};
  const BatchKey newer{key_of("a"), body(1), kNow + 20, "newer"};
  const BatchKey twin{key_of("a"), body(2), kNow + 20, "newer"};
  std::string expected;
  std::vector<const BatchKey*> order{&newer, &older, &twin};
  std::sort(order.begin(), order.end());
  do {
    BatchKeys keys;
    for (const BatchKey* key : order) keys.restore(*key);
    EXPECT_EQ(keys.held(), 1U);
    EXPECT_EQ(keys.claim(key_of("a"), body(2), kNow).key.answer, "newer");
    if (expected.empty()) expected = bytes_of(keys, kNow);
    EXPECT_EQ(bytes_of(keys, kNow), expected);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(BatchKeysTest, OfANameTheLatestNumberIsKept) {
  keys_.set_limits({1, SIZE_MAX});
  for (int number = 1; number < 100; ++number) {
    count("a/" + std::to_string(number), 1, "answer " + std::to_string(number), kNow + number);
    ASSERT_EQ(keys_.held(), 1U);
  }
  EXPECT_EQ(claim("a/99", 1, kNow + 99).key.answer, "answer 99");
  EXPECT_EQ(claim("a/99", 2, kNow + 99).state, State::other_body);
  EXPECT_EQ(claim("a/98", 1, kNow + 99).state, State::passed) << "a copy that was on its way somewhere";
  EXPECT_EQ(claim("a", 1, kNow + 99).state, State::passed) << "none is 0";
  EXPECT_EQ(claim("b/1", 1, kNow + 99).state, State::full);
  EXPECT_EQ(claim("a/1", 1, kNow + 99 + kBatchKeyTtl_s).state, State::claimed) << "all of it has expired";
}

TEST_F(BatchKeysTest, WhileTheNextNumberIsUnderWayTheOneBeforeIsKept) {
  count("a/1", 1, "first");
  const std::size_t one = keys_.bytes();
  const BatchKeys::Claim next = claim("a/2", 2);
  EXPECT_EQ(next.state, State::claimed);
  EXPECT_GE(keys_.bytes(), one + kBatchAnswerMax);
  EXPECT_EQ(claim("a/1", 1).key.answer, "first");
  EXPECT_EQ(claim("a/2", 2).state, State::under_way);
  EXPECT_EQ(claim("a/2", 3).state, State::other_body);
  EXPECT_EQ(claim("a/3", 3).state, State::under_way) << "one of a name at a time";
  BatchKeys saved;
  const std::string bytes = bytes_of(keys_, kNow);
  base::ByteReader in(bytes);
  ASSERT_TRUE(saved.load(in));
  EXPECT_EQ(saved.claim(key_of("a/1"), body(1), kNow).key.answer, "first");
  EXPECT_EQ(saved.claim(key_of("a/2"), body(2), kNow).state, State::claimed);
  keys_.release(key_of("a/1"));
  EXPECT_EQ(claim("a/2", 2).state, State::under_way) << "another's claim stays";
  keys_.release(key_of("a/2"));
  EXPECT_EQ(keys_.bytes(), one);
  EXPECT_EQ(claim("a/1", 1).state, State::counted) << "the block of the next was void";
  EXPECT_EQ(claim("a/3", 3).state, State::claimed);
}

TEST_F(BatchKeysTest, AClaimOutlivesTheNumberBeforeIt) {
  count("a/1", 1, "first");
  BatchKeys::Claim next = claim("a/2", 2, kNow + kBatchKeyTtl_s - 1);
  EXPECT_EQ(claim("a/1", 1, kNow + kBatchKeyTtl_s).state, State::under_way) << "it has expired, and its name is taken";
  EXPECT_EQ(keys_.held(), 1U);
  keys_.settle(std::move(next.key));
  EXPECT_EQ(claim("a/2", 2, kNow + kBatchKeyTtl_s).state, State::counted);
}

TEST_F(BatchKeysTest, OfTwoNumbersTheGreaterStandsInEitherOrderAlsoWhereAClockWasASecondBehind) {
  count("a/1", 1, "first", kNow + 10);
  count("a/2", 2, "second", kNow + 9);  // by a shard whose pass began earlier
  const std::string live = bytes_of(keys_, kNow + 10);
  const BatchKey first{key_of("a/1"), body(1), kNow + 10 + kBatchKeyTtl_s, "first"};
  const BatchKey second = claim("a/2", 2, kNow + 10).key;
  EXPECT_EQ(second.expires_s, first.expires_s) << "no earlier than the one before";
  for (const bool turned : {false, true}) {
    BatchKeys keys;
    keys.restore(turned ? second : first);
    keys.restore(turned ? first : second);
    EXPECT_EQ(bytes_of(keys, kNow + 10), live);
  }
}

TEST_F(BatchKeysTest, OnlyWhatIsSettledAndUnexpiredIsSaved) {
  count("a", 1, "first");
  count("b", 2, "second", kNow + 10);
  EXPECT_EQ(claim("c", 3).state, State::claimed);
  BatchKeys loaded;
  const std::string bytes = bytes_of(keys_, kNow + kBatchKeyTtl_s);
  base::ByteReader in(bytes);
  ASSERT_TRUE(loaded.load(in) && in.at_end());
  EXPECT_EQ(loaded.held(), 1U);
  EXPECT_EQ(loaded.claim(key_of("b"), body(2), kNow + 10).key.answer, "second");
  EXPECT_EQ(bytes_of(loaded, kNow), bytes);
}

TEST_F(BatchKeysTest, AKeyNamesItsNode) {
  EXPECT_TRUE(valid_batch_key(key_of("x")));
  EXPECT_TRUE(valid_batch_key(key_of("AZaz09._:-")));
  EXPECT_TRUE(valid_batch_key(key_of(std::string(128, 'x'))));
  EXPECT_EQ(incarnation_of(key_of("x")), kNode);
  EXPECT_TRUE(valid_batch_key(key_of("x/1")));
  EXPECT_TRUE(valid_batch_key(key_of(std::string(128, 'x') + "/" + std::string(18, '9'))));
  for (const std::string& bad :
       {std::string(), std::string("x"), kNode, kNode + "/", key_of(std::string(129, 'x')), key_of("a b"),
        key_of("a/b"), key_of("a/"), key_of("a/0"), key_of("a/01"), key_of("a/1/"), key_of("a/1/2"), key_of("/1"),
        key_of("a/-1"), key_of("a/" + std::string(19, '9')), std::string(32, 'A') + "/x", std::string(31, 'a') + "/xx",
        "\"" + key_of("x") + "\""}) {
    EXPECT_FALSE(valid_batch_key(bad)) << bad;
  }
}

// --- errors ---

TEST_F(BatchKeysTest, MalformedBytesAreNotLoaded) {
  count("a", 1, "first");
  count("b", 2, "second");
  const std::string good = bytes_of(keys_, kNow);
  for (std::size_t size = 0; size < good.size(); ++size) {
    BatchKeys keys;
    base::ByteReader in(std::string_view(good).substr(0, size));
    EXPECT_FALSE(keys.load(in)) << size;
  }
  std::string twice;
  base::ByteWriter out(twice);
  out.varint(2);
  for (int i = 0; i < 2; ++i) encode({key_of("a"), body(1), kNow, "{}"}, out);
  BatchKeys keys;
  base::ByteReader in(twice);
  EXPECT_FALSE(keys.load(in)) << "a key twice";
  std::string numbers;
  base::ByteWriter more(numbers);
  more.varint(2);
  for (const char* name : {"a/1", "a/2"}) encode({key_of(name), body(1), kNow, "{}"}, more);
  BatchKeys both;
  base::ByteReader two(numbers);
  EXPECT_FALSE(both.load(two)) << "two numbers of a name";
}

// --- against an oracle: a list that is searched from end to end ---

class Oracle {
 public:
  State claim(const std::string& name, std::uint64_t number, const BatchKey& wanted, std::int64_t now_s,
              std::size_t keys_max, std::string& answer) {
    std::erase_if(kept_, [now_s](const Kept& k) { return k.settled && k.key.expires_s <= now_s; });
    const Kept* const counted = find(name, true);
    if (counted != nullptr && number < counted->number) return State::passed;
    if (counted != nullptr && number == counted->number) {
      if (counted->key.digest != wanted.digest) return State::other_body;
      answer = counted->key.answer;
      return State::counted;
    }
    if (const Kept* const claimed = find(name, false)) {
      const bool other = claimed->number == number && claimed->key.digest != wanted.digest;
      return other ? State::other_body : State::under_way;
    }
    if (counted == nullptr && held() >= keys_max) return State::full;
    kept_.push_back({name, number, wanted, false});
    return State::claimed;
  }
  void settle(const BatchKey& key) {
    const auto at = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& k) { return k.key.key == key.key; });
    Kept now{at->name, at->number, key, true};
    std::erase_if(kept_, [&](const Kept& k) { return k.name == now.name; });
    kept_.push_back(std::move(now));
  }
  void release(const std::string& key) {
    std::erase_if(kept_, [&](const Kept& k) { return k.key.key == key; });
  }
  std::vector<BatchKey> saved(std::int64_t now_s) const {
    std::map<std::string, BatchKey> by_name;
    for (const Kept& k : kept_) {
      if (k.settled && k.key.expires_s > now_s) by_name.emplace(k.name, k.key);
    }
    std::vector<BatchKey> out;
    for (const auto& [name, key] : by_name) out.push_back(key);
    return out;
  }
  std::size_t held() const {
    std::set<std::string> names;
    for (const Kept& k : kept_) names.insert(k.name);
    return names.size();
  }

 private:
  struct Kept {
    std::string name;
    std::uint64_t number;
    BatchKey key;
    bool settled;
  };
  const Kept* find(const std::string& name, bool settled) const {
    for (const Kept& k : kept_) {
      if (k.name == name && k.settled == settled) return &k;
    }
    return nullptr;
  }

  std::vector<Kept> kept_;
};

TEST(BatchKeysRandomTest, AgreesWithTheOracle) {
  std::mt19937_64 rng(testing::rng_seed());
  const auto below = [&rng](std::uint64_t bound) { return rng() % bound; };
  for (int round = 0; round < 30; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    BatchKeys keys;
    Oracle oracle;
    const std::size_t keys_max = 3 + below(40);
    keys.set_limits({keys_max, SIZE_MAX});
    std::vector<BatchKey> claimed;  // under way
    std::vector<BatchKey> records;  // every one that was settled, as a journal would have them
    std::int64_t now_s = kNow;
    for (int step = 0; step < 1'000; ++step) {
      const std::uint64_t dice = below(100);
      if (dice < 60) {
        const std::string name = key_of(std::to_string(below(30)));
        const std::uint64_t number = below(6);
        const BatchKey wanted{number == 0 ? name : name + "/" + std::to_string(number),
                              body(static_cast<std::uint8_t>(below(2))),
                              now_s + kBatchKeyTtl_s,
                              {}};
        std::string answer;
        const State expected = oracle.claim(name, number, wanted, now_s, keys_max, answer);
        const BatchKeys::Claim got = keys.claim(wanted.key, wanted.digest, now_s);
        ASSERT_EQ(got.state, expected) << "step " << step;
        ASSERT_EQ(got.key.answer, answer);
        ASSERT_EQ(keys.held(), oracle.held());
        if (got.state == State::claimed) claimed.push_back(got.key);
      } else if (dice < 90 && !claimed.empty()) {
        const auto which = claimed.begin() + static_cast<std::ptrdiff_t>(below(claimed.size()));
        BatchKey key = *which;
        claimed.erase(which);
        if (below(4) == 0) {
          oracle.release(key.key);
          keys.release(key.key);
        } else {
          key.answer = std::string(below(50), 'x');
          oracle.settle(key);
          keys.settle(key);
          records.push_back(std::move(key));
        }
      } else if (dice < 98) {
        now_s += static_cast<std::int64_t>(below(kBatchKeyTtl_s / 10));
      } else {
        std::string expected;
        base::ByteWriter out(expected);
        const std::vector<BatchKey> saved = oracle.saved(now_s);
        out.varint(saved.size());
        for (const BatchKey& key : saved) encode(key, out);
        ASSERT_EQ(bytes_of(keys, now_s), expected);
        // What was recorded, in any order, gives the same.
        std::vector<BatchKey> shuffled = records;
        std::shuffle(shuffled.begin(), shuffled.end(), rng);
        BatchKeys replayed;
        for (const BatchKey& key : shuffled) replayed.restore(key);
        ASSERT_EQ(bytes_of(replayed, now_s), expected);
      }
    }
    for (const BatchKey& key : claimed) keys.release(key.key);
    keys.clear();
    EXPECT_EQ(keys.bytes(), 0U);
  }
}

}  // namespace
}  // namespace footfall::sites
