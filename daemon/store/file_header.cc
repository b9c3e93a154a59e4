// SPDX-License-Identifier: Apache-2.0
// FileHeader: see file_header.h.
#include "store/file_header.h"

#include <cassert>

#include "base/bytes.h"
#include "base/hash.h"

namespace footfall::store {
namespace {

using base::Errc;
using base::Error;

constexpr std::size_t kFixedBytes = 16;  // magic, version, length
constexpr std::size_t kSumBytes = 4;

}  // namespace

Error damaged(const FileKind& kind, const std::string& path, std::string_view what) {
  return Error{Errc::corrupt, path + ": " + std::string(what) + std::string(kind.if_damaged)};
}

std::string encode_header(const FileKind& kind, std::string_view body) {
  assert(body.size() <= kind.body_bytes_max);
  std::string header;
  base::ByteWriter out(header);
  out.raw(kind.magic);
  out.u32(kind.version);
  out.u32(static_cast<std::uint32_t>(body.size()));
  out.raw(body);
  out.u32(base::crc32c(header));
  return header;
}

base::Result<FileHeader> read_header(const FileKind& kind, base::File& file, const std::string& path) {
  const auto fixed = file.read_at(0, kFixedBytes);
  if (!fixed) return fixed.error();
  base::ByteReader start(*fixed);
  if (start.raw(kind.magic.size()) != kind.magic)
    return damaged(kind, path, "it is no " + std::string(kind.name) + ", or its first bytes are damaged");
  const std::uint32_t version = start.u32();
  const std::uint32_t length = start.u32();
  if (!start.ok()) return damaged(kind, path, "its header is cut short");
  if (length > kind.body_bytes_max) return damaged(kind, path, "its header is damaged");
  const auto rest = file.read_at(kFixedBytes, length + kSumBytes);
  if (!rest) return rest.error();
  if (rest->size() != length + kSumBytes) return damaged(kind, path, "its header is cut short");
  FileHeader header;
  header.body = rest->substr(0, length);
  header.crc = base::ByteReader(std::string_view(*rest).substr(length)).u32();
  header.bytes = kFixedBytes + length + kSumBytes;
  if (header.crc != base::crc32c(header.body, base::crc32c(*fixed)))
    return damaged(kind, path, "the checksum of its header does not hold");
  if (version > kind.version) {
    return Error{Errc::newer_format, path + " is of format " + std::to_string(version) +
                                         ", and this release knows formats up to " + std::to_string(kind.version) +
                                         "; " + std::string(kind.if_newer)};
  }
  if (version == 0) return damaged(kind, path, "its header breaks its grammar");
  return header;
}

}  // namespace footfall::store
