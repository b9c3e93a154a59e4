// SPDX-License-Identifier: Apache-2.0
// Crash states: what may be on a disk after a power cut, or a kill, at any moment of a run that FaultFs wrote down.
//
//   log   w w s w n w s n ...     at each prefix: what was synced is there; the others may be, each on its own:
//                                   a write by pages of 4 KiB, torn at 512 bytes; a size apart from the bytes;
//                                   a name made, moved or removed, until its directory is synced
//   disks  none - all (a kill) - one lost - one kept - names in order, as ext4 keeps them - random subsets - torn
//
// A subset covers every order: what is written over by a later write is as if that one was lost.
// Cost: some 20 us a disk. Tested by tests/unit/store/crash_states_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "support/fault_fs.h"

namespace footfall::testing {

struct CrashState {
  const Disk& disk;
  std::uint64_t hash = 0;    // of the disk
  std::size_t position = 0;  // log entries that were done
  bool killed = false;       // the process was; all that it wrote is there
};

// Calls `visit` for the crash states of the run, with `subsets` random ones at each position.
void each_crash_state(const FaultFs& run, unsigned subsets, std::mt19937_64& random,
                      const std::function<void(const CrashState&)>& visit);

// One of the disks that a cut at the end of the run may leave.
Disk random_power_cut(const FaultFs& run, std::mt19937_64& random);

}  // namespace footfall::testing
