// SPDX-License-Identifier: Apache-2.0
// What `footfall restore --from-redis` does; see snapshot.cc.
#pragma once

#include <cstddef>
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

// Where all sites are restored under one id, each is a change of its own: its id follows from that one and the site, so
// that the command may be sent again after it stopped half-way. "ID.SITE", or with a hash of a site whose name is too
// long. REQUIRES: id.size() <= kAllSitesIdMax.
inline constexpr std::size_t kAllSitesIdMax = 47;
std::string change_id_of_site(const std::string& id, const std::string& site);

}  // namespace footfall::cli
