// SPDX-License-Identifier: Apache-2.0
// What the daemon is told about Redis (RedisLink).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "redis/target.h"

namespace footfall {

struct RedisOptions {
  std::optional<redis::Target> target;      // none: no Redis
  std::string authorities;                  // PEM file for TLS; empty: the system's
  std::string prefix = "footfall";          // of every key
  std::int32_t snapshot_interval_s = 3600;  // 0: on demand alone
  std::uint32_t snapshots_kept = 48;        // of a site
  std::string cluster_key;                  // file with the nodes' common key; empty: each has salts of its own
  std::string node;                         // its name among those that count together; empty: it counts for itself
};

}  // namespace footfall
