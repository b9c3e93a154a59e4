// SPDX-License-Identifier: Apache-2.0
// AgentCache: hash of an agent -> its kept classification. Groups of eight, each with a bit per entry for "used since
// the hand passed" and a hand of its own: the eight hashes are one cache line, a hit writes one byte.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "base/hash.h"
#include "base/zeroed_table.h"
#include "lookup/agents.h"

namespace footfall::lookup {
namespace {

constexpr std::size_t kWays = 8;

struct alignas(64) Group {
  std::array<std::uint64_t, kWays> hashes;  // 0: free
  std::array<const Agent*, kWays> agents;
  std::array<std::array<std::uint64_t, 2>, kWays> digests;
  std::uint8_t used;  // a bit per entry
  std::uint8_t hand;
};

// Keys that everybody knows: two agents of one digest would be one visitor, which gains nobody anything.
std::array<std::uint64_t, 2> digest_of(std::string_view user_agent) {
  return {base::siphash24({0, 0}, user_agent), base::siphash24({0, 1}, user_agent)};
}

}  // namespace

struct AgentCache::Impl {
  std::shared_ptr<const AgentDatabase> database;
  base::ZeroedTable<Group> groups;  // low bits of the hash -> group
  std::uint64_t misses = 0;
};

AgentCache::AgentCache(std::shared_ptr<const AgentDatabase> database, std::size_t entries_max)
    : impl_(std::make_unique<Impl>()) {
  impl_->database = std::move(database);
  impl_->groups = base::ZeroedTable<Group>(std::bit_ceil((entries_max + kWays - 1) / kWays));
}
AgentCache::~AgentCache() = default;

std::uint64_t AgentCache::misses() const {
  return impl_->misses;
}

AgentCache::Found AgentCache::find(std::string_view user_agent) {
  const std::uint64_t hash = std::max<std::uint64_t>(base::table_hash(user_agent), 1);
  Group& group = impl_->groups[hash & (impl_->groups.size() - 1)];
  const auto found = [&group](std::size_t i) {
    const void* const digest = group.digests[i].data();
    return Found{*group.agents[i], {static_cast<const char*>(digest), sizeof group.digests[i]}};
  };
  for (std::size_t i = 0; i < kWays; ++i) {
    if (group.hashes[i] == hash) {
      group.used = static_cast<std::uint8_t>(group.used | 1U << i);
      return found(i);
    }
  }
  ++impl_->misses;
  const Agent& agent = impl_->database->classify_and_keep(user_agent);
  while ((unsigned{group.used} >> group.hand & 1U) !=
         0) {  // a second chance; ends after one round, which clears all bits
    group.used = static_cast<std::uint8_t>(group.used & ~(1U << group.hand));
    group.hand = static_cast<std::uint8_t>((group.hand + 1) % kWays);
  }
  group.hashes[group.hand] = hash;
  group.agents[group.hand] = &agent;
  group.digests[group.hand] = digest_of(user_agent);
  const std::size_t entered = group.hand;
  group.hand = static_cast<std::uint8_t>((group.hand + 1) % kWays);
  return found(entered);
}

}  // namespace footfall::lookup
