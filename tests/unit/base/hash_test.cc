// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/siphash.h"
#include "base/table_hash.h"
#include "support/rng_seed.h"

namespace footfall::base {
namespace {

std::string counting_bytes(std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(i));
  return out;
}

std::string random_text(std::mt19937_64& random, std::size_t size) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

// ---- SipHash ----

// Aumasson and Bernstein's reference: key 00 01 .. 0f, message 00 01 .. (size - 1).
TEST(HashTest, SipHash24GivesThePublishedVectors) {
  constexpr SipKey kKey{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
  constexpr std::array<std::uint64_t, 17> kBySize{
      0x726fdb47dd0e0e31U, 0x74f839c593dc67fdU, 0x0d6c8009d9a94f5aU, 0x85676696d7fb7e2dU, 0xcf2794e0277187b7U,
      0x18765564cd99a68dU, 0xcbc9466e58fee3ceU, 0xab0200f58b01d137U, 0x93f5f5799a932462U, 0x9e0082df0ba9e4b0U,
      0x7a5dbbc594ddb9f3U, 0xf4b32f46226bada7U, 0x751e8fbc860ee5fbU, 0x14ea5627c0843d90U, 0xf723ca908e7af2eeU,
      0xa129ca6149be45e5U, 0x3f2acc7f57c29bdbU};
  for (std::size_t size = 0; size < kBySize.size(); ++size) {
    EXPECT_EQ(siphash24(kKey, counting_bytes(size)), kBySize[size]) << size;
  }
  EXPECT_EQ(siphash24(kKey, counting_bytes(63)), 0x958a324ceb064572U);
}

TEST(HashTest, SipHash13GivesThePublishedVectors) {
  EXPECT_EQ(siphash13({}, ""), 0xd1fba762150c532cU);
  EXPECT_EQ(siphash13({}, std::string_view("\0", 1)), 0x68a914128e01e473U);
  EXPECT_EQ(siphash13({}, "siphash"), 0x8264ceeccb16bcbeU);
  EXPECT_EQ(siphash13({}, "digest-sip_hash"), 0xce31007e34130c0aU);
}

TEST(HashTest, SipHashDependsOnBothHalvesOfTheKey) {
  EXPECT_NE(siphash24({1, 0}, "x"), siphash24({0, 0}, "x"));
  EXPECT_NE(siphash24({0, 1}, "x"), siphash24({0, 0}, "x"));
}

TEST(HashTest, ATextMayBeHashedBehindAPrefixThatWasHashedBefore) {
  std::mt19937_64 random(testing::rng_seed());
  for (std::size_t size = 0; size < 60; ++size) {
    const SipKey key{random(), random()};
    const std::string text = random_text(random, size);
    for (std::size_t cut = 0; cut <= size; ++cut) {
      const SipPrefix24 prefix(key, std::string_view(text).substr(0, cut));
      EXPECT_EQ(prefix.size(), cut);
      EXPECT_EQ(prefix.hash(std::string_view(text).substr(cut)), siphash24(key, text)) << cut << " of " << size;
    }
  }
}

// ---- The hash of tables ----

TEST(HashTest, TheTableHashIsFixedWithinTheProcess) {
  std::mt19937_64 random(testing::rng_seed());
  for (std::size_t size = 0; size < 1100; size += 1 + size / 64) {
    const std::string text = random_text(random, size);
    for (std::size_t offset = 0; offset < 9; ++offset) {
      const std::string elsewhere = std::string(offset, 'x') + text + "y";
      EXPECT_EQ(table_hash(std::string_view(elsewhere).substr(offset, size)), table_hash(text)) << size;
    }
  }
}

TEST(HashTest, TheTableHashDependsOnEveryBitAndOnTheSize) {
  std::mt19937_64 random(testing::rng_seed());
  for (std::size_t size = 0; size < 1100; size += 1 + size / 64) {
    const std::string text = random_text(random, size);
    std::set<std::string> texts{text, text + '\0', '\0' + text};  // of no or one byte, two of them may be one
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = text;
      other[i] = static_cast<char>(static_cast<unsigned char>(text[i]) ^ 1U << random() % 8);
      texts.insert(std::move(other));
    }
    std::set<std::uint64_t> hashes;
    for (const std::string& each : texts) hashes.insert(table_hash(each));
    EXPECT_EQ(hashes.size(), texts.size()) << size;  // of 2^64: that two are equal does not happen
  }
}

// As paths are: much alike. Both ends of the hash serve as places in tables, under whatever keys a process draws.
TEST(HashTest, TheTableHashSpreadsTextsThatDifferInADigit) {
  constexpr unsigned kPlaces = 256;
  constexpr unsigned kEach = 256;
  constexpr unsigned kSetsOfKeys = 100;
  std::vector<std::string> texts;
  for (unsigned n = 0; n < kEach * kPlaces; ++n) texts.push_back("/tin-tuc/bai-viet-so-" + std::to_string(n));
  unsigned least = kEach, most = kEach;
  for (unsigned set = 0; set < kSetsOfKeys; ++set) {
    const TableHash hash_of;
    std::array<unsigned, kPlaces> low{};
    std::array<unsigned, kPlaces> high{};
    for (const std::string& text : texts) {
      const std::uint64_t hash = hash_of(text);
      ++low[hash % kPlaces];
      ++high[hash >> 56U];
    }
    for (unsigned i = 0; i < kPlaces; ++i) {  // 256 expected, give or take 16; ten times that is out of the question
      EXPECT_NEAR(low[i], kEach, 160) << i;
      EXPECT_NEAR(high[i], kEach, 160) << i;
      least = std::min({least, low[i], high[i]});
      most = std::max({most, low[i], high[i]});
    }
  }
  std::cout << kSetsOfKeys << " sets of keys: " << least << " to " << most << " in a place, of " << kEach << '\n';
}

TEST(HashTest, TheTableHashOfTheProcessHasKeysOfItsOwn) {
  EXPECT_NE(table_hash("/"), TableHash()("/"));  // of 2^64: that two are equal does not happen
}

// ---- MurmurHash64A ----

TEST(HashTest, Murmur64aGivesValuesOfOtherImplementations) {
  EXPECT_EQ(murmur64a("fransisco", 1), 0x083fdaf4a6d0d3d9U);
  EXPECT_EQ(murmur64a("aaaa", 0x9747b28c), 0x41da53fdabaf04c8U);
  EXPECT_EQ(murmur64a("hash me", 22), 15828218858260124487U);
  EXPECT_EQ(murmur64a("", 0xadc83b19), 0xd8dfea6585bc9732U);
}

// The definition, byte by byte, as the slow oracle.
std::uint64_t murmur_by_definition(std::string_view bytes, std::uint64_t seed) {
  constexpr std::uint64_t kM = 0xc6a4a7935bd1e995U;
  const auto word_at = [&](std::size_t from, std::size_t size) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) {
      word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[from + i])) << (8 * i);
    }
    return word;
  };
  std::uint64_t h = seed ^ (bytes.size() * kM);
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t k = word_at(at, 8);
    k *= kM;
    k ^= k >> 47U;
    k *= kM;
    h ^= k;
    h *= kM;
  }
  if (at < bytes.size()) {
    h ^= word_at(at, bytes.size() - at);
    h *= kM;
  }
  h ^= h >> 47U;
  h *= kM;
  h ^= h >> 47U;
  return h;
}

