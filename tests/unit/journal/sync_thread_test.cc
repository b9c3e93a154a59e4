// SPDX-License-Identifier: Apache-2.0
// A SyncThread beside an appending writer, and the three steps of a sync one by one.
#include "journal/sync_thread.h"

#include <gtest/gtest.h>

#include <future>

#include "journal_fixture.h"

namespace footfall::journal {
namespace {

class SyncJobTest : public JournalFixture {};

TEST_F(SyncJobTest, WhatIsAppendedWhileAJobIsUnderWayIsOfTheNextOne) {
  open();
  append("one");
  SyncJob job;
  ASSERT_TRUE(writer_->begin_sync(job));
  append("two");
  EXPECT_EQ(job.through, 1U);
  writer_->finish_sync(job, job.carry_out(files_));
  EXPECT_EQ(writer_->durable_through(), 1U);
  ASSERT_TRUE(writer_->begin_sync(job));
  EXPECT_EQ(job.through, 2U);
  EXPECT_FALSE(job.names_changed);
  writer_->finish_sync(job, job.carry_out(files_));
  EXPECT_EQ(writer_->durable_through(), 2U);
  EXPECT_FALSE(writer_->begin_sync(job));
}

TEST_F(SyncJobTest, ASegmentThatIsClosedWhileAJobIsUnderWayIsSyncedByTheNextOne) {
  open();
  append("one");
  SyncJob job;
  ASSERT_TRUE(writer_->begin_sync(job));
  ASSERT_TRUE(writer_->roll());
  append("two");
  writer_->finish_sync(job, job.carry_out(files_));
  ASSERT_TRUE(writer_->begin_sync(job));
  EXPECT_EQ(job.files.size(), 2U);
  EXPECT_TRUE(job.names_changed);
  writer_->finish_sync(job, job.carry_out(files_));
  EXPECT_EQ(writer_->durable_through(), 2U);
}

TEST_F(SyncJobTest, AfterAFailedJobNothingIsTakenUntilReopened) {
  open();
  append("one");
  sync();
  append("two");
  SyncJob job;
  ASSERT_TRUE(writer_->begin_sync(job));
  append("three");
  files_.fail_syncs();
  writer_->finish_sync(job, job.carry_out(files_));
  files_.heal();
  EXPECT_TRUE(writer_->failed());
  EXPECT_EQ(writer_->durable_through(), 1U);
  EXPECT_FALSE(writer_->begin_sync(job));
  ASSERT_TRUE(writer_->reopen(writer_->durable_through()));
  append("two again");
  EXPECT_EQ(writer_->position().sequence, 2U);
  sync();
  expect_read({"one", "two again"});
}

TEST_F(SyncJobTest, WhatIsWrittenBehindIsInTheFileAfterAFlush) {
  WriterOptions options = writer_options();
  options.write_behind = true;
  auto writer = Writer::open(files_, options, {});
  ASSERT_TRUE(writer);
  const std::uint64_t writes = files_.writes();
  ASSERT_TRUE((*writer)->append("one", 1, 0));
  ASSERT_TRUE((*writer)->append("two", 1, 0));
  EXPECT_EQ(files_.writes(), writes);
  expect_read({});
  ASSERT_TRUE((*writer)->flush());
  EXPECT_EQ(files_.writes(), writes + 1);
  expect_read({"one", "two"});
  ASSERT_TRUE((*writer)->append("three", 1, 0));
  ASSERT_TRUE((*writer)->roll());
  expect_read({"one", "two", "three"});
}

TEST_F(SyncJobTest, ASyncThreadCarriesOutOneJobAfterAnother) {
  open();
  std::promise<bool> told;
  SyncThread thread(files_, [&](const base::Result<void>& outcome) { told.set_value(outcome.has_value()); });
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    append("block");
    SyncJob job;
    ASSERT_TRUE(writer_->begin_sync(job));
    thread.start(job);
    ASSERT_TRUE(told.get_future().get());
    told = {};
    writer_->finish_sync(job, {});
    EXPECT_EQ(writer_->durable_through(), sequence);
  }
}

}  // namespace
}  // namespace footfall::journal
