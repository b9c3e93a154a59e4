// SPDX-License-Identifier: Apache-2.0
// Setting aside: what a start with --accept-loss gave up leaves the journal, and stays for who may want to look at it.
//
//   hits-000/0000000003.seg   holds blocks before the cut     copied to damaged/hits-000-0000000003.seg
//   hits-000/0000000004.seg   lies wholly behind it           moved to damaged/hits-000-0000000004.seg
//   hits-000/0000000004.seg   begun anew, first_sequence behind the cut: the rest of 0000000003 is void from now on
//
// The last segment goes first, so that a crash in between leaves no gap: the next start refuses again, or is clean.
// Tested by tests/unit/store/recovery_test.cc.
#pragma once

#include "base/errors.h"
#include "store/recovery.h"

namespace footfall::store {

// REQUIRES: the directory is locked, and no writer of the streams is open. Afterwards a start needs no flag.
base::Result<void> set_aside(const DataDirectory& directory, const RecoveredState& state);

}  // namespace footfall::store
