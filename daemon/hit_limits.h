// SPDX-License-Identifier: Apache-2.0
// HitLimits: whether a hit is within what its site, and this node in all, takes in a second. Asked last, of a ping that
// would be accepted else.
// Threading  a shard's; the buckets are those of all shards. Tested by tests/integration/limits_test.py.
#pragma once

#include <cstdint>

#include "local_sites.h"
#include "sites/hit_limit.h"

namespace footfall {

class HitLimits {
 public:
  explicit HitLimits(sites::HitLimit& all) : all_(all) {}
  void set_in_all(std::uint32_t per_second) { in_all_ = per_second; }

  bool allow(const LocalSite& local, std::int64_t now_ms) const {
    return local.entry.site->hit_limit().allow(local.entry.settings->hits_per_second_max, now_ms) &&
           all_.allow(in_all_, now_ms);
  }

 private:
  sites::HitLimit& all_;
  std::uint32_t in_all_ = 0;  // 0: no limit
};

}  // namespace footfall
