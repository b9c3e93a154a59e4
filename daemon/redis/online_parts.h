// SPDX-License-Identifier: Apache-2.0
// OnlineParts: into how many parts who is online on a site is divided, and since when; all nodes agree on it by one
// hash.
//
//     PREFIX:{SITE}:online   hash   parts -> the millisecond since when they are read    each set once (HSETNX)
//
//     parts 2, since 70 s      written: 1         1 and 2            2
//                                       |---------|------------------|--------->
//                                       set       since: 2 is read   and 3 s for slower readers
//
// The number is a power of two and only grows; before the first it is 1. Between setting and reading lies the time in
// which every node hears of it (kLeadMs, and more where many are to be written anew). Each number costs everybody once
// more, so there is one at a time on its way, and the next is at once the one that is enough. A node that comes with
// too many for one part, to a Redis that knows of none, sets the number that these need before it writes anybody.
//
// Units      milliseconds of Redis's clock. Threading: none. Errors: what is malformed is passed over.
// Tested by tests/unit/redis/online_parts_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "redis/reply.h"

namespace footfall::redis {

class OnlineParts {
 public:
  static constexpr std::uint32_t kPartsMax = 1024;
  static constexpr std::int64_t kLeadMs = 10'000;
  static constexpr std::int64_t kGraceMs = 3000;

  struct Entry {
    std::uint32_t parts;
    std::int64_t since_ms;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // What HGETALL answered holds. Answers what is known here and was not there: it is to be set again.
  std::vector<Entry> merge(const Reply& hash);

  std::uint32_t read_at(std::int64_t redis_ms) const;
  // Ascending: what is read, what will be, and what was until lately.
  std::vector<std::uint32_t> written_at(std::int64_t redis_ms) const;
  bool divided() const { return !since_ms_.empty(); }

  // `online` are too many for the parts there are: what is to be set. None: they are not, or others are on their way.
  std::optional<Entry> growth(std::uint64_t online, std::uint32_t part_size, std::int64_t redis_ms) const;
  // `online` of this node, of whom nobody is written yet: what is to be set, and read at once. None: one part will do,
  // or the site is divided.
  std::optional<Entry> first(std::uint64_t online, std::uint32_t part_size, std::int64_t redis_ms) const;
  // How long it takes until a new generation is whole, at the slowest.
  static std::int64_t lead_ms(std::uint64_t online) {
    return kLeadMs + static_cast<std::int64_t>(online / 100);  // 100,000 a second
  }

 private:
  std::map<std::uint32_t, std::int64_t> since_ms_;  // parts -> since when they are read
};

}  // namespace footfall::redis
