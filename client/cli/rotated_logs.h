// SPDX-License-Identifier: Apache-2.0
// The rotated files of a log: those beside it that have its name and a number or a date.
//
//     access.log   access.log.1   access.log.2.gz      numbers: the greater the older
//     access.log   access.log-20261129   access.log.2026-11-28.gz      dates: the greater the newer
//     access.log   access-20261129.log   access.1.log.gz               the same before the extension
//
// Tested by tests/unit/client/rotated_logs_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace footfall::cli {

struct RotatedLog {
  std::string path;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  bool readable = true;  // not packed in a way that is not understood (bzip2, xz, zstd)
  friend bool operator==(const RotatedLog&, const RotatedLog&) = default;
};

// Those of the log at `path`, oldest first. Of one that is being packed only what it is packed from. A directory that
// cannot be read has none.
std::vector<RotatedLog> rotated_logs(const std::string& path);

}  // namespace footfall::cli
