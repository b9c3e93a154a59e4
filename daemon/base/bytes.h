// SPDX-License-Identifier: Apache-2.0
// Bytes in and out: little-endian fixed integers, LEB128 varints, length-prefixed strings.
//
// ByteWriter appends to a string that the caller owns. ByteReader walks a view; the first read past the end or the
// first malformed varint makes it fail for good: every later read gives zero, and ok() is false. Callers check once.
// Tested by tests/unit/base/bytes_test.cc.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace footfall::base {

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u16(std::uint16_t v) { fixed(v); }
  void u32(std::uint32_t v) { fixed(v); }
  void u64(std::uint64_t v) { fixed(v); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      u8(static_cast<std::uint8_t>(v) | 0x80U);
      v >>= 7U;
    }
    u8(static_cast<std::uint8_t>(v));
  }
  // zigzag: small magnitudes of either sign stay short
  void svarint(std::int64_t v) { varint((static_cast<std::uint64_t>(v) << 1U) ^ static_cast<std::uint64_t>(v >> 63)); }
  void raw(std::string_view bytes) { out_.append(bytes); }
  // varint length, then the bytes
  void string(std::string_view bytes) {
    varint(bytes.size());
    raw(bytes);
  }
  std::size_t size() const { return out_.size(); }

 private:
  template <class T>
  void fixed(T v) {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored integers are little-endian");
    char buffer[sizeof v];
    std::memcpy(buffer, &v, sizeof v);
    out_.append(buffer, sizeof v);
  }

  std::string& out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint16_t u16() { return fixed<std::uint16_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = u8();
      if (failed_) return 0;
      if (shift == 63 && byte > 1) break;  // more than 64 bits
      v |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if ((byte & 0x80U) == 0) return v;
    }
    fail();
    return 0;
  }
  std::int64_t svarint() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>(v >> 1U) ^ -static_cast<std::int64_t>(v & 1U);
  }
  std::string_view raw(std::size_t size) {
    if (size > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  std::string_view string() { return raw(varint()); }

  bool ok() const { return !failed_; }
  // All read, and nothing failed on the way.
  bool at_end() const { return !failed_ && rest_.empty(); }
  std::size_t remaining() const { return rest_.size(); }
  void fail() {
    failed_ = true;
    rest_ = {};
  }

 private:
  template <class T>
  T fixed() {
    T v{};
    const std::string_view bytes = raw(sizeof v);
    if (!failed_) std::memcpy(&v, bytes.data(), sizeof v);
    return v;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace footfall::base
