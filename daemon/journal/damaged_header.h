// SPDX-License-Identifier: Apache-2.0
// DamagedHeader: what a segment header whose checksum does not hold still tells: its first_sequence, by which a start
// with --accept-loss knows which blocks of earlier segments are void.
//
// Most of a header is known beforehand (magic, version, stream, incarnation, number, zeros), so the damage matters only
// in what is left: generation, first_sequence, durable_through, and the checksum itself. In this order:
//
//   the first block     its checksum holds under the generation that is stated: it has the segment's first sequence
//   its seed            the header's checksum alone tells what the blocks' checksums begin with, whatever the
//   generation
//                       was, if the rest is whole; then the first block's holds under it, and agrees
//   the checksum        it holds with what is known put in place, and at most one bit of the rest turned
//
// Each is a match of 32 bits or more. Where none matches nothing is told: damage of more than one bit, and no block
// behind the header to ask.
// Tested by tests/unit/journal/damaged_header_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "journal/format.h"

namespace footfall::journal {

// `known`: version, stream, incarnation and number, as they should be. `first_block`: what is behind the header, at
// least kBlockHeaderBytes if the file has them. REQUIRES: header.size() == kSegmentHeaderBytes.
std::optional<std::uint64_t> first_sequence_of(std::string_view header, const SegmentHeader& known,
                                               std::string_view first_block);

}  // namespace footfall::journal
