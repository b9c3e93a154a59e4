// SPDX-License-Identifier: Apache-2.0
// LatencyHistogram: how often which latency was seen, to within 1 in 128, in 37 KB whatever their number.
//
//   values   0 .. 255 | 256 .. 511 | 512 .. 1023 | ...      each power of two is cut
//   cells       256   |    128     |     128     | ...      into 128 equal cells
//
// The idea is Gil Tene's HdrHistogram (log-linear cells), of which Debian has no C or C++ package. record() is a shift
// and an increment. Tested by tests/unit/load/latency_histogram_test.cc against all values sorted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace footfall::load {

// Units      nanoseconds, up to 73 minutes; beyond counts as that.
// Threading  one thread; merge() takes what another has recorded, when that has ended.
class LatencyHistogram {
 public:
  void record(std::uint64_t value_ns) {
    if (value_ns > kValueMax) value_ns = kValueMax;
    ++cells_[cell_of(value_ns)];
    ++count_;
    sum_ns_ += static_cast<double>(value_ns);
    if (value_ns > max_ns_) max_ns_ = value_ns;
  }
  void merge(const LatencyHistogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t max_ns() const { return max_ns_; }
  double mean_ns() const { return count_ == 0 ? 0 : sum_ns_ / static_cast<double>(count_); }
  // The least value (its cell's upper end) that at least `part` (0 to 1) of all do not exceed; 0 without any.
  std::uint64_t quantile_ns(double part) const;

  static constexpr std::uint64_t kValueMax = (std::uint64_t{1} << 42U) - 1;

 private:
  static constexpr unsigned kHalfBits = 7;
  static constexpr std::size_t kCells = (42 - kHalfBits + 1) << kHalfBits;
  static std::size_t cell_of(std::uint64_t value);
  static std::uint64_t upper_end(std::size_t cell);

  std::array<std::uint64_t, kCells> cells_{};
  std::uint64_t count_ = 0, max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace footfall::load
