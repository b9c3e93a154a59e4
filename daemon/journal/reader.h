// SPDX-License-Identifier: Apache-2.0
// Reader: walks the blocks of a stream in order, from behind a position to its end.
//
// The end is the first bad block: damaged, cut off, or missing because a whole segment did not reach the device. At or
// before a `durable_through` that anything behind it states (a block, or a segment's header) it is corruption
// (Errc::corrupt, with file, offset and what is lost, in blocks and hits); else it is the torn tail of a crash: it ends
// the stream, even if good blocks follow, and how many bytes were cut is reported. Who accepts the loss gets the stream
// up to the corruption, and what is behind it as a Loss.
// Blocks at or beyond the first_sequence of a later segment are ignored. Segments that lie wholly at or before
// `after` may be absent or damaged.
// A header whose first or last 512 bytes are zeros, or none, or a number that is missing, is a segment whose making did
// not reach the device: it holds nothing. Of one that is damaged the first_sequence may still be told
// (damaged_header.h). Cost: one segment in memory at a time, about 1 GB/s. Tested by tests/unit/journal/reader_test.cc:
// truncated at every byte, each bit flipped.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/file_system.h"
#include "journal/format.h"

namespace footfall::journal {

// What corruption cuts off, as far as what survived tells.
struct Loss {
  std::string what;                     // is damaged, and where
  std::uint64_t blocks = 0;             // behind the cut
  std::uint64_t unreadable_blocks = 0;  // of them, without a header that says how many hits
  std::uint64_t hits = 0;               // in the others
  bool open_ended = false;              // the last segment cannot be read: there may have been more blocks
  // Blocks before the cut that are kept, although the damaged header behind them may have made them void: then they
  // were refused. Only where nothing tells its first_sequence.
  std::uint64_t doubtful_blocks = 0;
  std::uint64_t doubtful_hits = 0;
  std::optional<std::uint64_t> begun;   // number of the segment that also holds blocks before the cut
  std::vector<std::uint64_t> segments;  // numbers of those that lie wholly behind it, ascending
};
// "lost or in doubt are 5 blocks with 1234 hits": for people.
std::string describe(const Loss& loss, StreamId stream);

// A stream's last segment that is shorter than any is made.
struct CutOff {
  std::string path;
  std::uint64_t bytes = 0;
  friend bool operator==(const CutOff&, const CutOff&) = default;
};
std::string describe(const CutOff& segment);

struct ReadResult {
  Position end;  // of the last good block (or where reading began)
  std::uint64_t blocks = 0;
  std::uint64_t hits = 0;        // sum of the blocks' counts
  std::uint64_t torn_bytes = 0;  // of blocks behind the end that bear their segment's generation
  std::optional<Loss> loss;      // only with accept_loss
  std::optional<CutOff> cut_off;
};

struct ReadOptions {
  Incarnation incarnation{};                   // of the data directory; another one in a header is Errc::corrupt
  Position after;                              // blocks with a sequence beyond after.sequence are visited
  std::uint64_t through_segment = UINT64_MAX;  // stop behind this segment (the checkpointer reads closed ones only)
  bool accept_loss = false;                    // corruption ends the stream, and is no error
  // Asked about each block before it is visited, if given; an error is corruption, as if the block were damaged.
  std::function<base::Result<void>(const BlockHeader&)> trust;
};

// `visit` gets each block; an error from it ends the walk and is returned.
using Visit = std::function<base::Result<void>(const BlockHeader&, std::string_view payload)>;
base::Result<ReadResult> read_stream(base::FileSystem& files, const std::string& directory, StreamId stream,
                                     const ReadOptions& options, const Visit& visit);

// The streams that have a directory below `journal_directory`, ascending.
base::Result<std::vector<StreamId>> list_streams(base::FileSystem& files, const std::string& journal_directory);

}  // namespace footfall::journal
