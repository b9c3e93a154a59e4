// SPDX-License-Identifier: Apache-2.0
#include "descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace footfall {
namespace {

// Listeners, journal, checkpoints, SQLite, Redis, the admin's connections; and those of a shard that are told why they
// are refused (http/loop.cc).
constexpr std::uint64_t kOwn = 160, kOwnOfShard = 80;
constexpr std::uint64_t kConnectionsMin = 16;

}  // namespace

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlimit wanted{limit.rlim_max, limit.rlim_max};
  if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
  return limit.rlim_cur;
}

std::size_t connections_for(std::uint64_t limit, unsigned threads) {
  const std::uint64_t own = kOwn + threads * kOwnOfShard;
  return static_cast<std::size_t>(std::max(kConnectionsMin, limit > own ? (limit - own) / threads : 0));
}

}  // namespace footfall
