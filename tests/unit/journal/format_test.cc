// SPDX-License-Identifier: Apache-2.0
#include "journal/format.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "support/rng_seed.h"

namespace footfall::journal {
namespace {

SegmentHeader a_header() {
  SegmentHeader header;
  header.stream = StreamId{3};
  header.incarnation = {9, 8, 7};
  header.number = 42;
  header.generation = 0x1122334455667788U;
  header.first_sequence = 1001;
  header.durable_through = 990;
  return header;
}

std::string a_block(std::string_view payload, std::uint32_t seed) {
  std::string out;
  encode_block({17, 4, 12, 3}, payload, seed, out);
  return out;
}

void flip(std::string& bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(static_cast<unsigned char>(bytes[bit / 8]) ^ (1U << (bit % 8)));
}

TEST(FormatTest, StreamsAndSegmentsHaveNames) {
  EXPECT_EQ(directory_name(kControlStream), "control");
  EXPECT_EQ(directory_name(StreamId{1}), "hits-000");
  EXPECT_EQ(directory_name(StreamId{12}), "hits-011");
  EXPECT_EQ(directory_name(kNodesStream), "nodes");
  EXPECT_EQ(segment_name(1), "0000000001.seg");
  EXPECT_EQ(segment_name(12345678901), "12345678901.seg");
}

TEST(FormatTest, NamesAreReadBackAndNothingElseIs) {
  for (const int value : {0, 1, 2, 999, 1000, 65534, 65535}) {
    const StreamId stream{static_cast<std::uint16_t>(value)};
    EXPECT_EQ(parse_directory_name(directory_name(stream)), stream);
  }
  for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{9'999'999'999}, UINT64_MAX}) {
    EXPECT_EQ(parse_segment_name(segment_name(number)), number);
  }
  for (const char* name : {"", "hits-", "hits-0", "hits-00", "hits-0001", "hits--01", "hits-065535", "hits-65534",
                           "hits-65535", "Control"}) {
    EXPECT_FALSE(parse_directory_name(name)) << name;
  }
  for (const char* name : {"", ".seg", "1.seg", "0000000000.seg", "0000000001.seg~", "spare-1.seg", "+000000001.seg",
                           "00000000001.seg", "99999999999999999999.seg"}) {
    EXPECT_FALSE(parse_segment_name(name)) << name;
  }
}

TEST(FormatTest, ASegmentHeaderIsReadBack) {
  const std::string bytes = encode(a_header());
  EXPECT_EQ(bytes.size(), kSegmentHeaderBytes);
  const auto header = decode_segment_header(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->stream, StreamId{3});
  EXPECT_EQ(header->incarnation, a_header().incarnation);
  EXPECT_EQ(header->number, 42U);
  EXPECT_EQ(header->generation, 0x1122334455667788U);
  EXPECT_EQ(header->first_sequence, 1001U);
  EXPECT_EQ(header->durable_through, 990U);
}

// Pins the bytes: a change here is a change of format.
TEST(FormatTest, ABlockHasItsBytesWhereTheFormatSays) {
  const std::uint32_t seed = block_seed(5);
  const std::string bytes = a_block("hello", seed);
  ASSERT_EQ(bytes.size(), kBlockHeaderBytes + 5);
  base::ByteReader reader(bytes);
  const std::uint32_t crc = reader.u32();
  EXPECT_EQ(reader.u32(), 5U);   // length
  EXPECT_EQ(reader.u64(), 17U);  // sequence
  EXPECT_EQ(reader.u64(), 4U);   // control_sequence
  EXPECT_EQ(reader.u64(), 12U);  // durable_through
  EXPECT_EQ(reader.u32(), 3U);   // count
  const std::uint32_t header_crc = base::crc32c(std::string_view(bytes).substr(4, 32), seed);
  EXPECT_EQ(reader.u32(), header_crc);
  EXPECT_EQ(crc, base::crc32c("hello", header_crc));
  EXPECT_EQ(reader.raw(5), "hello");
  EXPECT_EQ(seed, base::crc32c(std::string_view("\x05\0\0\0\0\0\0\0", 8)));
}

TEST(FormatTest, ABlockIsReadBackWithBytesBehindIt) {
  const std::string bytes = a_block("hello", 99) + "what follows";
  const DecodedBlock block = decode_block(bytes, 99);
  EXPECT_EQ(block.state, BlockState::good);
  EXPECT_EQ(block.payload, "hello");
  EXPECT_EQ(block.size, kBlockHeaderBytes + 5);
  EXPECT_EQ(block.header.sequence, 17U);
  EXPECT_EQ(block.header.control_sequence, 4U);
  EXPECT_EQ(block.header.durable_through, 12U);
  EXPECT_EQ(block.header.count, 3U);
}

TEST(FormatTest, ABlockMayBeEmpty) {
  const DecodedBlock block = decode_block(a_block("", 1), 1);
  EXPECT_EQ(block.state, BlockState::good);
  EXPECT_EQ(block.payload, "");
}

// ---- Errors ----

TEST(FormatTest, EveryFlippedBitOfASegmentHeaderIsNoticed) {
  std::string bytes = encode(a_header());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    flip(bytes, bit);
    const auto header = decode_segment_header(bytes);
    ASSERT_FALSE(header) << bit;
    ASSERT_EQ(header.error().code, base::Errc::corrupt) << bit;
    flip(bytes, bit);
  }
}

TEST(FormatTest, ASegmentOfALaterReleaseIsRefusedAsSuch) {
  SegmentHeader header = a_header();
  header.version = kFormatVersion + 1;
  EXPECT_EQ(decode_segment_header(encode(header)).error().code, base::Errc::newer_format);
}

TEST(FormatTest, ASegmentHeaderThatContradictsItselfIsRefused) {
  SegmentHeader header = a_header();
  header.durable_through = header.first_sequence;
  EXPECT_FALSE(decode_segment_header(encode(header)));
  header = a_header();
  header.first_sequence = 0;
  EXPECT_FALSE(decode_segment_header(encode(header)));
}

TEST(FormatTest, EveryFlippedBitOfABlockIsNoticed) {
  std::string bytes = a_block("some payload that is not short", 1234);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    flip(bytes, bit);
    ASSERT_NE(decode_block(bytes, 1234).state, BlockState::good) << bit;
    flip(bytes, bit);
  }
}

