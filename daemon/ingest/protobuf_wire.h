// SPDX-License-Identifier: Apache-2.0
// The wire format of Protocol Buffers, as far as a reader needs it: tags, varints, lengths. Source: the encoding's
// specification, protobuf.dev/programming-guides/encoding. Groups, which nobody writes any more, are malformed here.
// Cost: no allocation. Tested by tests/unit/ingest/batch_reader_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace footfall::ingest {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Moves `next` behind a varint. False: it has more than 10 bytes, or the bytes end within it (`next` is then `end`).
inline bool read_varint(const char*& next, const char* end, std::uint64_t& value) {
  if (next != end && static_cast<signed char>(*next) >= 0) [[likely]] {
    value = static_cast<unsigned char>(*next++);
    return true;
  }
  value = 0;
  for (unsigned shift = 0; next != end; shift += 7) {
    if (shift == 70) return false;
    const auto byte = static_cast<unsigned char>(*next++);
    value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint64_t value = 0;   // of a varint
  std::size_t header = 0;    // bytes before the content; 0: they are not all there
  std::uint64_t size = 0;    // of the content, whether it is there or not; of a varint 0
  std::string_view content;  // of a whole field
};

// How much of a field is in [next, end).
enum class WireState : std::uint8_t { whole, partial, malformed };

inline WireState read_field(const char* next, const char* end, WireField& field) {
  const char* const begin = next;
  const auto stopped = [&] { return next == end ? WireState::partial : WireState::malformed; };
  field.header = 0;
  field.size = 0;
  std::uint64_t tag = 0;
  if (!read_varint(next, end, tag)) return stopped();
  if (tag >> 32U != 0 || tag >> 3U == 0) return WireState::malformed;
  field.number = static_cast<std::uint32_t>(tag >> 3U);
  field.type = static_cast<WireType>(tag & 7U);
  std::uint64_t size = 0;
  switch (field.type) {
    case WireType::bytes:
      if (!read_varint(next, end, size)) return stopped();
      break;
    case WireType::varint:
      if (!read_varint(next, end, field.value)) return stopped();
      break;
    case WireType::fixed64:
      size = 8;
      break;
    case WireType::fixed32:
      size = 4;
      break;
    default:
      return WireState::malformed;
  }
  field.header = static_cast<std::size_t>(next - begin);
  field.size = size;
  if (size > static_cast<std::uint64_t>(end - next)) return WireState::partial;
  field.content = {next, static_cast<std::size_t>(size)};
  return WireState::whole;
}

}  // namespace footfall::ingest
