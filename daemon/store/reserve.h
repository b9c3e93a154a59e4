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
#include <functional>
#include <string>

#include "journal/writer.h"
#include "store/data_directory.h"

namespace footfall::store {

class Reserve {
 public:
  // Takes what an earlier start left; makes nothing. `fixed`: bytes.
  Reserve(const DataDirectory& directory, std::uint64_t fixed);

  // After an error it is as large as there is room for.
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

// `begin` begins a segment of the control stream: a small one, in the room of the reserve, where there is no other.
base::Result<void> begin_segment(journal::Writer& control, Reserve& reserve,
                                 const std::function<base::Result<void>()>& begin);
// For a checkpoint: rolls the control stream, and answers the last closed segment. All changes that are in force are in
// it and those before it: no change that a hit was counted under may be missing.
base::Result<std::uint64_t> close_control_segment(journal::Writer& control, Reserve& reserve);

}  // namespace footfall::store
