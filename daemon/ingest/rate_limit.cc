// SPDX-License-Identifier: Apache-2.0
#include "ingest/rate_limit.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace footfall::ingest {
namespace {

constexpr std::uint32_t kBurstMax = 4'000'000;

// Time does not step back, but a caller may hold an older reading: then nothing has passed.
std::uint32_t elapsed(std::uint32_t from_ms, std::uint32_t to_ms) {
  const std::uint32_t difference = to_ms - from_ms;
  return difference < 1U << 31U ? difference : 0;
}

}  // namespace

RateLimit::RateLimit(std::uint32_t per_second, std::uint32_t burst, std::size_t clients_max)
    : per_second_(per_second), burst_milli_(std::clamp<std::uint32_t>(burst, 1, kBurstMax) * 1000) {
  if (per_second_ != 0)
    groups_ = base::ZeroedTable<Group>(std::bit_ceil((std::max<std::size_t>(clients_max, 1) + kWays - 1) / kWays));
}

RateLimit::Entry& RateLimit::find(std::uint64_t prefix, std::uint32_t now_ms) {
  Group& group = groups_[prefix & (groups_.size() - 1)];
  Entry* oldest = nullptr;
  for (Entry& entry : group.entries) {
    if (entry.prefix == prefix) return entry;
    if (oldest == nullptr ||
        (oldest->prefix != 0 && (entry.prefix == 0 || elapsed(entry.at_ms, now_ms) > elapsed(oldest->at_ms, now_ms)))) {
      oldest = &entry;
    }
  }
  *oldest = {prefix, burst_milli_, now_ms};
  return *oldest;
}

std::uint64_t RateLimit::prefix_of(const Address& client) {
  return base::table_hash(client_prefix(client.bytes.data())) | 1U << 31U;  // never 0
}

std::uint32_t RateLimit::tokens_milli(const Entry& entry, std::uint32_t now_ms) const {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(
      burst_milli_, entry.tokens_milli + std::uint64_t{elapsed(entry.at_ms, now_ms)} * per_second_));
}

bool RateLimit::allow(const Address& client, std::int64_t now_ms, std::uint32_t cost) {
  if (per_second_ == 0) return true;
  const auto now = static_cast<std::uint32_t>(now_ms);
  Entry& entry = find(prefix_of(client), now);
  if (elapsed(entry.at_ms, now) != 0) {
    entry.tokens_milli = tokens_milli(entry, now);
    entry.at_ms = now;
  }
  const std::uint64_t wanted = std::uint64_t{cost} * 1000;
  if (entry.tokens_milli < wanted) return false;
  entry.tokens_milli -= static_cast<std::uint32_t>(wanted);
  return true;
}

bool RateLimit::exhausted(const Address& client, std::int64_t now_ms, std::uint32_t cost) const {
  if (per_second_ == 0) return false;
  const std::uint64_t prefix = prefix_of(client);
  for (const Entry& entry : groups_[prefix & (groups_.size() - 1)].entries) {
    if (entry.prefix != prefix) continue;
    return tokens_milli(entry, static_cast<std::uint32_t>(now_ms)) < std::uint64_t{cost} * 1000;
  }
  return std::uint64_t{cost} * 1000 > burst_milli_;
}

}  // namespace footfall::ingest
