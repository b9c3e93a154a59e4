// SPDX-License-Identifier: Apache-2.0
// Refusals: what pings of a site were refused for since the process started, and the latest of them, for its owner to
// see. In memory alone: /metrics has the sums.
//
//     origin 412   rate 3                              by reason
//     10:00:07 origin shop.example 12 times            the latest kLatestMax, equal neighbours as one
//
// Of a ping it keeps the host that it named, no address and no agent.
// Cost       one lock of its own; nothing is allocated before the first.
// Threading  any thread.
// Tested by tests/unit/sites/refusals_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace footfall::sites {

class Refusals {
 public:
  static constexpr std::size_t kLatestMax = 10;
  static constexpr std::size_t kHostBytesMax = 100;

  struct Latest {
    std::int64_t at_s = 0;    // UTC second of the last of them
    std::string_view reason;  // static
    std::string host;         // as it was sent, cut; empty: none
    std::uint64_t times = 0;
  };
  struct Known {
    std::vector<std::pair<std::string_view, std::uint64_t>> reasons;  // reason -> pings, in the order of their first
    std::vector<Latest> latest;                                       // newest first
  };

  // `reason` lives as long as the process.
  void add(std::string_view reason, std::string_view host, std::int64_t now_s) EXCLUDES(mutex_);
  Known known() const EXCLUDES(mutex_);

 private:
  mutable base::Mutex mutex_;
  std::unique_ptr<Known> known_ GUARDED_BY(mutex_);
};

}  // namespace footfall::sites
