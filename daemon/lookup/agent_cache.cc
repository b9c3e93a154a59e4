// SPDX-License-Identifier: Apache-2.0
// AgentCache: hash of an agent -> its kept classification. Groups of eight, each with a bit per entry for "used since
// the hand passed" and a hand of its own: the eight hashes are one cache line, a hit writes one byte.
#include <array>
#include <bit>
#include <cstddef>
#include <vector>

#include "base/hash.h"
#include "lookup/agents.h"

namespace footfall::lookup {
namespace {

constexpr std::size_t kWays = 8;

struct alignas(64) Group {
  std::array<std::uint64_t, kWays> hashes{};  // 0: free
  std::array<const Agent*, kWays> agents{};
  std::uint8_t used = 0;  // a bit per entry
  std::uint8_t hand = 0;
};

}  // namespace

struct AgentCache::Impl {
  std::shared_ptr<const AgentDatabase> database;
  std::vector<Group> groups;  // low bits of the hash -> group
  std::uint64_t misses = 0;
};

AgentCache::AgentCache(std::shared_ptr<const AgentDatabase> database, std::size_t entries_max)
    : impl_(std::make_unique<Impl>()) {
  impl_->database = std::move(database);
  impl_->groups.resize(std::bit_ceil((entries_max + kWays - 1) / kWays));
}
AgentCache::~AgentCache() = default;

std::uint64_t AgentCache::misses() const {
  return impl_->misses;
}

const Agent& AgentCache::find(std::string_view user_agent) {
  return find(user_agent, base::table_hash(user_agent));
}

const Agent& AgentCache::find(std::string_view user_agent, std::uint64_t hash) {
  if (hash == 0) hash = 1;
  Group& group = impl_->groups[hash & (impl_->groups.size() - 1)];
  for (std::size_t i = 0; i < kWays; ++i) {
    if (group.hashes[i] == hash) {
      group.used = static_cast<std::uint8_t>(group.used | 1U << i);
      return *group.agents[i];
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
  group.hand = static_cast<std::uint8_t>((group.hand + 1) % kWays);
  return agent;
}

}  // namespace footfall::lookup
