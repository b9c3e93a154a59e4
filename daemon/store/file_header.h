// SPDX-License-Identifier: Apache-2.0
// FileHeader: how a checkpoint and a backup begin.
//
//   HEADER = 8 bytes magic  u32 version  u32 length  BODY[length]  u32 crc32c(all before, 0)
//
// Magic, version, length and checksum stay where they are in all later versions: a damaged version is told from a later
// one. Its checksum seeds those behind it, so that parts of two files do not mix.
// Threading  none of its own. Errors: corrupt, newer_format and io, with the path.
// Tested by tests/unit/store/checkpoint_test.cc and backup_test.cc: every bit flip and every length is noticed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file_system.h"

namespace footfall::store {

struct FileKind {
  std::string_view name;   // "checkpoint"
  std::string_view magic;  // 8 bytes
  std::uint32_t version;   // that this release writes, and the latest that it reads
  std::uint32_t body_bytes_max;
  std::string_view if_damaged;  // what to do then: "; take another backup", or nothing
  std::string_view if_newer;    // "start the release that wrote it"
};

struct FileHeader {
  std::string body;
  std::uint32_t crc = 0;
  std::uint64_t bytes = 0;  // of the whole header: what comes behind it begins there
};

// The header's bytes; their last four are the checksum. REQUIRES: body.size() <= kind.body_bytes_max.
std::string encode_header(const FileKind& kind, std::string_view body);
base::Result<FileHeader> read_header(const FileKind& kind, base::File& file, const std::string& path);
// corrupt: what is wrong with the file, and what to do.
base::Error damaged(const FileKind& kind, const std::string& path, std::string_view what);

}  // namespace footfall::store
