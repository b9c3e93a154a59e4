// SPDX-License-Identifier: Apache-2.0
// RecoveryProgress: how far a start has read its data directory, for /startupz. Bytes are those of the segments' files,
// which are reserved whole: a stream that is done counts as all of its bytes.
// Threading: written by the recovering thread, read by any.
#pragma once

#include <atomic>
#include <cstdint>

namespace footfall::store {

struct RecoveryProgress {
  std::atomic<std::uint64_t> streams{0};  // to read; 0: the checkpoint is being read
  std::atomic<std::uint64_t> stream{0};   // the one that is being read, from 1
  std::atomic<std::uint64_t> bytes{0};    // to read
  std::atomic<std::uint64_t> bytes_read{0};
  std::atomic<std::uint64_t> hits{0};  // replayed
};

}  // namespace footfall::store
