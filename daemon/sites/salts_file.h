// SPDX-License-Identifier: Apache-2.0
// The file of salts: the oldest local day whose visitor key is kept, and that key. ingest/salts.h turns it; a check of
// a data directory only looks at it. The bytes are in store/FORMAT.md.
//
// Units      local days since 1970; UTC seconds.
// Threading  none of its own.
// Errors     read: not_found; denied (others may read it); corrupt, newer_format and io. Each names the path and says
//            what to do.
// Tested by tests/unit/sites/salts_file_test.cc and tests/unit/ingest/salts_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/errors.h"
#include "base/file_system.h"
#include "counting/hit.h"

namespace footfall::sites {

// Overwritten when it goes.
struct SaltsState {
  counting::Day day = 0;
  std::array<std::uint8_t, 32> key{};

  SaltsState() = default;
  SaltsState(const SaltsState&) = default;
  SaltsState& operator=(const SaltsState&) = default;
  ~SaltsState();
};

base::Result<SaltsState> read_salts(base::FileSystem& files, const std::string& path);
// Replaces the file: a crash leaves the old or the new one.
base::Result<void> write_salts(base::FileSystem& files, const std::string& path, const SaltsState& state);

// The oldest local day whose key a window still needs at now_s: it ends last at UTC-12, and is needed a window (3600 s
// at most) and 60 s longer.
counting::Day oldest_salt_day(std::int64_t now_s);
// The day of a file that has not come at now_s: days that are needed have no key. One day ahead is a clock that was set
// back by seconds around a rotation, and is not meant.
bool is_of_the_future(counting::Day day, std::int64_t now_s);

}  // namespace footfall::sites
