// SPDX-License-Identifier: Apache-2.0
// Checkpoint: the state as of a position in every stream, as one file of checksummed chunks.
//
//   file    header chunk*         header: magic, version, incarnation, number, positions
//   chunk   u32 crc  u8 type  u32 length  bytes     registry | site | end
// Written to .tmp, fsynced, renamed, directory fsynced. Two generations are kept.
// Tested by tests/unit/store/checkpoint_test.cc: every bit flip is noticed.
#pragma once

#include <cstdint>
#include <vector>

#include "store/recovery.h"

namespace footfall::store {

// Numbers of the checkpoints on disk, ascending.
base::Result<std::vector<std::uint64_t>> list_checkpoints(const DataDirectory& directory);
base::Result<RecoveredState> load_checkpoint(const DataDirectory& directory, std::uint64_t number, const counting::Limits& limits);
base::Result<void> write_checkpoint(const DataDirectory& directory, std::uint64_t number, const RecoveredState& state);

}  // namespace footfall::store
