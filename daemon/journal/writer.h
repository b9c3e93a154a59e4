// SPDX-License-Identifier: Apache-2.0
// Writer: appends blocks to one stream. One write per block, and one of zeros now and then; a preallocated, recycled
// segment underneath.
//
//   append(block) --> pwrite at the end of the segment, after zeros behind it where nothing was written before
//                     (kWriteAhead); in `kernel` durability that is the acknowledgement
//   roll()        --> closes the segment (its content never changes again) and begins the next one
//
//   begin_sync()  --> a SyncJob: what was appended, and the names of the segments it is in, to be made durable.
//                     carry_out() on any thread, while appending goes on; then finish_sync()
//   sync()        the three at once
//
// In `disk` durability the end of the sync is the acknowledgement: one job is under way while the blocks of the next
// gather behind it. In `memory` durability blocks gather in memory, and are written once a second (write_behind).
//
// A segment begins as a spare: `spare-*.seg`, new and preallocated, or recycled with a header of zeros that is already
// on the device. It gets its header, then its name. Neither is synced by roll(), which so costs no device access: the
// next sync() does it, before it says that anything in the segment is durable.
//
// Threading  one thread (the shard, or the control thread), but what says "any thread". At most one job is under way.
// Errors     after the first failed write or sync nothing more is acknowledged from that file: append keeps failing
// with
//            Errc::unavailable until reopen() succeeds (a fresh segment whose first_sequence is last acknowledged + 1).
//            A segment that found no room is such a failure where a block needs it, and none where roll() wanted it.
// Cost       one write a block; no allocation in the steady state. `segment_bytes` of disk for each segment that no
//            checkpoint covers yet, and for at most kSparesMax spares.
// Tested by tests/unit/journal/writer_test.cc.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/file_system.h"
#include "journal/format.h"

namespace footfall::journal {

inline constexpr std::size_t kSparesMax = 2;
inline constexpr std::size_t kWriteBehindMax = 1U << 20U;  // bytes
// The block that comes to what was never written before is followed by zeros up to a multiple of this. A sync of what
// is written for the first time also waits for the file's extents: so one in some thousand hits' does, and not each
// one that begins a page.
inline constexpr std::size_t kWriteAhead = 64U << 10U;  // bytes

struct WriterOptions {
  std::string directory;  // of the stream; made if absent
  StreamId stream;
  Incarnation incarnation{};
  std::uint64_t segment_bytes = 16U << 20U;  // a segment that is begun for a larger block grows to hold it
  bool write_behind = false;                 // append() gathers; flush() and the others write
};

// What one sync makes durable. It holds the files that it needs, so it may be carried out while the writer goes on.
struct SyncJob {
  std::uint64_t through = 0;                       // the last sequence that it covers
  std::vector<std::shared_ptr<base::File>> files;  // contents first
  std::vector<std::uint64_t> closed;               // numbers of the closed segments among them
  std::vector<std::string> spares;                 // names: retired files, whose headers are zeros now
  std::string directory;                           // then the names in it
  bool names_changed = false;

  // Any thread. The calls are made in the order in which they must reach the device.
  base::Result<void> carry_out(base::FileSystem& files_of) const;
};

class Writer {
 public:
  // Begins a new segment after `last`, the position that recovery found (segment 0: the stream is new). What is there
  // already is durable when it returns. Where there is no room for the segment the writer comes back failed.
  static base::Result<std::unique_ptr<Writer>> open(base::FileSystem& files, const WriterOptions& options,
                                                    Position last);

  // The same without a segment: for a stream that nobody writes any more.
  static base::Result<void> make_durable(base::FileSystem& files, const WriterOptions& options, Position last);

