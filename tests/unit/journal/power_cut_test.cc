// SPDX-License-Identifier: Apache-2.0
// Random runs of writer, reader, failures and power cuts over a file system that forgets what was not synced, against a
// plain list. What is durable survives every cut, in order and without a hole; no cut is mistaken for corruption.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "journal/departed.h"
#include "journal_fixture.h"
#include "support/rng_seed.h"

namespace footfall::journal {
namespace {

// What the acknowledgement is: the write, or the sync.
enum class Mode { kernel, disk };

class PowerCutTest : public JournalFixture {
 protected:
  void begin(Mode mode) {
    mode_ = mode;
    files_.remove_all();
    (void)files_.make_directory("/journal");
    (void)files_.sync_directory("/");
    model_.clear();
    written_.clear();
    checkpoint_ = {};
    open();
  }

  // Recovery: from the last checkpoint, through whatever the journal still has.
  void recover(std::uint64_t kept) {
    const Reading reading = read(checkpoint_.sequence);
    ASSERT_FALSE(reading.error) << to_string(*reading.error);
    ASSERT_GE(reading.result.end.sequence, kept);
    std::vector<std::string> recovered(model_.begin(),
                                       model_.begin() + static_cast<std::ptrdiff_t>(checkpoint_.sequence));
    recovered.insert(recovered.end(), reading.payloads.begin(), reading.payloads.end());
    for (std::size_t i = checkpoint_.sequence; i < recovered.size(); ++i) {
      if (i < kept) {
        ASSERT_EQ(recovered[i], model_[i]);
      } else {  // what was given up after a failure may come back, as long as nothing took its place
        ASSERT_TRUE(written_[i].count(recovered[i])) << i;
      }
    }
    model_ = recovered;
    open(reading.payloads.empty() ? checkpoint_ : reading.result.end);
  }

  void append_one(std::mt19937_64& random) {
    const std::string payload =
        std::to_string(random()) + ":" + std::string(random() % 1500, static_cast<char>(random()));
    if (!writer_->failed()) written_[model_.size()].insert(payload);
    if (writer_->append(payload, 1, 0)) model_.push_back(payload);
  }

  // As the checkpointer does: roll, read what is closed, keep it, recycle behind the one before.
  void make_checkpoint() {
    const auto closed = writer_->roll();
    if (!closed || closed->sequence <= checkpoint_.sequence) return;
    if (mode_ == Mode::disk && !writer_->sync()) return;
    const Reading reading = read(checkpoint_.sequence, closed->segment);
    ASSERT_FALSE(reading.error) << to_string(*reading.error);
    ASSERT_EQ(reading.result.end.sequence, closed->sequence);
    for (std::size_t i = 0; i < reading.payloads.size(); ++i) {
      ASSERT_EQ(reading.payloads[i], model_[checkpoint_.sequence + i]);
    }
    const auto surplus = writer_->recycle(checkpoint_.segment);
    ASSERT_TRUE(surplus && remove_files(files_, *surplus));
    checkpoint_ = *closed;  // a file of its own, synced: a cut does not take it
  }

  void fail_and_reopen(std::mt19937_64& random) {
    if (random() % 2 == 0) {
      files_.fail_writes_after(random() % 3);
      for (int i = 0; i < 4 && !writer_->failed(); ++i) append_one(random);
    } else {
      files_.fail_syncs_after(random() % 4);  // a file, a spare or the directory is the first that fails
      (void)writer_->sync();
    }
    files_.heal();
    const std::uint64_t acknowledged =
        mode_ == Mode::kernel ? writer_->position().sequence : writer_->durable_through();
    ASSERT_TRUE(writer_->reopen(acknowledged));
    model_.resize(acknowledged);
  }

  Mode mode_ = Mode::kernel;
  std::vector<std::string> model_;                        // payload of sequence i + 1
  std::map<std::size_t, std::set<std::string>> written_;  // i -> all that was ever written as sequence i + 1
  Position checkpoint_;
};

TEST_F(PowerCutTest, WhatIsDurableSurvivesAndNoCutIsTakenForCorruption) {
  std::mt19937_64 random(testing::rng_seed());
  for (int run = 0; run < 60; ++run) {
    SCOPED_TRACE("run " + std::to_string(run));
    begin(run % 2 == 0 ? Mode::kernel : Mode::disk);
    for (int life = 0; life < 8; ++life) {
      SCOPED_TRACE("life " + std::to_string(life));
      const std::uint64_t steps = random() % 80;
      for (std::uint64_t step = 0; step < steps; ++step) {
        const std::uint64_t dice = random() % 100;
        if (dice < 80) {
          append_one(random);
        } else if (dice < 90) {
          (void)writer_->sync();
        } else if (dice < 95) {
          ASSERT_NO_FATAL_FAILURE(make_checkpoint());
        } else {
          ASSERT_NO_FATAL_FAILURE(fail_and_reopen(random));
        }
      }
      std::uint64_t kept = writer_->durable_through();
      writer_.reset();
      if (random() % 4 == 0) {
        kept = model_.size();  // killed, with the power on: nothing that was written is lost
      } else {
        files_.cut_power(random);
      }
      ASSERT_NO_FATAL_FAILURE(recover(kept));
    }
  }
}

}  // namespace
}  // namespace footfall::journal
