// SPDX-License-Identifier: Apache-2.0
#include "sites/value_frame.h"

#include "base/hash.h"

namespace footfall::sites {

void open_frame(std::string& bytes, std::string_view magic, std::uint64_t version) {
  base::ByteWriter out(bytes);
  out.raw(magic);
  out.varint(version);
}

void close_frame(std::string& bytes) {
  const std::uint32_t crc = base::crc32c(bytes);
  base::ByteWriter(bytes).u32(crc);
}

base::Result<base::ByteReader> read_frame(std::string_view bytes, std::string_view magic, std::uint64_t latest,
                                          const std::string& what) {
  using base::Errc;
  using base::Error;
  base::ByteReader head(bytes);
  if (head.raw(magic.size()) != magic) return Error{Errc::corrupt, what + " does not begin as one"};
  const std::uint64_t version = head.varint();
  if (head.ok() && version > latest) {
    return Error{Errc::newer_format, what + " has format " + std::to_string(version) +
                                         ", and this release reads format " + std::to_string(latest) +
                                         ": use a later release"};
  }
  if (!head.ok() || head.remaining() < 4 ||
      base::ByteReader(bytes.substr(bytes.size() - 4)).u32() != base::crc32c(bytes.substr(0, bytes.size() - 4))) {
    return Error{Errc::corrupt, what + " has a checksum that does not hold"};
  }
  return base::ByteReader(bytes.substr(bytes.size() - head.remaining(), head.remaining() - 4));
}

}  // namespace footfall::sites
