// SPDX-License-Identifier: Apache-2.0
// What a reload (SIGHUP, `footfall reload`) takes of the configuration as it reads now, and what waits for a start.
//
// Options are compared by what was given, so one that is written down with its default counts as another; a file of
// trusted peers also by what is in it.
// Tested by tests/unit/server/reload_test.cc, tests/integration/reload_test.py.
#pragma once

#include <string>
#include <vector>

#include "config.h"

namespace footfall {

struct Reloaded {
  std::vector<std::string> applied;      // names of options
  std::vector<std::string> needs_start;  // those that differ from what runs, and do so until a start or a take-over
};

// Copies into `running` what of `wanted` can change in a daemon that runs.
Reloaded take_reloadable(Config& running, const Config& wanted);

// The same as a sentence: "rate-limit and trusted-proxy are in force; threads is read at a start alone".
std::string describe(const Reloaded& reloaded);

}  // namespace footfall
