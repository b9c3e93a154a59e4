// SPDX-License-Identifier: Apache-2.0
// JournalFixture: one hit stream in a FaultFs, written and read in the words of the tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal/reader.h"
#include "journal/writer.h"
#include "support/fault_fs.h"

namespace footfall::journal {

inline constexpr Incarnation kIncarnation{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
inline constexpr StreamId kHits{1};

struct Reading {
  std::vector<std::string> payloads;  // of the visited blocks
  ReadResult result;
  std::optional<base::Error> error;
};

class JournalFixture : public ::testing::Test {
 protected:
  JournalFixture() { (void)files_.make_directory("/journal"); }

  WriterOptions writer_options() const { return {directory_, kHits, kIncarnation, segment_bytes_, write_behind_}; }

  void open(Position last = {}) {
    writer_.reset();
    auto writer = Writer::open(files_, writer_options(), last);
    ASSERT_TRUE(writer) << to_string(writer.error());
    writer_ = std::move(*writer);
  }
  void append(const std::string& payload) {
    const std::uint64_t next = writer_->position().sequence + 1;
    const auto sequence = writer_->append(payload, 1, 7);
    ASSERT_TRUE(sequence) << to_string(sequence.error());
    EXPECT_EQ(*sequence, next);
  }
  void append_all(const std::vector<std::string>& payloads) {
    for (const std::string& payload : payloads) append(payload);
  }
  void roll() { ASSERT_TRUE(writer_->roll()); }
  void sync() { ASSERT_TRUE(writer_->sync()); }

  Reading read(std::uint64_t after = 0, std::uint64_t through_segment = UINT64_MAX, bool accept_loss = false) {
    Reading reading;
    ReadOptions options;
    options.incarnation = kIncarnation;
    options.after = {0, after};
    options.through_segment = through_segment;
    options.accept_loss = accept_loss;
    auto result =
        read_stream(files_, directory_, kHits, options, [&](const BlockHeader& header, std::string_view payload) {
          EXPECT_EQ(header.sequence, after + reading.payloads.size() + 1);
          reading.payloads.emplace_back(payload);
          return base::Result<void>{};
        });
    if (result) {
      reading.result = *result;
    } else {
      reading.error = result.error();
    }
    return reading;
  }
  Reading read_accepting(std::uint64_t after = 0) { return read(after, UINT64_MAX, true); }
  void expect_read(const std::vector<std::string>& payloads, std::uint64_t after = 0) {
    const Reading reading = read(after);
    ASSERT_FALSE(reading.error) << to_string(*reading.error);
    EXPECT_EQ(reading.payloads, payloads);
    EXPECT_EQ(reading.result.end.sequence, after + payloads.size());
  }
  void expect_corrupt(const std::string& about, std::uint64_t after = 0) {
    const Reading reading = read(after);
    ASSERT_TRUE(reading.error) << "read " << reading.payloads.size() << " blocks";
    EXPECT_EQ(reading.error->code, base::Errc::corrupt);
    EXPECT_NE(reading.error->detail.find(about), std::string::npos) << reading.error->detail;
  }

  std::string segment(std::uint64_t number) const { return directory_ + "/" + segment_name(number); }
  std::string& bytes(std::uint64_t number) { return files_.content(segment(number)); }
  void damage(std::uint64_t number, std::size_t offset) {
    bytes(number)[offset] = static_cast<char>(bytes(number)[offset] ^ 0x10);
  }

  testing::FaultFs files_;
  std::string directory_ = "/journal/hits-000";
  std::uint64_t segment_bytes_ = 16384;
  bool write_behind_ = false;
  std::unique_ptr<Writer> writer_;
};

}  // namespace footfall::journal
