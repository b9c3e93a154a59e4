// SPDX-License-Identifier: Apache-2.0
// The journal's framing, shared by writer and reader. Knows no domain: a block's payload is bytes.
//
//   directory   STREAM/ SEGMENT* SPARE*  STREAM "control", "hits-000" or "nodes", SEGMENT "0000000001.seg", SPARE
//   "spare-*.seg" segment     header (4096 bytes: see SegmentHeader) block* zeros-or-stale-bytes block       u32 crc
//   u32 length  u64 sequence  u64 control_sequence  u64 durable_through  u32 count  u32 header_crc
//               payload[length]
//
// `header_crc` is CRC32C over the fields from length to count, seeded with the segment's generation; `crc` continues it
// over the payload: one pass over the bytes gives both. So a stale block of a recycled segment never passes,
// and behind a damaged payload the next block is still found. All integers little-endian. The whole grammar, with its
// downsides, is in daemon/store/FORMAT.md. Tested by tests/unit/journal/format_test.cc.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "base/incarnation.h"

namespace footfall::journal {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 4096;
inline constexpr std::uint64_t kSegmentBytesMin = 64U << 10U;  // a daemon makes no file shorter
inline constexpr std::size_t kGenerationAt = 40;  // in a segment's header; first_sequence and durable_through follow
inline constexpr std::size_t kSegmentCrcAt = kSegmentHeaderBytes - 4;
inline constexpr std::size_t kBlockHeaderBytes = 40;
inline constexpr std::size_t kSequenceAt = 8;  // of a block's sequence in its header
inline constexpr std::size_t kPayloadMax = 8U << 20U;

using base::Incarnation;

struct StreamId {
  std::uint16_t value = 0;  // 0: control; 1 + n: the hits of shard n; 65535: what other nodes said
  friend constexpr auto operator<=>(const StreamId&, const StreamId&) = default;
};
inline constexpr StreamId kControlStream{0};
inline constexpr StreamId kNodesStream{UINT16_MAX};
std::string directory_name(StreamId stream);  // "control", "hits-000", "nodes"
std::optional<StreamId> parse_directory_name(std::string_view name);
std::string segment_name(std::uint64_t number);  // "0000000001.seg"
std::optional<std::uint64_t> parse_segment_name(std::string_view name);
inline constexpr std::string_view kSparePrefix = "spare-";

// Where a stream stands: everything up to and including `sequence` (0: nothing yet).
struct Position {
  std::uint64_t segment = 0;  // number of the segment that holds it, or of a later one before the next block
  std::uint64_t sequence = 0;
  friend constexpr auto operator<=>(const Position&, const Position&) = default;
};

struct SegmentHeader {
  std::uint32_t version = kFormatVersion;
  StreamId stream;
  Incarnation incarnation{};
  std::uint64_t number = 0;           // of the segment in its stream, from 1
  std::uint64_t generation = 0;       // random, drawn anew each time the file is (re)used; seeds the blocks' CRC
  std::uint64_t first_sequence = 1;   // last written + 1, or last acknowledged + 1 after a failed fsync: a reader
                                      // ignores blocks of earlier segments at or beyond it
  std::uint64_t durable_through = 0;  // blocks up to here were durable when the segment was begun
};
std::string encode(const SegmentHeader& header);                            // kSegmentHeaderBytes long
base::Result<SegmentHeader> decode_segment_header(std::string_view bytes);  // corrupt, newer_format

struct BlockHeader {
  std::uint64_t sequence = 0;          // per stream, from 1, without holes
  std::uint64_t control_sequence = 0;  // the control stream's position that its decisions were made under
  std::uint64_t durable_through = 0;   // blocks up to here were durable when this one was written; below `sequence`
  std::uint32_t count = 0;             // hits inside, for the ledger
};

// What the checksums of a segment's blocks begin with.
std::uint32_t block_seed(std::uint64_t generation);
// Replaces `out` by the block's bytes. Keeps out's capacity: no allocation once it has grown.
void encode_block(const BlockHeader& header, std::string_view payload, std::uint32_t seed, std::string& out);

enum class BlockState {
  none,  // not the header of a block of this generation: the end, stale bytes, or a damaged header
  torn,  // a header of this generation, but its payload is damaged or cut off
  good
};
struct DecodedBlock {
  BlockState state = BlockState::none;
  BlockHeader header;        // if not none
  std::size_t size = 0;      // of header and payload, if not none
  std::string_view payload;  // if good: a part of the bytes that were given
};
// Looks at the start of `bytes`, which may go on behind the block.
DecodedBlock decode_block(std::string_view bytes, std::uint32_t seed);
// Whether `bytes`, where decode_block() finds none, begin with the header of block `sequence`, one field of it damaged
// or its end cut off.
bool is_damaged_header(std::string_view bytes, std::uint64_t sequence, std::uint32_t seed);

}  // namespace footfall::journal
