// SPDX-License-Identifier: Apache-2.0
// RateLimit: a token bucket per client prefix (IPv4 address, IPv6 /64), in a bounded table.
//
// Open addressing in groups of four, one cache line each, with the least recently used replaced, so memory is fixed: 16
// bytes a client. A replaced client begins with a full bucket. One table per shard, each with the whole allowance
// divided by nothing: a client whose connections are spread over n shards may get up to n times the rate (stated in the
// README's limits). Units are thousandths of a token, integers: a bucket gains per_second of them each millisecond, so
// nothing is rounded. Tested by tests/unit/ingest/rate_limit_test.cc against a std::map.
#pragma once

#include <array>
#include <cstdint>

#include "base/zeroed_table.h"
#include "ingest/client_address.h"

namespace footfall::ingest {

class RateLimit {
 public:
  // per_second 0: no limit. burst is at least 1 and at most 4,000,000; clients_max is rounded up to a power of two, at
  // least 4.
  RateLimit(std::uint32_t per_second, std::uint32_t burst, std::size_t clients_max = 65'536);
  // Takes `cost` tokens; false, and none taken, if there are not enough.
  bool allow(const Address& client, std::int64_t now_ms, std::uint32_t cost = 1);
  // allow() would say false. Keeps no account of the client.
  bool exhausted(const Address& client, std::int64_t now_ms, std::uint32_t cost = 1) const;

 private:
  static constexpr std::size_t kWays = 4;
  struct Entry {
    std::uint64_t prefix;  // hash of the prefix, 0: free
    std::uint32_t tokens_milli;
    std::uint32_t at_ms;  // of the latest call; wraps, differences only (49 days: a full bucket by then)
  };
  struct alignas(64) Group {
    std::array<Entry, kWays> entries;
  };
  static std::uint64_t prefix_of(const Address& client);
  std::uint32_t tokens_milli(const Entry& entry, std::uint32_t now_ms) const;
  Entry& find(std::uint64_t prefix, std::uint32_t now_ms);

  std::uint32_t per_second_, burst_milli_;
  base::ZeroedTable<Group> groups_;  // low bits of the hash -> group
};

}  // namespace footfall::ingest
