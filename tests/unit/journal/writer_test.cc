// SPDX-License-Identifier: Apache-2.0
#include "journal/writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "journal/departed.h"
#include "journal_fixture.h"
#include "support/rng_seed.h"
#include "support/temporary_directory.h"

namespace footfall::journal {
namespace {

class WriterTest : public JournalFixture {
 protected:
  // Once; the disk is well again afterwards.
  void sync_fails() {
    files_.fail_syncs();
    EXPECT_FALSE(writer_->sync());
    files_.heal();
  }
  std::vector<std::string> file_names() { return *files_.list(directory_); }
  std::size_t count_files(std::string_view prefix) {
    const auto names = file_names();
    return static_cast<std::size_t>(std::count_if(
        names.begin(), names.end(), [prefix](const std::string& name) { return name.starts_with(prefix); }));
  }
};

TEST_F(WriterTest, WhatIsAppendedIsReadInOrder) {
  open();
  append_all({"one", "", "three"});
  expect_read({"one", "", "three"});
  EXPECT_EQ(writer_->position(), (Position{1, 3}));
  EXPECT_EQ(writer_->bytes_written(), 3 * kBlockHeaderBytes + 8);
}

TEST_F(WriterTest, AnAppendIsOneWriteAndNoSync) {
  open();
  append("warm");
  const std::uint64_t writes = files_.writes();
  const std::uint64_t syncs = files_.syncs();
  append_all({"a", "b", "c"});
  EXPECT_EQ(files_.writes(), writes + 3);
  EXPECT_EQ(files_.syncs(), syncs);
}

TEST_F(WriterTest, ASegmentThatIsFullIsFollowedByTheNext) {
  open();
  std::vector<std::string> payloads;
  payloads.reserve(30);
  for (int i = 0; i < 30; ++i) payloads.emplace_back(2000, static_cast<char>('a' + i % 26));
  append_all(payloads);
  expect_read(payloads);
  EXPECT_GT(writer_->position().segment, 4U);
  for (std::uint64_t number = 1; number <= writer_->position().segment; ++number) {
    EXPECT_EQ(bytes(number).size(), segment_bytes_);
  }
}

TEST_F(WriterTest, ABlockFillsASegmentToTheLastByte) {
  open();
  append(std::string(segment_bytes_ - kSegmentHeaderBytes - kBlockHeaderBytes, 'x'));
  EXPECT_EQ(writer_->position().segment, 1U);
  append("y");
  EXPECT_EQ(writer_->position().segment, 2U);
  EXPECT_EQ(read().payloads.size(), 2U);
}

TEST_F(WriterTest, ABlockLargerThanASegmentGetsOneThatHoldsIt) {
  open();
  append("small");
  const std::string large(kPayloadMax, 'L');
  append(large);
  append("after");
  expect_read({"small", large, "after"});
  EXPECT_EQ(writer_->position(), (Position{3, 3}));
}

TEST_F(WriterTest, RollingClosesTheSegment) {
  open();
  append_all({"a", "b"});
  const auto closed = writer_->roll();
  ASSERT_TRUE(closed);
  EXPECT_EQ(*closed, (Position{1, 2}));
  append("c");
  EXPECT_EQ(writer_->position(), (Position{2, 3}));
  expect_read({"a", "b", "c"});
  EXPECT_EQ(read(0, closed->segment).payloads, (std::vector<std::string>{"a", "b"}));
}

TEST_F(WriterTest, RollingAnEmptySegmentDoesNothing) {
  open();
  EXPECT_EQ(*writer_->roll(), (Position{0, 0}));
  append("a");
  roll();
  EXPECT_EQ(*writer_->roll(), (Position{1, 1}));
  EXPECT_EQ(count_files("0"), 2U);
}

TEST_F(WriterTest, RollingNeedsNoDevice) {
  open();
  append("a");
  const std::uint64_t syncs = files_.syncs();
  roll();
  EXPECT_EQ(files_.syncs(), syncs);
}

TEST_F(WriterTest, ARestartContinuesBehindWhatWasRead) {
  open();
  append_all({"a", "b"});
  open(read().result.end);
  EXPECT_EQ(writer_->durable_through(), 2U);
  append("c");
  expect_read({"a", "b", "c"});
  EXPECT_EQ(writer_->position(), (Position{2, 3}));
}

TEST_F(WriterTest, ARestartDoesNotBringBackWhatWasCut) {
  open();
  append_all({"a", "lost"});
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 2);  // in the payload of the second
  open(read().result.end);
  damage(1, kSegmentHeaderBytes + 2 * kBlockHeaderBytes + 2);  // the second is whole again
  append("b");
  expect_read({"a", "b"});
}

TEST_F(WriterTest, SyncingMakesDurableWhatWasAppended) {
  open();
  append_all({"a", "b"});
  EXPECT_EQ(writer_->durable_through(), 0U);
  sync();
  EXPECT_EQ(writer_->durable_through(), 2U);
  append("c");
  EXPECT_EQ(writer_->durable_through(), 2U);
}

TEST_F(WriterTest, SyncingTwiceCostsNothing) {
  open();
  append("a");
  sync();
  const std::uint64_t syncs = files_.syncs();
  sync();
  EXPECT_EQ(files_.syncs(), syncs);
}

TEST_F(WriterTest, SyncingReachesSegmentsThatWereClosedSince) {
  open();
  append("a");
  roll();
  append("b");
  roll();
  const std::uint64_t syncs = files_.syncs();
  sync();
  EXPECT_EQ(files_.syncs(), syncs + 4);  // three files and the directory
}

// A block that begins a page that was written before changes no extent, which its sync would have to wait for.
TEST_F(WriterTest, ABlockIsFollowedByZerosOnceInAWhileAndNotBeyondTheSegment) {
  segment_bytes_ = kWriteAhead + kWriteAhead / 2;
  open();
  append("one");
  EXPECT_EQ(bytes(1).find_first_not_of('\0', kSegmentHeaderBytes + kBlockHeaderBytes + 3), std::string::npos);
  append("two");
  EXPECT_EQ(files_.log().back().bytes->size(), kBlockHeaderBytes + 3);
  append(std::string(kWriteAhead, 'x'));
  EXPECT_EQ(bytes(1).size(), segment_bytes_);
  expect_read({"one", "two", std::string(kWriteAhead, 'x')});
}

// ---- Recycling ----

TEST_F(WriterTest, ARecycledFileIsUsedAgain) {
  open();
  append("a");
  roll();
  ASSERT_TRUE(writer_->recycle(1));
  EXPECT_EQ(count_files("spare-"), 1U);
  sync();  // only now may it be used
  append("b");
  roll();
  EXPECT_EQ(count_files("spare-"), 0U);
  append("c");
  expect_read({"b", "c"}, 1);
}

TEST_F(WriterTest, ARecycledFileIsNotUsedBeforeItsEmptyHeaderIsOnTheDevice) {
  open();
  append("a");
  roll();
  ASSERT_TRUE(writer_->recycle(1));
  append("b");
  roll();
  EXPECT_EQ(count_files("spare-"), 1U);
}

TEST_F(WriterTest, StaleBlocksOfARecycledFileAreNeverRead) {
  segment_bytes_ = 2 * kWriteAhead;
  open();
  append(std::string(kWriteAhead - kSegmentHeaderBytes - kBlockHeaderBytes, 's'));
  for (int i = 0; i < 100; ++i) append("stale stale stale " + std::to_string(i));
  const std::string old = bytes(1);
  roll();
  ASSERT_TRUE(writer_->recycle(1));
  sync();
  append("x");
  roll();
  const std::uint64_t before = writer_->position().sequence;
  const std::string fresh(kWriteAhead - kSegmentHeaderBytes - kBlockHeaderBytes, 'f');
  append(fresh);
  ASSERT_EQ(writer_->position().segment, 3U);
  // The file is the old one: right behind the fresh block, no zeros between, its bytes are there still.
  ASSERT_EQ(bytes(3).substr(kWriteAhead), old.substr(kWriteAhead));
  const Reading reading = read(before);
  ASSERT_FALSE(reading.error);
  EXPECT_EQ(reading.payloads, std::vector<std::string>{fresh});
  EXPECT_EQ(reading.result.torn_bytes, 0U);
}

// The worst case: the stale block stands exactly where the next one will, with the very sequence that comes next.
TEST_F(WriterTest, AStaleBlockWithTheRightSequenceIsNotReadEither) {
  open();
  append_all({"same size", "stale one"});
  const std::string old = bytes(1);
  writer_.reset();
  ASSERT_TRUE(files_.remove(segment(1)));
  open();
  append("same size");
  bytes(1).replace(kSegmentHeaderBytes + kBlockHeaderBytes + 9, kBlockHeaderBytes + 9,
                   old.substr(kSegmentHeaderBytes + kBlockHeaderBytes + 9, kBlockHeaderBytes + 9));
  expect_read({"same size"});
}

TEST_F(WriterTest, OnlyAFewSparesAreKept) {
  open();
  for (int i = 0; i < 10; ++i) {
    append("a");
    roll();
  }
  const auto surplus = writer_->recycle(10);
  ASSERT_TRUE(surplus);
  EXPECT_EQ(count_files("spare-"), kSparesMax);
  EXPECT_EQ(surplus->front(), segment(kSparesMax + 1));
  EXPECT_EQ(surplus->size(), 10 - kSparesMax);
  ASSERT_TRUE(remove_files(files_, *surplus));
  EXPECT_EQ(count_files("0"), 1U);
  EXPECT_TRUE(writer_->recycle(10)->empty());
  EXPECT_TRUE(remove_files(files_, *surplus));  // they are gone already
  append("b");
  expect_read({"b"}, 10);
}

TEST_F(WriterTest, TheCurrentSegmentIsNeverRecycled) {
  open();
  append("a");
  ASSERT_TRUE(writer_->recycle(UINT64_MAX));
  append("b");
  expect_read({"a", "b"});
}

TEST_F(WriterTest, SparesOfAnEarlierRunAreRemoved) {
  open();
  append("a");
  roll();
  ASSERT_TRUE(writer_->recycle(1));
  open(Position{1, 1});
  EXPECT_EQ(count_files("spare-"), 0U);
}

TEST_F(WriterTest, NumbersGoOnWhenAllSegmentsAreGone) {
  open(Position{41, 1000});
  append("a");
  EXPECT_EQ(writer_->position(), (Position{42, 1001}));
  expect_read({"a"}, 1000);
}

// ---- Errors ----

TEST_F(WriterTest, APayloadOverTheBoundIsRefusedAndHarmless) {
  open();
  const auto refused = writer_->append(std::string(kPayloadMax + 1, 'x'), 1, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Errc::too_large);
  append("a");
  expect_read({"a"});
}

TEST_F(WriterTest, AfterAFailedWriteNothingIsTakenUntilReopened) {
  open();
  append("a");
  files_.fail_writes_after(0);
  EXPECT_EQ(writer_->append("refused", 1, 1).error().code, base::Errc::io);
  files_.heal();
  EXPECT_TRUE(writer_->failed());
  EXPECT_EQ(writer_->append("b", 1, 1).error().code, base::Errc::unavailable);
  EXPECT_EQ(writer_->roll().error().code, base::Errc::unavailable);
  EXPECT_EQ(writer_->sync().error().code, base::Errc::unavailable);
  ASSERT_TRUE(writer_->reopen());
  EXPECT_FALSE(writer_->failed());
  append("b");
  EXPECT_EQ(writer_->position(), (Position{2, 2}));
  expect_read({"a", "b"});
}

TEST_F(WriterTest, ABlockWhoseWriteFailedIsNotReadEvenIfItIsWhole) {
  open();
  append("a");
  const std::string good = bytes(1);
  append("refused");
  const std::string whole = bytes(1);
  bytes(1) = good;
  open(read().result.end);  // segment 2
  bytes(1) = whole;
  append("b");
  expect_read({"a", "b"});
  EXPECT_EQ(read(0, 1).payloads, std::vector<std::string>{"a"});  // nor by who reads closed segments only
}

TEST_F(WriterTest, ReopeningFailsWhileTheDiskDoes) {
  open();
  append("a");
  files_.fail_writes_after(0);
  EXPECT_FALSE(writer_->append("refused", 1, 1));
  EXPECT_FALSE(writer_->reopen());
  EXPECT_FALSE(writer_->reopen());
  EXPECT_EQ(writer_->position(), (Position{1, 1}));
  files_.heal();
  ASSERT_TRUE(writer_->reopen());
  append("b");
  EXPECT_EQ(writer_->position().segment, 2U);  // no number was used up
  expect_read({"a", "b"});
  EXPECT_EQ(count_files("spare-"), 0U);
}

TEST_F(WriterTest, AFullDiskAtTheEndOfASegmentFailsTheAppend) {
  open();
  append("a");
  files_.fail_renames();
  EXPECT_FALSE(writer_->append(std::string(segment_bytes_, 'x'), 1, 1));
  EXPECT_TRUE(writer_->failed());
  files_.heal();
  ASSERT_TRUE(writer_->reopen());
  append("b");
  expect_read({"a", "b"});
}

TEST_F(WriterTest, ARollThatFailsLosesNothing) {
  open();
  append("a");
  files_.fail_renames();
  EXPECT_FALSE(writer_->roll());
  files_.heal();
  ASSERT_TRUE(writer_->reopen());
  append("b");
  expect_read({"a", "b"});
}

TEST_F(WriterTest, AfterAFailedSyncTheUnacknowledgedAreGivenUp) {
  open();
  append("a");
  sync();
  append_all({"b", "c"});
  files_.fail_syncs();
  EXPECT_FALSE(writer_->sync());
  EXPECT_EQ(writer_->append("d", 1, 1).error().code, base::Errc::unavailable);
  files_.heal();
  ASSERT_TRUE(writer_->reopen(writer_->durable_through()));
  append("instead of b");
  sync();
  EXPECT_EQ(writer_->durable_through(), 2U);
  expect_read({"a", "instead of b"});
}

TEST_F(WriterTest, WhatWasAcknowledgedAndCouldNotBeSyncedIsWrittenAgain) {
  ASSERT_TRUE(files_.sync_directory("/"));
  open();
  append("a");
  sync();
  append("b");
  roll();
  append("c");
  sync_fails();
  ASSERT_TRUE(writer_->reopen());
  append("d");
  expect_read({"a", "b", "c", "d"});
  EXPECT_EQ(writer_->durable_through(), 1U);
  sync();
  EXPECT_EQ(writer_->durable_through(), 4U);
  writer_.reset();
  std::mt19937_64 random(testing::rng_seed());
  files_.cut_power(random);  // what the failed files had is gone, all or some of it
  expect_read({"a", "b", "c", "d"});
}

TEST_F(WriterTest, WhatCannotBeReadBackIsNotGoneOnBehind) {
  open();
  append("a");
  append("b");
  sync_fails();
  files_.content(segment(1))[kSegmentHeaderBytes + 5] ^= 1;
  const auto reopened = writer_->reopen();
  ASSERT_FALSE(reopened);
  EXPECT_NE(reopened.error().detail.find("block 1"), std::string::npos) << reopened.error().detail;
  EXPECT_TRUE(writer_->failed());
  EXPECT_EQ(writer_->position().sequence, 2U);
}

TEST_F(WriterTest, WhatACheckpointHasIsNotWrittenAgain) {
  open();
  append("a");
  roll();
  append("b");
  ASSERT_TRUE(writer_->recycle(1));
  sync_fails();
  ASSERT_TRUE(writer_->reopen());
  append("c");
  sync();
  EXPECT_EQ(writer_->durable_through(), 3U);
  EXPECT_EQ(read(1).payloads, (std::vector<std::string>{"b", "c"}));
}

// What cannot be read back is a torn tail to a checkpoint, which then says that the segment is not needed.
TEST_F(WriterTest, WhatIsToBeReadBackIsNotRecycled) {
  open();
  append("a");
  roll();
  append("b");
  sync_fails();
  ASSERT_TRUE(writer_->recycle(1));
  files_.content(segment(1))[kSegmentHeaderBytes + 5] ^= 1;
  EXPECT_FALSE(writer_->reopen());
  files_.content(segment(1))[kSegmentHeaderBytes + 5] ^= 1;
  ASSERT_TRUE(writer_->reopen());
  sync();
  EXPECT_EQ(writer_->durable_through(), 2U);
  expect_read({"a", "b"});
}

// One that became ready would be reused, and the device may still have it under its old name and header: after a power
// cut the start would be refused.
TEST_F(WriterTest, ASpareWhoseSyncFailedIsNeverUsed) {
  open();
  for (int i = 0; i < 3; ++i) {
    append("x");
    roll();
  }
  sync();
  append("y");
  ASSERT_TRUE(writer_->recycle(2));
  ASSERT_EQ(count_files("spare-"), 2U);
  files_.fail_syncs_after(1);  // the segment's succeeds
  EXPECT_FALSE(writer_->sync());
  files_.heal();
  EXPECT_EQ(count_files("spare-"), 0U);
  ASSERT_TRUE(writer_->reopen(writer_->durable_through()));
  append("z");
  sync();
  EXPECT_EQ(writer_->durable_through(), 4U);
}

TEST_F(WriterTest, WhatAFlushCouldNotWriteIsWrittenToTheNextSegment) {
  write_behind_ = true;
  open();
  append("a");
  ASSERT_TRUE(writer_->flush());
  append_all({"b", "c"});
  for (int failure = 0; failure < 3; ++failure) {
    files_.fail_writes_after(0);  // half of it is in the file
    EXPECT_FALSE(writer_->flush());
    EXPECT_FALSE(writer_->append("refused", 1, 1));
    EXPECT_FALSE(writer_->reopen());
    files_.heal();
    ASSERT_TRUE(writer_->reopen());
    EXPECT_EQ(writer_->position().sequence, 3U);
  }
  append("d");
  roll();
  append("e");
  sync();
  expect_read({"a", "b", "c", "d", "e"});
}

TEST_F(WriterTest, ABlockThatIsGatheredWhenItsFlushFailsIsNotRefused) {
  write_behind_ = true;
  segment_bytes_ = 4 << 20;
  open();
  const std::string half(kWriteBehindMax / 2, 'x');
  append(half);
  files_.fail_writes_after(0);
  append(half);
  EXPECT_TRUE(writer_->failed());
  files_.heal();
  ASSERT_TRUE(writer_->reopen());
  append("z");
  sync();
  expect_read({half, half, "z"});
}

TEST_F(WriterTest, ReopeningWithoutAFailureIsJustANewSegment) {
  open();
  append("a");
  ASSERT_TRUE(writer_->reopen());
  append("b");
  expect_read({"a", "b"});
}

TEST_F(WriterTest, AWriterThatCannotMakeItsSegmentDoesNotOpen) {
  files_.fail_writes_after(0);
  EXPECT_FALSE(Writer::open(files_, writer_options(), {}));
}

// ---- No room ----

TEST_F(WriterTest, ARollThatFindsNoRoomLeavesTheSegmentInUse) {
  open();
  append("a");
  files_.set_room(0);
  EXPECT_EQ(writer_->roll().error().code, base::Errc::no_room);
  EXPECT_FALSE(writer_->failed());
  append("b");
  sync();
  EXPECT_EQ(writer_->position(), (Position{1, 2}));
  EXPECT_EQ(count_files("spare-"), 0U);
  expect_read({"a", "b"});
}

TEST_F(WriterTest, WhereThereIsNoRoomForASegmentTheWriterOpensFailed) {
  open();
  append_all({"a", "b"});
  files_.set_room(segment_bytes_ - 1);
  open(read().result.end);
  ASSERT_TRUE(writer_->failed());
  EXPECT_EQ(writer_->failure()->code, base::Errc::no_room);
  EXPECT_EQ(writer_->durable_through(), 2U);
  EXPECT_EQ(writer_->last_closed(2).segment, 1U);
  EXPECT_FALSE(writer_->append("refused", 1, 1));
  EXPECT_FALSE(writer_->reopen(2));
  ASSERT_TRUE(remove_files(files_, *writer_->recycle(1)));  // a checkpoint has it
  ASSERT_TRUE(writer_->reopen(2));
  append("c");
  sync();
  EXPECT_EQ(writer_->position(), (Position{2, 3}));
  expect_read({"c"}, 2);
}

TEST_F(WriterTest, WhatAWriterWithoutRoomRecyclesIsRoomAndNoSpare) {
  open();
  append("a");
  roll();
  append("b");
  roll();
  sync();
  files_.set_room(0);
  EXPECT_FALSE(writer_->append(std::string(segment_bytes_, 'x'), 1, 1));
  ASSERT_TRUE(remove_files(files_, *writer_->recycle(1)));
  EXPECT_EQ(count_files("spare-"), 0U);
  ASSERT_TRUE(writer_->reopen());
}

TEST_F(WriterTest, ASpareThatIsNotReadyIsRoomForAWriterThatHasNone) {
  open();
  append("a");
  roll();
  sync();
  ASSERT_TRUE(writer_->recycle(1));
  files_.set_room(0);
  EXPECT_FALSE(writer_->append(std::string(segment_bytes_, 'x'), 1, 1));
  EXPECT_EQ(count_files("spare-"), 1U);
  ASSERT_TRUE(writer_->reopen());
  EXPECT_EQ(count_files("spare-"), 0U);
  append("b");
  expect_read({"b"}, 1);
}

TEST_F(WriterTest, ASmallerSegmentFitsWhereALargeOneDoesNot) {
  open();
  append("a");
  files_.set_room(kSegmentHeaderBytes + 100);
  EXPECT_FALSE(writer_->append(std::string(segment_bytes_, 'x'), 1, 1));
  EXPECT_FALSE(writer_->reopen());
  writer_->set_segment_bytes(kSegmentHeaderBytes + 100);
  ASSERT_TRUE(writer_->reopen());
  append("b");
  expect_read({"a", "b"});
}

TEST_F(WriterTest, TheLastClosedSegmentHoldsNothingBeyond) {
  open();
  EXPECT_EQ(writer_->last_closed(0).segment, 0U);
  append_all({"a", "b"});
  roll();
  append("c");
  roll();
  append("d");
  EXPECT_EQ(writer_->last_closed(1).segment, 0U);
  EXPECT_EQ(writer_->last_closed(2).segment, 1U);
  EXPECT_EQ(writer_->last_closed(4).segment, 2U);  // the third is in use
  files_.set_room(0);
  EXPECT_FALSE(writer_->append(std::string(segment_bytes_, 'x'), 1, 1));
  EXPECT_EQ(writer_->last_closed(4).segment, 3U);  // it takes no more
  EXPECT_EQ(writer_->last_closed(3).segment, 2U);  // but holds a block that may yet be void
}

TEST_F(WriterTest, ASegmentWhoseWriteFailedIsNotClosed) {
  open();
  append("a");
  sync();
  files_.fail_writes_after(0);
  EXPECT_FALSE(writer_->append("refused", 1, 1));
  EXPECT_EQ(writer_->last_closed(1).segment, 0U);
  files_.heal();
  ASSERT_TRUE(writer_->reopen(1));
  EXPECT_EQ(writer_->last_closed(1).segment, 1U);
}

// ---- What a start writes over itself ----

TEST_F(WriterTest, AStartRewritesOnlyWhatNoHeaderCallsDurable) {
  open();
  for (int i = 0; i < 5; ++i) {
    append("block " + std::to_string(i));
    sync();
    roll();
  }
  append("unsynced");
  const std::uint64_t writes = files_.writes();
  open(read().result.end);
  // Segment 6, which no later header vouches for, and the new one's header.
  EXPECT_EQ(files_.writes(), writes + 2);
  EXPECT_EQ(read().payloads.size(), 6U);
}

TEST_F(WriterTest, AStartRewritesBlocksWhoseSyncFailedWhereTheyWereWrittenAgain) {
  open();
  append("a");
  sync();
  append("b");
  sync_fails();
  ASSERT_TRUE(writer_->reopen());
  append("c");
  sync();
  const std::uint64_t writes = files_.writes();
  open(read().result.end);
  EXPECT_EQ(files_.writes(), writes + 2);  // segment 2, which has "b" too, and the new one's header
  EXPECT_EQ(read().payloads, (std::vector<std::string>{"a", "b", "c"}));
}

// ---- The real file system ----

TEST(WriterOnDiskTest, WhatIsWrittenIsReadAfterARestart) {
  const testing::TemporaryDirectory directory;
  WriterOptions options{directory.file("hits-000"), kHits, kIncarnation, 1U << 20U};
  std::vector<std::string> written;
  Position last;
  for (int run = 0; run < 3; ++run) {
    auto writer = Writer::open(base::posix_file_system(), options, last);
    ASSERT_TRUE(writer) << to_string(writer.error());
    for (int i = 0; i < 40; ++i) {
      written.push_back(std::string(100'000, 'x') + std::to_string(i));
      ASSERT_TRUE((*writer)->append(written.back(), 2, 0));
      if (i == 20) {
        ASSERT_TRUE((*writer)->sync());
      }
    }
    writer->reset();
    std::vector<std::string> payloads;
    ReadOptions read_options;
    read_options.incarnation = kIncarnation;
    const auto result = read_stream(base::posix_file_system(), options.directory, kHits, read_options,
                                    [&](const BlockHeader&, std::string_view payload) {
                                      payloads.emplace_back(payload);
                                      return base::Result<void>{};
                                    });
    ASSERT_TRUE(result) << to_string(result.error());
    EXPECT_EQ(payloads, written);
    EXPECT_EQ(result->hits, 2 * written.size());
    last = result->end;
  }
}

}  // namespace
}  // namespace footfall::journal
