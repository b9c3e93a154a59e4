// SPDX-License-Identifier: Apache-2.0
#include "sites/batch_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
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
  for (const std::string& bad :
       {std::string(), std::string("x"), kNode, kNode + "/", key_of(std::string(129, 'x')), key_of("a b"),
        key_of("a/b"), std::string(32, 'A') + "/x", std::string(31, 'a') + "/xx", "\"" + key_of("x") + "\""}) {
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
}

// --- against an oracle: a list that is searched from end to end ---

class Oracle {
 public:
  struct Kept {
    BatchKey key;
    bool settled;
  };
  State claim(const BatchKey& wanted, std::int64_t now_s, std::size_t keys_max, std::string& answer) {
    std::erase_if(kept_, [now_s](const Kept& k) { return k.settled && k.key.expires_s <= now_s; });
    for (const Kept& k : kept_) {
      if (k.key.key != wanted.key) continue;
      if (k.key.digest != wanted.digest) return State::other_body;
      answer = k.settled ? k.key.answer : "";
      return k.settled ? State::counted : State::under_way;
    }
    if (kept_.size() >= keys_max) return State::full;
    kept_.push_back({wanted, false});
    return State::claimed;
  }
  void settle(const BatchKey& key) {
    for (Kept& k : kept_) {
      if (k.key.key == key.key) k = {key, true};
    }
  }
  void release(const std::string& key) {
    std::erase_if(kept_, [&](const Kept& k) { return k.key.key == key; });
  }
  std::vector<BatchKey> saved(std::int64_t now_s) const {
    std::vector<BatchKey> out;
    for (const Kept& k : kept_) {
      if (k.settled && k.key.expires_s > now_s) out.push_back(k.key);
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return out;
  }
  std::size_t held() const { return kept_.size(); }

 private:
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
        const BatchKey wanted{
            key_of(std::to_string(below(60))), body(static_cast<std::uint8_t>(below(2))), now_s + kBatchKeyTtl_s, {}};
        std::string answer;
        const State expected = oracle.claim(wanted, now_s, keys_max, answer);
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
