// SPDX-License-Identifier: Apache-2.0
#include "journal/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "journal_fixture.h"

namespace footfall::journal {
namespace {

class ReaderTest : public JournalFixture {
 protected:
  // Where the blocks of `payloads` begin in a segment that begins with them; one more for the end.
  static std::vector<std::size_t> offsets(const std::vector<std::string>& payloads) {
    std::vector<std::size_t> out{kSegmentHeaderBytes};
    for (const std::string& payload : payloads) out.push_back(out.back() + kBlockHeaderBytes + payload.size());
    return out;
  }
  static bool is_prefix(const std::vector<std::string>& prefix, const std::vector<std::string>& whole) {
    return prefix.size() <= whole.size() && std::equal(prefix.begin(), prefix.end(), whole.begin());
  }
};

TEST_F(ReaderTest, AnAbsentStreamIsEmpty) {
  const Reading reading = read(5);
  ASSERT_FALSE(reading.error);
  EXPECT_EQ(reading.result.end.sequence, 5U);
  EXPECT_EQ(reading.result.blocks, 0U);
}

TEST_F(ReaderTest, OnlyBlocksBehindThePositionAreVisited) {
  open();
  append_all({"a", "b"});
  roll();
  append_all({"c", "d"});
  expect_read({"a", "b", "c", "d"}, 0);
  expect_read({"b", "c", "d"}, 1);
  expect_read({"c", "d"}, 2);
  expect_read({"d"}, 3);
  expect_read({}, 4);
}

TEST_F(ReaderTest, TheHeaderOfABlockIsHandedOver) {
  open();
  append("a");
  sync();
  ASSERT_TRUE(writer_->append("bb", 12, 34));
  std::vector<BlockHeader> headers;
  ReadOptions options;
  options.incarnation = kIncarnation;
  const auto result = read_stream(files_, directory_, kHits, options, [&](const BlockHeader& header, std::string_view) {
    headers.push_back(header);
    return base::Result<void>{};
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(result->blocks, 2U);
  EXPECT_EQ(result->hits, 13U);
  EXPECT_EQ(result->end, (Position{1, 2}));
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[1].sequence, 2U);
  EXPECT_EQ(headers[1].count, 12U);
  EXPECT_EQ(headers[1].control_sequence, 34U);
  EXPECT_EQ(headers[1].durable_through, 1U);
}

TEST_F(ReaderTest, AnErrorOfTheVisitorEndsTheWalk) {
  open();
  append_all({"a", "b", "c"});
  ReadOptions options;
  options.incarnation = kIncarnation;
  int visits = 0;
  const auto result = read_stream(files_, directory_, kHits, options, [&](const BlockHeader&, std::string_view) {
    ++visits;
    return visits < 2 ? base::Result<void>{} : base::Error{base::Errc::malformed, "a record"};
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, base::Errc::malformed);
  EXPECT_EQ(visits, 2);
}

TEST_F(ReaderTest, ReadingStopsBehindTheGivenSegment) {
  open();
  append("a");
  roll();
  append("b");
  roll();
  append("c");
  EXPECT_EQ(read(0, 0).payloads.size(), 0U);
  EXPECT_EQ(read(0, 1).payloads.size(), 1U);
  EXPECT_EQ(read(0, 2).payloads.size(), 2U);
  EXPECT_EQ(read(1, 2).payloads, std::vector<std::string>{"b"});
}

TEST_F(ReaderTest, OtherFilesInTheDirectoryAreNoneOfItsBusiness) {
  open();
  append("a");
  for (const char* name : {"README", "spare-9.seg", "0000000001.seg.bak", "lost+found"}) {
    ASSERT_TRUE(files_.open(directory_ + "/" + name, base::OpenMode::create));
  }
  expect_read({"a"});
}

TEST_F(ReaderTest, StreamsAreListedInOrder) {
  for (const char* name : {"hits-001", "control", "hits-000", "hits-010", "other"}) {
    ASSERT_TRUE(files_.make_directory(std::string("/journal/") + name));
  }
  EXPECT_EQ(*list_streams(files_, "/journal"), (std::vector<StreamId>{{0}, {1}, {2}, {11}}));
  EXPECT_TRUE(list_streams(files_, "/nowhere")->empty());
}

// ---- Segments that are gone ----

TEST_F(ReaderTest, SegmentsThatAreCoveredMayBeGone) {
  open();
  append_all({"a", "b"});
  roll();
  append("c");
  ASSERT_TRUE(files_.remove(segment(1)));
  expect_read({"c"}, 2);
  expect_read({}, 3);
}

TEST_F(ReaderTest, SegmentsThatAreCoveredMayBeDamaged) {
  open();
  append_all({"a", "b"});
  roll();
  append("c");
  damage(1, 100);                      // its header
  damage(1, kSegmentHeaderBytes + 1);  // and a block
  expect_read({"c"}, 2);
  expect_corrupt(segment_name(1), 1);
}

TEST_F(ReaderTest, SegmentsThatAreGoneAndNotCoveredAreCorruption) {
  open();
  append_all({"a", "b"});
  sync();
  roll();
  append("c");
  ASSERT_TRUE(files_.remove(segment(1)));
  expect_corrupt("begins with block 3", 1);
  expect_corrupt("begins with block 3", 0);
}

TEST_F(ReaderTest, ASegmentMissingInTheMiddleIsCorruption) {
  open();
  for (const char* payload : {"a", "b", "c"}) {
    append(payload);
    sync();
    roll();
  }
  ASSERT_TRUE(files_.remove(segment(2)));
  expect_corrupt("0000000002.seg is missing");
  expect_read({"c"}, 2);  // unless it is covered
}

// Two rolls without a sync between them, and the device kept the second name alone.
TEST_F(ReaderTest, ASegmentWhoseNameNeverReachedTheDeviceEndsTheStream) {
  open();
  append("a");
  sync();
  for (const char* payload : {"b", "c"}) {
    roll();
    append(payload);
  }
  ASSERT_TRUE(files_.remove(segment(2)));
  expect_read({"a"});
  open(read().result.end);
  append("d");
  expect_read({"a", "d"});
}

// ---- The tail ----

TEST_F(ReaderTest, EveryTruncationOfTheLastSegmentGivesThePrefix) {
  const std::vector<std::string> first{"in the first", "segment"};
  const std::vector<std::string> last{"a", "", "three", std::string(200, 'x'), "five"};
  open();
  append_all(first);
  roll();
  append_all(last);
  const std::string whole = bytes(2);
  const std::vector<std::size_t> ends = offsets(last);
  for (std::size_t size = 0; size <= ends.back() + 10; ++size) {
    bytes(2).resize(size);
    std::vector<std::string> expected = first;
    for (std::size_t i = 0; i < last.size() && ends[i + 1] <= size; ++i) expected.push_back(last[i]);
    const Reading reading = read();
    ASSERT_FALSE(reading.error) << size << ": " << to_string(*reading.error);
    ASSERT_EQ(reading.payloads, expected) << size;
    bytes(2) = whole;
  }
}

TEST_F(ReaderTest, TheBytesOfATornBlockAreReported) {
  open();
  append_all({"whole", "torn to pieces"});
  EXPECT_EQ(read().result.torn_bytes, 0U);
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 5 + 3);
  const Reading reading = read();
  EXPECT_EQ(reading.payloads, std::vector<std::string>{"whole"});
  EXPECT_EQ(reading.result.torn_bytes, kBlockHeaderBytes + 14);
}

TEST_F(ReaderTest, TheBytesOfABlockWhoseHeaderIsCutOffAreReported) {
  open();
  append_all({"whole", "cut"});
  bytes(1).resize(kSegmentHeaderBytes + kBlockHeaderBytes + 5 + 17);
  const Reading reading = read();
  ASSERT_FALSE(reading.error);
  EXPECT_EQ(reading.payloads, std::vector<std::string>{"whole"});
  EXPECT_EQ(reading.result.torn_bytes, 17U);
}

TEST_F(ReaderTest, GoodBlocksBehindATornOneAreCutToo) {
  open();
  append_all({"a", "b", "c"});
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 1);
  const Reading reading = read();
  ASSERT_FALSE(reading.error);
  EXPECT_EQ(reading.payloads, std::vector<std::string>{"a"});
  EXPECT_EQ(reading.result.torn_bytes, 2 * (kBlockHeaderBytes + 1));
}

TEST_F(ReaderTest, ATornEndOfASegmentCutsTheSegmentsBehindIt) {
  open();
  append_all({"a", "b"});
  roll();
  append("c");
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 1);
  const Reading reading = read();
  ASSERT_FALSE(reading.error);
  EXPECT_EQ(reading.payloads, std::vector<std::string>{"a"});
  // And it stays so when the journal has gone on.
  open(reading.result.end);
  append("d");
  expect_read({"a", "d"});
  EXPECT_EQ(writer_->position(), (Position{3, 2}));
}

TEST_F(ReaderTest, ASegmentWhoseHeaderNeverReachedTheDeviceHoldsNothing) {
  open();
  append("a");
  roll();
  append("b");
  bytes(2).replace(0, kSegmentHeaderBytes, std::string(kSegmentHeaderBytes, '\0'));
  expect_read({"a"});
  open(read().result.end);
  append("c");
  expect_read({"a", "c"});
}

TEST_F(ReaderTest, AnEmptyFirstSegmentFileIsAnEmptyStream) {
  open();
  bytes(1).clear();
  expect_read({});
}

// ---- Corruption ----

TEST_F(ReaderTest, DamageBeforeWhatALaterBlockCallsDurableIsCorruption) {
  open();
  append_all({"a", "b"});
  sync();
  append("c");  // says: durable through 2
  damage(1, kSegmentHeaderBytes + kBlockHeaderBytes);
  expect_corrupt("block 1 is damaged or missing, although blocks up to 2");
}

TEST_F(ReaderTest, DamageBehindWhatALaterBlockCallsDurableIsATornTail) {
  open();
  append("a");
  sync();
  append_all({"b", "c"});
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 1);
  expect_read({"a"});
}

