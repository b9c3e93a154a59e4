// SPDX-License-Identifier: Apache-2.0
// RateLimit: a token bucket per client prefix (IPv4 address, IPv6 /64), in a bounded table.
//
// Open addressing in groups of four with the least recently used replaced, so memory is fixed; a replaced client begins
// with a full bucket. One table per shard, each with the whole allowance divided by nothing: a client whose connections
// are spread over n shards may get up to n times the rate (stated in the README's limits).
// Tested by tests/unit/ingest/rate_limit_test.cc against a std::map.
#pragma once

#include <cstdint>
#include <vector>

#include "ingest/client_address.h"

namespace footfall::ingest {

class RateLimit {
 public:
  // per_second 0: no limit.
  RateLimit(std::uint32_t per_second, std::uint32_t burst, std::size_t clients_max = 65'536);
  // Takes `cost` tokens; false if there are not enough.
  bool allow(const Address& client, std::int64_t now_ms, std::uint32_t cost = 1);

 private:
  struct Entry {
    std::uint64_t prefix = 0;  // hash of the prefix, 0: free
    std::uint32_t tokens_milli = 0;
    std::uint32_t at_ms = 0;   // wraps; differences only
  };
  std::uint32_t per_second_, burst_;
  std::vector<Entry> entries_;
};

}  // namespace footfall::ingest