  // On success the block is in the kernel and its sequence is returned. too_large: `payload` is over kPayloadMax, and
  // nothing happened; else the writer has failed.
  base::Result<std::uint64_t> append(std::string_view payload, std::uint32_t count, std::uint64_t control_sequence);
  // fdatasync of what was appended; afterwards durable_through() is the last sequence.
  base::Result<void> sync();
  // False: nothing has to be synced (or the writer failed). `job` is overwritten; its vectors keep their capacity.
  // REQUIRES: no job is under way.
  bool begin_sync(SyncJob& job);
  // With what carry_out() gave. An error fails the writer: the file is never synced again.
  void finish_sync(const SyncJob& job, const base::Result<void>& outcome);
  // Writes what write_behind gathered; what could not be written stays gathered, for the segment that reopen() begins.
  base::Result<void> flush();
  // Closes the current segment and begins the next. Answers the last position of the closed one; if the current
  // segment holds no block nothing is done and the position is that of the one before. Where the next one cannot be
  // begun nothing happened, and the current one goes on.
  // Where the sync is the acknowledgement, sync() before a checkpoint reads the closed segment: sequences that reopen()
  // gives again must not be in it.
  base::Result<Position> roll();
  // After a failure: a fresh segment that continues behind `acknowledged`, the last block that was. That is the last
  // appended one where the write is the acknowledgement (and always with write_behind), and durable_through() where the
  // sync is. Acknowledged blocks whose sync failed are read back from the files, which are not trusted any more, and
  // written to the fresh segment; io: they are not there any more, and the writer stays failed.
  // REQUIRES: no job is under way.
  base::Result<void> reopen(std::uint64_t acknowledged);
  base::Result<void> reopen() { return reopen(last_.sequence); }
  // Segments that are begun from now on are this long: for a stop on a full disk, where little is left to write.
  void set_segment_bytes(std::uint64_t bytes) { segment_bytes_ = bytes; }
  std::uint64_t segment_bytes() const { return segment_bytes_; }

  Position position() const { return last_; }  // of the last appended block
  bool failed() const { return failure_.has_value(); }
  const std::optional<base::Error>& failure() const { return failure_; }  // since when failed()
  // The last closed segment (0: none) of those that hold no block beyond `through`, and its last block: what a
  // checkpoint may read of a stream that cannot roll.
  Position last_closed(std::uint64_t through) const;
  // Any thread.
  std::uint64_t durable_through() const { return durable_through_.load(std::memory_order_relaxed); }
  // Any thread. Of blocks, with their headers, since open().
  std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }
  // Segments with number <= `through` may be recycled: their files are reused for new segments. The paths of those that
  // are too many are answered: the caller removes them, in this order, which may take milliseconds each, on any thread.
  // The current one stays. An error leaves the writer usable, and a later call goes on.
  base::Result<std::vector<std::string>> recycle(std::uint64_t through);

 private:
  struct Unsynced {
    std::uint64_t number;
    std::shared_ptr<base::File> file;
  };
  struct Kept {  // a block that is to be written again
    BlockHeader header;
    std::string payload;
  };

  Writer(base::FileSystem& files, WriterOptions options, Position last);
  std::string path(const std::string& name) const { return options_.directory + "/" + name; }
  base::Result<void> adopt_directory();
  base::Result<void> write_block();  // scratch_, at offset_
  void gather_again(std::uint32_t seed_before);
  base::Result<std::vector<Kept>> read_back(std::uint64_t through) const;
  base::Result<void> begin_segment(std::uint64_t first_sequence, std::size_t block_bytes,
                                   const std::vector<Kept>& kept = {});
  base::Result<std::unique_ptr<base::File>> take_spare(std::string& name);
  base::Result<void> retire(std::uint64_t number);
  // The first block that a power cut may take when the files are not trusted any more: a checkpoint has what was
  // recycled.
  std::uint64_t lost_from() const { return std::max(durable_through(), recycled_through_) + 1; }
  bool is_current(std::uint64_t number) const { return file_ != nullptr && number == header_.number; }

  base::FileSystem& files_;
  const WriterOptions options_;
  std::uint64_t segment_bytes_;

  // The current segment; absent after an open() that found no room.
  std::shared_ptr<base::File> file_;
  SegmentHeader header_;
  std::uint32_t seed_ = 0;  // of its blocks' checksums
  std::uint64_t offset_ = 0;
  std::uint64_t capacity_ = 0;
  std::uint64_t written_ = 0;  // how far the file is, zeros included
  bool full_ = false;          // it takes no more, and the next one could not be begun

  Position last_;
  std::optional<base::Error> failure_;
  bool sync_failed_ = false;  // and the failure was a sync's

  std::uint64_t recycled_through_ = 0;  // the last block of what was recycled
  std::deque<Position> segments_;       // the files that are there, each with its last block; the current one last
  std::vector<Unsynced> unsynced_;      // closed since the last sync
  std::vector<std::string> spares_;     // names; their zeroed headers are on the device
  std::vector<std::string> unsynced_spares_;  // names; retired since the last sync
  std::uint64_t spare_names_ = 0;             // given so far
  bool dirty_ = false;                        // something was written or renamed since the last sync was begun
  bool names_changed_ = false;                // and that includes names

  std::string scratch_;              // the block being written
  std::string behind_;               // blocks that end at offset_ and are not written yet
  std::uint64_t blocks_behind_ = 0;  // how many these are
  SyncJob own_job_;                  // of sync()
  std::atomic<std::uint64_t> durable_through_{0};
  std::atomic<std::uint64_t> bytes_written_{0};
};

}  // namespace footfall::journal