TEST_F(ReaderTest, DamageBeforeWhatALaterSegmentCallsDurableIsCorruption) {
  open();
  append_all({"a", "b"});
  open(Position{1, 2});  // a restart: what was there is durable now
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 1);
  expect_corrupt(segment_name(1) + ": at offset");
}

TEST_F(ReaderTest, ADamagedBlockHeaderIsSteppedOverToFindTheEvidence) {
  open();
  append_all({"a", "b"});
  sync();
  append("c");
  damage(1, kSegmentHeaderBytes + 5);  // the length of the first block
  expect_corrupt("block 1");
}

TEST_F(ReaderTest, ASegmentCutShortBeforeADurableBlockIsCorruption) {
  open();
  append_all({"a", "b"});
  sync();
  roll();
  append("c");
  bytes(1).resize(kSegmentHeaderBytes + kBlockHeaderBytes + 1);
  expect_corrupt("block 2");
}

TEST_F(ReaderTest, ASegmentOfAnotherDataDirectoryIsRefused) {
  open();
  append("a");
  writer_.reset();
  WriterOptions foreign = writer_options();
  foreign.incarnation[0] = 99;
  ASSERT_TRUE(Writer::open(files_, foreign, Position{1, 1}));
  expect_corrupt("another data directory");
}

TEST_F(ReaderTest, ASegmentOfAnotherStreamIsRefused) {
  WriterOptions other = writer_options();
  other.stream = StreamId{2};
  ASSERT_TRUE(Writer::open(files_, other, {}));
  expect_corrupt("hits-001");
}

