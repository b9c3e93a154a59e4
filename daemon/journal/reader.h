// SPDX-License-Identifier: Apache-2.0
// Reader: walks the blocks of a stream in order, from behind a position to its end.
//
// The end is the first bad block: damaged, cut off, or missing because a whole segment did not reach the device. At or
// before a `durable_through` that anything behind it states (a block, or a segment's header) it is corruption
// (Errc::corrupt, with file, offset and what is lost); else it is the torn tail of a crash: it ends the stream, even if
// good blocks follow, and how many bytes were cut is reported.
// Blocks at or beyond the first_sequence of a later segment are ignored. Segments that lie wholly at or before
// `after` may be absent or damaged.
// A header whose first or last 512 bytes are zeros, or none, or a number that is missing, is a segment whose making did not reach the device: it
// holds nothing.
// Cost: one segment in memory at a time, about 1 GB/s.
// Tested by tests/unit/journal/reader_test.cc: truncated at every byte, each bit flipped.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/file_system.h"
#include "journal/format.h"

namespace footfall::journal {

struct ReadResult {
  Position end;  // of the last good block (or where reading began)
  std::uint64_t blocks = 0;
  std::uint64_t hits = 0;        // sum of the blocks' counts
  std::uint64_t torn_bytes = 0;  // of blocks behind the end that bear their segment's generation
};

struct ReadOptions {
  Incarnation incarnation{};                   // of the data directory; another one in a header is Errc::corrupt
  Position after;                              // blocks with a sequence beyond after.sequence are visited
  std::uint64_t through_segment = UINT64_MAX;  // stop behind this segment (the checkpointer reads closed ones only)
};

// `visit` gets each block; an error from it ends the walk and is returned.
using Visit = std::function<base::Result<void>(const BlockHeader&, std::string_view payload)>;
base::Result<ReadResult> read_stream(base::FileSystem& files, const std::string& directory, StreamId stream,
                                     const ReadOptions& options, const Visit& visit);

// The streams that have a directory below `journal_directory`, ascending.
base::Result<std::vector<StreamId>> list_streams(base::FileSystem& files, const std::string& journal_directory);

}  // namespace footfall::journal