TEST(FormatTest, EveryTruncationOfABlockIsNoticed) {
  const std::string bytes = a_block("some payload", 1234);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const DecodedBlock block = decode_block(std::string_view(bytes).substr(0, size), 1234);
    EXPECT_EQ(block.state, size < kBlockHeaderBytes ? BlockState::none : BlockState::torn) << size;
  }
}

TEST(FormatTest, ABlockOfAnotherGenerationIsNone) {
  EXPECT_EQ(decode_block(a_block("stale", block_seed(1)), block_seed(2)).state, BlockState::none);
}

TEST(FormatTest, APayloadUnderTheHeaderOfAnotherBlockIsTorn) {
  const std::string first = a_block("aaaa", 7);
  std::string second;
  encode_block({18, 4, 12, 3}, "bbbb", 7, second);
  const std::string mixed = first.substr(0, kBlockHeaderBytes) + second.substr(kBlockHeaderBytes);
  EXPECT_EQ(decode_block(mixed, 7).state, BlockState::torn);
  // Nor does it help to carry the checksum over with the payload.
  const std::string carried = second.substr(0, 4) + first.substr(4, kBlockHeaderBytes - 4) + "bbbb";
  EXPECT_EQ(decode_block(carried, 7).state, BlockState::torn);
}

TEST(FormatTest, ABlockThatClaimsToHaveBeenDurableBeforeItWasWrittenIsNone) {
  std::string bytes;
  encode_block({17, 4, 17, 3}, "x", 7, bytes);
  EXPECT_EQ(decode_block(bytes, 7).state, BlockState::none);
}

TEST(FormatTest, RandomBytesAreNoBlock) {
  std::mt19937_64 random(testing::rng_seed());
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(kBlockHeaderBytes + random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    ASSERT_NE(decode_block(bytes, static_cast<std::uint32_t>(random())).state, BlockState::good);
  }
}

}  // namespace
}  // namespace footfall::journal