TEST_F(ReaderTest, ASegmentUnderAnotherNumberIsRefused) {
  open();
  append("a");
  ASSERT_TRUE(files_.rename(segment(1), segment(2)));
  expect_corrupt("was written as 0000000001.seg");
  expect_corrupt("move this one out of the directory");
  EXPECT_TRUE(read_accepting().error);  // what belongs there may be near
}

TEST_F(ReaderTest, ALastSegmentThatIsShorterThanAnyIsMadeIsTold) {
  segment_bytes_ = kSegmentBytesMin;
  open();
  append("a");
  roll();
  append_all({"b", "c"});
  EXPECT_FALSE(read().result.cut_off);
  for (const std::size_t size : {std::size_t{5000}, kSegmentHeaderBytes, std::size_t{100}, std::size_t{0}}) {
    bytes(2).resize(size);
    const Reading reading = read();
    ASSERT_FALSE(reading.error) << to_string(*reading.error);
    ASSERT_TRUE(reading.result.cut_off);
    EXPECT_EQ(*reading.result.cut_off, (CutOff{segment(2), size}));
  }
}

TEST_F(ReaderTest, ASegmentOfALaterReleaseIsRefusedAsSuch) {
  open();
  SegmentHeader header;
  header.version = kFormatVersion + 1;
  bytes(1).replace(0, kSegmentHeaderBytes, encode(header));
  const Reading reading = read();
  ASSERT_TRUE(reading.error);
  EXPECT_EQ(reading.error->code, base::Errc::newer_format);
}

