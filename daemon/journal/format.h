// SPDX-License-Identifier: Apache-2.0
// The journal's framing, shared by writer and reader. Knows no domain: a block's payload is bytes.
//
//   directory   STREAM/ SEGMENT...     STREAM "control" or "hits-000", SEGMENT "0000000001.seg"
//   segment     header (4096 bytes: see SegmentHeader) block* zeros-or-stale-bytes
//   block       u32 crc  u32 length  u64 sequence  u64 control_sequence  u64 durable_through  u32 count  payload[length]
//
// `crc` is CRC32C over everything after it, seeded with the segment's generation, so that a stale block of a recycled
// segment never passes. All integers little-endian. The whole grammar, with its downsides, is in daemon/store/FORMAT.md.
// Tested by tests/unit/journal/.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall::journal {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 4096;
inline constexpr std::size_t kBlockHeaderBytes = 40;
inline constexpr std::size_t kPayloadMax = 8U << 20U;

using Incarnation = std::array<std::uint8_t, 16>;  // random id of one data directory

struct StreamId {
  std::uint16_t value = 0;  // 0: control; 1 + n: the hits of shard n
  friend constexpr auto operator<=>(const StreamId&, const StreamId&) = default;
};
inline constexpr StreamId kControlStream{0};
std::string directory_name(StreamId stream);  // "control", "hits-000"

// Where a stream stands: everything up to and including `sequence` (0: nothing yet).
struct Position {
  std::uint64_t segment = 0;   // number of the segment that holds it
  std::uint64_t sequence = 0;
  friend constexpr auto operator<=>(const Position&, const Position&) = default;
};

struct SegmentHeader {
  std::uint32_t version = kFormatVersion;
  StreamId stream;
  Incarnation incarnation{};
  std::uint64_t number = 0;          // of the segment in its stream, from 1
  std::uint64_t generation = 0;      // random, drawn anew each time the file is (re)used; seeds the blocks' CRC
  std::uint64_t first_sequence = 1;  // last written + 1, or last acknowledged + 1 after a failed fsync: a reader
                                     // ignores blocks of earlier segments at or beyond it
};
std::string encode(const SegmentHeader& header);                       // kSegmentHeaderBytes long
base::Result<SegmentHeader> decode_segment_header(std::string_view bytes);  // corrupt, newer_format

struct BlockHeader {
  std::uint64_t sequence = 0;          // per stream, from 1, without holes
  std::uint64_t control_sequence = 0;  // the control stream's position that its decisions were made under
  std::uint64_t durable_through = 0;   // blocks up to here were durable when this one was written
  std::uint32_t count = 0;             // hits inside, for the ledger
};

}  // namespace footfall::journal
