// SPDX-License-Identifier: Apache-2.0
// Departed streams: those of shards that an earlier start had. Nobody writes them any more; a checkpoint takes them up.
// Tested by tests/unit/journal/departed_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "base/errors.h"
#include "base/file_system.h"

namespace footfall::journal {

// Removes the segments with a number up to `through`, and the spares. REQUIRES: no Writer has the stream open.
base::Result<void> remove_segments(base::FileSystem& files, const std::string& directory, std::uint64_t through);

}  // namespace footfall::journal