// ---- What is lost ----

TEST_F(ReaderTest, CorruptionSaysWhatItMeansInHits) {
  open();
  append_all({"a", "b", "c"});
  roll();
  append_all({"d", "e"});
  open(Position{2, 5});
  append("f");
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 1);  // the payload of b
  expect_corrupt("lost or in doubt are 5 blocks with 5 hits; restore a backup, or start with --accept-loss true");
  expect_corrupt("lost or in doubt are 4 blocks with 4 hits", 2);  // b is covered, c is not
  expect_read({"d", "e", "f"}, 3);
}

TEST_F(ReaderTest, WhatCannotBeReadIsSaidToBeUnknown) {
  open();
  append_all({"a", "b", "c"});
  open(Position{1, 3});
  damage(1, kSegmentHeaderBytes + kBlockHeaderBytes + 1 + 5);  // the header of b
  expect_corrupt("are 2 blocks: 1 hits in the 1 whose headers can be read, and an unknown number in the other 1");
}

TEST_F(ReaderTest, WhoAcceptsTheLossGetsWhatIsBeforeIt) {
  open();
  append_all({"a", "b", "c"});
  roll();
  append("d");
  open(Position{2, 4});
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 1);
  const Reading reading = read_accepting();
  ASSERT_FALSE(reading.error);
  EXPECT_EQ(reading.payloads, std::vector<std::string>{"a"});
  EXPECT_EQ(reading.result.end, (Position{1, 1}));
  ASSERT_TRUE(reading.result.loss);
  EXPECT_EQ(reading.result.loss->blocks, 3U);
  EXPECT_EQ(reading.result.loss->hits, 3U);
  EXPECT_EQ(reading.result.loss->begun, 1U);
  EXPECT_EQ(reading.result.loss->segments, (std::vector<std::uint64_t>{2, 3}));
}

