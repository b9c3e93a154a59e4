// SPDX-License-Identifier: Apache-2.0
// Checkpoint: the state as of a position in every stream, as one file of checksummed chunks.
//
//   file    header chunk*         header: magic, version, incarnation, number, newest second, positions, crc
//   chunk   u32 crc  u8 type  u32 length  bytes     registry | site | end
// Written to .tmp, fsynced, renamed, directory fsynced. Two generations are kept. The grammar is in FORMAT.md.
// Tested by tests/unit/store/checkpoint_test.cc: every bit flip is noticed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "store/recovery.h"

namespace footfall::store {

class Reserve;

std::string checkpoint_path(const DataDirectory& directory, std::uint64_t number);
// Numbers of the checkpoints on disk, ascending.
base::Result<std::vector<std::uint64_t>> list_checkpoints(const DataDirectory& directory);
// corrupt (with the path and what is wrong), newer_format, io.
base::Result<RecoveredState> load_checkpoint(const DataDirectory& directory, std::uint64_t number,
                                             const counting::Limits& limits);
// The same of a file anywhere, which says that it is checkpoint `number` of a directory with that incarnation.
base::Result<RecoveredState> read_checkpoint(base::FileSystem& files, const std::string& path,
                                             const journal::Incarnation& incarnation, std::uint64_t number,
                                             const counting::Limits& limits);
// The state's positions become the checkpoint's; presence and batch keys are saved as of state.newest_s. Into the
// reserve's blocks, if one is given; an error leaves the reserve as it was, and no part of the file.
base::Result<void> write_checkpoint(const DataDirectory& directory, std::uint64_t number, const RecoveredState& state,
                                    Reserve* reserve = nullptr);
// Removes all checkpoints but these, and what unfinished writes left.
base::Result<void> remove_checkpoints_but(const DataDirectory& directory, const std::set<std::uint64_t>& kept);

}  // namespace footfall::store
