// SPDX-License-Identifier: Apache-2.0
// Writer: appends blocks to one stream. One write per block; a preallocated, recycled segment underneath.
//
//   append(block) --> pwrite at the end of the segment; in `kernel` durability that is the acknowledgement
//   roll()        --> closes the segment (its content never changes again) and begins the next one
//
// Threading  append, roll and sync belong to one thread (the shard, or the control thread). Positions may be read by any.
// Errors     after the first failed write nothing more is acknowledged from that file: append keeps failing with
//            Errc::unavailable until reopen() succeeds (a fresh segment whose first_sequence is last acknowledged + 1).
// Cost       about 1 us a block in the page cache, no allocation in the steady state.
// Tested by tests/unit/journal/writer_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "base/file_system.h"
#include "journal/format.h"

namespace footfall::journal {

struct WriterOptions {
  std::string directory;                         // of the stream; made if absent
  StreamId stream;
  Incarnation incarnation{};
  std::uint64_t segment_bytes = 16U << 20U;      // at least kPayloadMax + headers for hit streams
};

class Writer {
 public:
  // Begins a new segment after `last`, the position that recovery found (segment 0: the stream is new).
  static base::Result<std::unique_ptr<Writer>> open(base::FileSystem& files, const WriterOptions& options, Position last);

  // `payload` is at most kPayloadMax. On success the block is in the kernel and its sequence is returned.
  base::Result<std::uint64_t> append(std::string_view payload, std::uint32_t count, std::uint64_t control_sequence);
  // fdatasync of what was appended; afterwards durable_through() is the last sequence.
  base::Result<void> sync();
  // Closes the current segment and begins the next. Answers the last position of the closed one; if the current
  // segment holds no block nothing is done and the position is that of the one before.
  base::Result<Position> roll();
  // After a failure: a fresh segment that continues behind the last acknowledged block.
  base::Result<void> reopen();

  Position position() const;               // of the last appended block
  std::uint64_t durable_through() const;   // any thread
  std::uint64_t bytes_written() const;     // any thread
  // Segments with number <= `through` may be recycled: their files are reused for new segments, or removed.
  base::Result<void> recycle(std::uint64_t through);

 private:
  Writer(base::FileSystem& files, WriterOptions options);
  base::Result<void> begin_segment(std::uint64_t first_sequence);

  base::FileSystem& files_;
  WriterOptions options_;
  std::unique_ptr<base::File> file_;
  SegmentHeader header_;
  std::uint64_t offset_ = 0;
  std::uint64_t last_sequence_ = 0;
  bool failed_ = false;
  std::string scratch_;  // header and payload of the block being written
  std::atomic<std::uint64_t> durable_through_{0};
  std::atomic<std::uint64_t> bytes_written_{0};
};

}  // namespace footfall::journal