TEST_F(ReaderTest, AnUnreadableSegmentIsCutWithThoseBehindIt) {
  open();
  for (const char* payload : {"a", "b", "c"}) {
    append(payload);
    roll();
  }
  sync();
  damage(2, 100);
  Reading reading = read_accepting();
  ASSERT_FALSE(reading.error);
  EXPECT_EQ(reading.payloads, std::vector<std::string>{"a"});
  ASSERT_TRUE(reading.result.loss);
  EXPECT_EQ(reading.result.loss->blocks, 2U);
  EXPECT_EQ(reading.result.loss->unreadable_blocks, 1U);
  EXPECT_FALSE(reading.result.loss->begun);
  EXPECT_EQ(reading.result.loss->segments, (std::vector<std::uint64_t>{2, 3, 4}));
  EXPECT_FALSE(reading.result.loss->open_ended);
  damage(4, 100);
  expect_corrupt("and what the last segment held, which nobody can tell");
  ASSERT_TRUE(files_.remove(segment(2)));
  reading = read_accepting();
  ASSERT_TRUE(reading.result.loss);
  EXPECT_EQ(reading.result.loss->segments, (std::vector<std::uint64_t>{3, 4}));
}

// "refused" was answered 503, since its sync failed; the header behind it says so, and is damaged.
class RefusedBlocksTest : public ReaderTest {
 protected:
  void refuse_and_go_on(const std::string& with) {
    open();
    append("kept");
    sync();
    append("refused");
    files_.fail_syncs();
    ASSERT_FALSE(writer_->sync());
    files_.heal();
    ASSERT_TRUE(writer_->reopen(writer_->durable_through()));
    if (!with.empty()) append(with);
    sync();
  }
  void expect_refused_stay_out() {
    const Reading reading = read_accepting();
    ASSERT_FALSE(reading.error) << to_string(*reading.error);
    EXPECT_EQ(reading.payloads, std::vector<std::string>{"kept"});
    EXPECT_EQ(reading.result.loss->doubtful_blocks, 0U);
  }
};

TEST_F(RefusedBlocksTest, StayOutWhereTheFirstBlockBehindADamagedHeaderTellsWhichTheyAre) {
  refuse_and_go_on("taken");
  for (std::size_t at = 48; at < 64; ++at) damage(2, at);  // first_sequence, durable_through
  expect_refused_stay_out();
}

TEST_F(RefusedBlocksTest, StayOutWhereTheGenerationIsLost) {
  refuse_and_go_on("taken");
  for (std::size_t at = 40; at < 48; ++at) damage(2, at);
  expect_refused_stay_out();
}

TEST_F(RefusedBlocksTest, StayOutWhereNoBlockIsBehindABitThatIsTurned) {
  for (const std::size_t at : {0U, 40U, 48U, 56U, 4092U}) {
    files_.remove_all();
    (void)files_.make_directory("/journal");
    refuse_and_go_on("");
    damage(2, at);
    expect_refused_stay_out();
  }
}

TEST_F(RefusedBlocksTest, StayOutWhereTheSegmentBehindAnEmptyOneTellsWhichTheyAre) {
  refuse_and_go_on("");
  open(Position{2, 1});  // a third one, from the same sequence on
  for (std::size_t at = 40; at < 48; ++at) damage(2, at);
  const Reading reading = read_accepting();
  ASSERT_FALSE(reading.error) << to_string(*reading.error);
  EXPECT_EQ(reading.payloads, std::vector<std::string>{"kept"});
}

TEST_F(RefusedBlocksTest, CountAndAreNamedWhereNothingTells) {
  refuse_and_go_on("");
  for (std::size_t at = 40; at < 48; ++at) damage(2, at);  // and no block is behind it
  const Reading reading = read_accepting();
  ASSERT_FALSE(reading.error) << to_string(*reading.error);
  EXPECT_EQ(reading.payloads, (std::vector<std::string>{"kept", "refused"}));
  EXPECT_EQ(reading.result.loss->doubtful_blocks, 1U);
  EXPECT_EQ(reading.result.loss->doubtful_hits, 1U);
  EXPECT_NE(describe(*reading.result.loss, kHits).find("may have been refused"), std::string::npos);
}

