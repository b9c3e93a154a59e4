// SPDX-License-Identifier: Apache-2.0
// What of a stream is to be removed: segments that its writer no longer needs, and departed streams, those of shards
// that an earlier start had. Nobody writes them any more; a checkpoint takes them up.
// Tested by tests/unit/journal/departed_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/file_system.h"

namespace footfall::journal {

// Removes the segments with a number up to `through`, and the spares. REQUIRES: no Writer has the stream open.
base::Result<void> remove_segments(base::FileSystem& files, const std::string& directory, std::uint64_t through);

// Removes the files, in this order; one that is not there is no error.
base::Result<void> remove_files(base::FileSystem& files, const std::vector<std::string>& paths);

}  // namespace footfall::journal
