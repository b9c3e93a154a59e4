// SPDX-License-Identifier: Apache-2.0
// What `footfall restore --from-redis` does; see snapshot.cc.
#pragma once

#include <string>

#include "cli/changes.h"
#include "cli/command.h"

namespace footfall::cli {

struct RestoreFromRedis {
  ChangeOptions change;
  std::string site;                 // empty: every site that has a snapshot
  std::string snapshot = "latest";  // of that site
  bool dry_run = false;
};

int restore_from_redis(const RestoreFromRedis& options, Terminal& terminal);

}  // namespace footfall::cli