TEST_F(ReaderTest, ABlockThatIsNotTrustedIsCutLikeADamagedOne) {
  open();
  append_all({"a", "b", "c"});
  ReadOptions options;
  options.incarnation = kIncarnation;
  options.trust = [](const BlockHeader& block) {
    return block.sequence < 2 ? base::Result<void>{} : base::Error{base::Errc::corrupt, "the reason"};
  };
  const auto nothing = [](const BlockHeader&, std::string_view) { return base::Result<void>{}; };
  const auto refused = read_stream(files_, directory_, kHits, options, nothing);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("the reason; lost or in doubt are 2 blocks"), std::string::npos);
  options.accept_loss = true;
  const auto result = read_stream(files_, directory_, kHits, options, nothing);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->blocks, 1U);
  ASSERT_TRUE(result->loss);
  EXPECT_EQ(result->loss->hits, 2U);
}

TEST_F(ReaderTest, ATornTailIsNoLoss) {
  open();
  append_all({"a", "b"});
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 1);
  const Reading reading = read_accepting();
  EXPECT_EQ(reading.payloads, std::vector<std::string>{"a"});
  EXPECT_FALSE(reading.result.loss);
  EXPECT_EQ(reading.result.torn_bytes, kBlockHeaderBytes + 1);
}

// ---- Every bit ----

// All bits of a journal of three segments, one after the other: never a payload that was not written, and where the
// damage is before a durable block, always an error.
TEST_F(ReaderTest, EveryFlippedBitIsNoticedOrCutsTheTail) {
  segment_bytes_ = kSegmentHeaderBytes + 400;
  const std::vector<std::string> payloads{"one", std::string(40, '2'), "three", std::string(60, '4'), "five", "six",
                                          "7"};
  open();
  append_all({payloads[0], payloads[1]});
  sync();
  append(payloads[2]);
  roll();
  append_all({payloads[3], payloads[4]});
  sync();
  roll();
  append_all({payloads[5], payloads[6]});
  ASSERT_EQ(writer_->position(), (Position{3, 7}));
  const std::uint64_t durable = writer_->durable_through();
  expect_read(payloads);
  std::size_t errors = 0;
  std::size_t cuts = 0;
  std::size_t harmless = 0;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    std::string& segment_bytes = bytes(number);
    for (std::size_t bit = 0; bit < segment_bytes.size() * 8; ++bit) {
      const auto mask = static_cast<unsigned char>(1U << (bit % 8));
      char& byte = segment_bytes[bit / 8];
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ mask);
      const Reading reading = read();
      if (reading.error) {
        const Reading accepted = read_accepting();
        ASSERT_FALSE(accepted.error) << "segment " << number << " bit " << bit;
        ASSERT_EQ(accepted.payloads, reading.payloads) << "segment " << number << " bit " << bit;
        ASSERT_TRUE(accepted.result.loss) << "segment " << number << " bit " << bit;
        ASSERT_LE(accepted.payloads.size() + accepted.result.loss->blocks, payloads.size());
        if (!accepted.result.loss->open_ended) {
          ASSERT_GE(accepted.payloads.size() + accepted.result.loss->blocks, durable);
        }
      }
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ mask);
      ASSERT_TRUE(is_prefix(reading.payloads, payloads)) << "segment " << number << " bit " << bit;
      if (reading.error) {
        ++errors;
      } else if (reading.payloads.size() < payloads.size()) {
        ++cuts;
        ASSERT_GE(reading.payloads.size(), durable) << "segment " << number << " bit " << bit;
      } else {
        ++harmless;  // behind the last block
      }
    }
  }
  EXPECT_GE(errors, 3 * kSegmentHeaderBytes * 8);
  EXPECT_EQ(cuts, 8 * (2 * kBlockHeaderBytes + payloads[5].size() + payloads[6].size()));
  EXPECT_GT(harmless, 0U);
}

}  // namespace
}  // namespace footfall::journal
