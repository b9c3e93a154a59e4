// SPDX-License-Identifier: Apache-2.0
// Encoding and decoding of the journal's frames and names. See format.h.
#include "journal/format.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/bytes.h"
#include "base/hash.h"

namespace footfall::journal {
namespace {

constexpr std::string_view kMagic{"FOOTFJRN"};
constexpr std::string_view kSegmentSuffix = ".seg";
constexpr std::string_view kHitsPrefix = "hits-";

// Offsets in a block's header.
constexpr std::size_t kLengthAt = 4;
constexpr std::size_t kBlockHeaderCrcAt = 36;
static_assert(kBlockHeaderCrcAt + 4 == kBlockHeaderBytes);

template <class T>
T load(std::string_view bytes, std::size_t at) {
  T v{};
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return v;
}

std::string padded(std::uint64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

std::optional<std::uint64_t> parse_digits(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

base::Error corrupt(std::string detail) {
  return {base::Errc::corrupt, std::move(detail)};
}

}  // namespace

std::string directory_name(StreamId stream) {
  if (stream == kControlStream) return "control";
  if (stream == kNodesStream) return "nodes";
  return std::string(kHitsPrefix) + padded(stream.value - 1U, 3);
}

std::optional<StreamId> parse_directory_name(std::string_view name) {
  for (const StreamId stream : {kControlStream, kNodesStream}) {
    if (name == directory_name(stream)) return stream;
  }
  if (!name.starts_with(kHitsPrefix)) return std::nullopt;
  const auto shard = parse_digits(name.substr(kHitsPrefix.size()));
  if (!shard || *shard + 1 >= kNodesStream.value) return std::nullopt;
  const StreamId stream{static_cast<std::uint16_t>(*shard + 1)};
  return directory_name(stream) == name ? std::optional(stream) : std::nullopt;
}

std::string segment_name(std::uint64_t number) {
  return padded(number, 10) + std::string(kSegmentSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (!name.ends_with(kSegmentSuffix)) return std::nullopt;
  const auto number = parse_digits(name.substr(0, name.size() - kSegmentSuffix.size()));
  return number && *number > 0 && segment_name(*number) == name ? number : std::nullopt;
}

std::string encode(const SegmentHeader& header) {
  std::string out;
  out.reserve(kSegmentHeaderBytes);
  base::ByteWriter writer(out);
  writer.raw(kMagic);
  writer.u32(header.version);
  writer.u16(header.stream.value);
  writer.u16(0);
  for (const std::uint8_t byte : header.incarnation) writer.u8(byte);
  writer.u64(header.number);
  writer.u64(header.generation);
  writer.u64(header.first_sequence);
  writer.u64(header.durable_through);
  out.resize(kSegmentCrcAt, '\0');
  writer.u32(base::crc32c(out));
  return out;
}

base::Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return corrupt("the segment's header is cut off");
  if (!bytes.starts_with(kMagic)) return corrupt("this is not a journal segment");
  if (load<std::uint32_t>(bytes, kSegmentCrcAt) != base::crc32c(bytes.substr(0, kSegmentCrcAt))) {
    return corrupt("the checksum of the segment's header does not hold");
  }
  base::ByteReader reader(bytes.substr(kMagic.size(), kSegmentCrcAt - kMagic.size()));
  SegmentHeader header;
  header.version = reader.u32();
  if (header.version > kFormatVersion) {
    return base::Error{base::Errc::newer_format, "the segment has format " + std::to_string(header.version) +
                                                     ", this release reads up to " + std::to_string(kFormatVersion) +
                                                     "; start the release that wrote it"};
  }
  header.stream.value = reader.u16();
  reader.u16();
  for (std::uint8_t& byte : header.incarnation) byte = reader.u8();
  header.number = reader.u64();
  header.generation = reader.u64();
  header.first_sequence = reader.u64();
  header.durable_through = reader.u64();
  if (header.version == 0 || header.first_sequence == 0 || header.durable_through >= header.first_sequence) {
    return corrupt("the segment's header contradicts itself");
  }
  return header;
}

std::uint32_t block_seed(std::uint64_t generation) {
  std::string bytes;
  base::ByteWriter(bytes).u64(generation);
  return base::crc32c(bytes);
}

void encode_block(const BlockHeader& header, std::string_view payload, std::uint32_t seed, std::string& out) {
  out.clear();
  base::ByteWriter writer(out);
  writer.u32(0);  // crc: see below
  writer.u32(static_cast<std::uint32_t>(payload.size()));
  writer.u64(header.sequence);
  writer.u64(header.control_sequence);
  writer.u64(header.durable_through);
  writer.u32(header.count);
  const std::uint32_t header_crc = base::crc32c(std::string_view(out).substr(kLengthAt), seed);
  writer.u32(header_crc);
  writer.raw(payload);
  // Not over header_crc itself: a checksum that runs over its own value forgets what it was of.
  const std::uint32_t crc = base::crc32c(payload, header_crc);
  std::memcpy(out.data(), &crc, sizeof crc);
}

DecodedBlock decode_block(std::string_view bytes, std::uint32_t seed) {
  DecodedBlock block;
  if (bytes.size() < kBlockHeaderBytes) return block;
  const std::string_view fields = bytes.substr(kLengthAt, kBlockHeaderCrcAt - kLengthAt);
  const std::uint32_t header_crc = base::crc32c(fields, seed);
  if (load<std::uint32_t>(bytes, kBlockHeaderCrcAt) != header_crc) return block;
  base::ByteReader reader(fields);
  const std::uint32_t length = reader.u32();
  block.header.sequence = reader.u64();
  block.header.control_sequence = reader.u64();
  block.header.durable_through = reader.u64();
  block.header.count = reader.u32();
  if (length > kPayloadMax || block.header.durable_through >= block.header.sequence) return block;
  block.state = BlockState::torn;
  block.size = kBlockHeaderBytes + length;
  if (bytes.size() < block.size) return block;
  const std::string_view payload = bytes.substr(kBlockHeaderBytes, length);
  if (load<std::uint32_t>(bytes, 0) != base::crc32c(payload, header_crc)) return block;
  block.state = BlockState::good;
  block.payload = payload;
  return block;
}

bool is_damaged_header(std::string_view bytes, std::uint64_t sequence, std::uint32_t seed) {
  if (bytes.size() < kSequenceAt + sizeof sequence) return false;
  if (load<std::uint64_t>(bytes, kSequenceAt) == sequence) return true;
  if (bytes.size() < kBlockHeaderBytes) return false;
  std::string fields(bytes.substr(kLengthAt, kBlockHeaderCrcAt - kLengthAt));
  std::memcpy(fields.data() + kSequenceAt - kLengthAt, &sequence, sizeof sequence);
  return load<std::uint32_t>(bytes, kBlockHeaderCrcAt) == base::crc32c(fields, seed);
}

}  // namespace footfall::journal