TEST(HashTest, Murmur64aAgreesWithItsDefinitionAtEveryLength) {
  std::mt19937_64 random(testing::rng_seed());
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string text = random_text(random, size);
    EXPECT_EQ(murmur64a(text, size), murmur_by_definition(text, size)) << size;
  }
}

TEST(HashTest, Murmur64aOfAWordIsThatOfItsBytesLowestFirst) {
  std::mt19937_64 random(testing::rng_seed());
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t word = random();
    std::string bytes;
    for (unsigned shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(word >> shift & 0xFFU);
    EXPECT_EQ(murmur64a(word, 0xadc83b19U), murmur_by_definition(bytes, 0xadc83b19U)) << word;
  }
}

// ---- CRC32C ----

struct CrcVector {
  std::string bytes;
  std::uint32_t crc;
};

std::array<CrcVector, 6> crc_vectors() {
  const std::string ascending = counting_bytes(32);
  return {CrcVector{"", 0},
          {"123456789", 0xe3069283U},
          {std::string(32, '\0'), 0x8a9136aaU},  // from here on: RFC 3720, appendix B.4
          {std::string(32, '\xff'), 0x62a8ab43U},
          {ascending, 0x46dd794eU},
          {std::string(ascending.rbegin(), ascending.rend()), 0x113fdb5cU}};
}

TEST(HashTest, Crc32cGivesThePublishedVectors) {
  for (const CrcVector& vector : crc_vectors()) EXPECT_EQ(crc32c(vector.bytes), vector.crc) << vector.bytes.size();
}

TEST(HashTest, Crc32cByTablesGivesThePublishedVectors) {
  for (const CrcVector& vector : crc_vectors()) {
    EXPECT_EQ(crc32c_tables(vector.bytes), vector.crc) << vector.bytes.size();
  }
}

TEST(HashTest, Crc32cByTablesEqualsTheInstructionAtEveryLengthAndAlignment) {
  std::mt19937_64 random(testing::rng_seed());
  const std::string text = random_text(random, 4096);
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string_view piece = std::string_view(text).substr(random() % 64, size);
    const auto seed = static_cast<std::uint32_t>(random());
    ASSERT_EQ(crc32c(piece, seed), crc32c_tables(piece, seed)) << size;
    ASSERT_EQ(crc32c_before(piece, crc32c(piece, seed)), seed) << size;
  }
  EXPECT_EQ(crc32c(text), crc32c_tables(text));
}

TEST(HashTest, Crc32cMayBeComputedPieceByPiece) {
  std::mt19937_64 random(testing::rng_seed());
  const std::string text = random_text(random, 1000);
  const std::string_view view = text;
  for (std::size_t cut = 0; cut <= view.size(); cut += 37) {
    EXPECT_EQ(crc32c(view.substr(cut), crc32c(view.substr(0, cut))), crc32c(view)) << cut;
  }
}

TEST(HashTest, Crc32cNoticesEverySingleFlippedBit) {
  std::string text = counting_bytes(100);
  const std::uint32_t good = crc32c(text);
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    const auto mask = static_cast<char>(1U << (bit % 8));
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ mask);
    EXPECT_NE(crc32c(text), good) << bit;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ mask);
  }
}

// ---- Random numbers ----

TEST(HashTest, RandomNumbersDiffer) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_u64());
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(HashTest, MixingIsABijectionOnASample) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 10'000; ++i) seen.insert(mix64(i));
  EXPECT_EQ(seen.size(), 10'000U);
  EXPECT_EQ(mix64(0), 0U);
}

}  // namespace
}  // namespace footfall::base
