// SPDX-License-Identifier: Apache-2.0
// Reserve: preallocated room in the data directory, so that a full disk does not stop what frees it.
//
//   checkpoint/reserve    bytes of no meaning: their blocks are what counts
//
//   lend()    the next checkpoint is written into its blocks, so that it takes nothing from a disk that the journal has
//             filled; with that checkpoint the journal's segments go
//   give()    a part of it goes, for the little that a stop or a start must write
//   take()    it is made, or grows back, where there is room
//
// Its size is a fixed part and five quarters of the newest checkpoint.
// Threading  one at a time, but bytes(). Errors: no_room, io. Where the file system cannot reserve blocks it is of no
//            use. Tested by tests/unit/store/reserve_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "store/data_directory.h"

namespace footfall::store {

class Reserve {
 public:
  // Takes what an earlier start left; makes nothing. `fixed`: bytes.
  Reserve(const DataDirectory& directory, std::uint64_t fixed);

  // An error leaves it as large as it was.
  base::Result<void> take();
  // Makes it smaller by this much; false: there was nothing left of it.
  bool give(std::uint64_t bytes);
  // Renames it to `path`, in the same directory; it is gone then. Does nothing if there is none.
  base::Result<void> lend(const std::string& path);
  // What was lent and not used up.
  base::Result<void> put_back(const std::string& path);

  // Any thread.
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  void set(std::uint64_t bytes) { bytes_.store(bytes, std::memory_order_relaxed); }
  base::Result<std::uint64_t> wanted() const;

  const DataDirectory& directory_;
  const std::string path_;
  const std::uint64_t fixed_;
  std::uint64_t lent_ = 0;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace footfall::store
