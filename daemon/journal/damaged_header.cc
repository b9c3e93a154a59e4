// SPDX-License-Identifier: Apache-2.0
// DamagedHeader: see damaged_header.h.
#include "journal/damaged_header.h"

#include <bit>
#include <cstring>
#include <string>

#include "base/hash.h"

namespace footfall::journal {
namespace {

constexpr std::size_t kDoubtfulBegin = kGenerationAt;                             // generation, first_sequence,
constexpr std::size_t kDoubtfulEnd = kDoubtfulBegin + 3 * sizeof(std::uint64_t);  // durable_through

template <class T>
T load(std::string_view bytes, std::size_t at) {
  T v{};
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return v;
}

SegmentHeader stated(std::string_view header, SegmentHeader known) {
  known.generation = load<std::uint64_t>(header, kGenerationAt);
  known.first_sequence = load<std::uint64_t>(header, kGenerationAt + 8);
  known.durable_through = load<std::uint64_t>(header, kGenerationAt + 16);
  return known;
}

// crc32c(the generation, 0), if all of `header` but the generation is as it was written. A checksum is linear: two
// that run over the same bytes from different beginnings differ by what the beginnings alone make of zeros.
std::uint32_t seed_by_checksum(std::string_view header, std::uint32_t checksum) {
  constexpr std::size_t kBehind = kGenerationAt + sizeof(std::uint64_t);
  const std::string_view zeros("\0\0\0\0\0\0\0\0", sizeof(std::uint64_t));
  const std::uint32_t before = base::crc32c(header.substr(0, kGenerationAt));
  const std::uint32_t behind = base::crc32c_before(header.substr(kBehind, kSegmentCrcAt - kBehind), checksum);
  return behind ^ base::crc32c(zeros, before) ^ base::crc32c(zeros);
}

}  // namespace

std::optional<std::uint64_t> first_sequence_of(std::string_view header, const SegmentHeader& known,
                                               std::string_view first_block) {
  const SegmentHeader said = stated(header, known);
  const DecodedBlock block = decode_block(first_block, block_seed(said.generation));
  if (block.state != BlockState::none) return block.header.sequence;

  std::string mended = encode(said);  // what is known is in place, and the checksum that belongs to it
  const auto checksum = load<std::uint32_t>(header, kSegmentCrcAt);
  const DecodedBlock by_checksum = decode_block(first_block, seed_by_checksum(mended, checksum));
  if (by_checksum.state != BlockState::none && by_checksum.header.sequence == said.first_sequence)
    return said.first_sequence;

  if (std::popcount(load<std::uint32_t>(mended, kSegmentCrcAt) ^ checksum) <= 1) return said.first_sequence;
  for (std::size_t bit = kDoubtfulBegin * 8; bit < kDoubtfulEnd * 8; ++bit) {
    char& byte = mended[bit / 8];
    const char as_stated = byte;
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ 1U << bit % 8);
    if (base::crc32c(std::string_view(mended).substr(0, kSegmentCrcAt)) == checksum)
      return stated(mended, known).first_sequence;
    byte = as_stated;
  }
  return std::nullopt;
}

}  // namespace footfall::journal
