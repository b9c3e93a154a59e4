// SPDX-License-Identifier: Apache-2.0
// Durations: how many of what took how long, in a few buckets; a histogram of Prometheus when it is shown.
//
//   bucket i counts what took less than kBoundsMs[i], the last what took longer than all of them
//
// Times are differences of whole milliseconds, so a bucket is that of the longest that it can have been; their sum is
// right on the average.
// Threading  one thread adds, any thread reads. Tested by tests/unit/metrics/durations_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/counter.h"

namespace footfall::metrics {

class Durations {
 public:
  static constexpr std::array<std::int64_t, 6> kBoundsMs{2, 5, 25, 100, 250, 1000};
  static constexpr std::size_t kBuckets = kBoundsMs.size() + 1;

  // `count` of them took `ms`.
  void add(std::int64_t ms, std::uint64_t count) {
    std::size_t bucket = 0;
    // Between two whole numbers that are `ms` apart lies less than one more.
    while (bucket < kBoundsMs.size() && ms + 1 > kBoundsMs.at(bucket)) ++bucket;
    buckets_.at(bucket).add(count);
    sum_ms_.add(static_cast<std::uint64_t>(ms) * count);
  }
  std::uint64_t in_bucket(std::size_t bucket) const { return buckets_.at(bucket).get(); }
  std::uint64_t sum_ms() const { return sum_ms_.get(); }

 private:
  std::array<base::Counter, kBuckets> buckets_;
  base::Counter sum_ms_;
};

}  // namespace footfall::metrics
