// SPDX-License-Identifier: Apache-2.0
#include "load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace footfall::load {

std::size_t LatencyHistogram::cell_of(std::uint64_t value) {
  const auto bits = static_cast<unsigned>(std::bit_width(value));
  if (bits <= kHalfBits + 1) return value;
  const unsigned shift = bits - kHalfBits - 1;
  return (std::size_t{shift} << kHalfBits) + (value >> shift);
}

std::uint64_t LatencyHistogram::upper_end(std::size_t cell) {
  if (cell < std::size_t{2} << kHalfBits) return cell;
  const std::size_t shift = (cell >> kHalfBits) - 1;
  return ((cell - (shift << kHalfBits) + 1) << shift) - 1;
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < kCells; ++i) cells_[i] += other.cells_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

std::uint64_t LatencyHistogram::quantile_ns(double part) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    seen += cells_[cell];
    if (seen >= wanted && seen > 0) return std::min(upper_end(cell), max_ns_);
  }
  return max_ns_;
}

}  // namespace footfall::load
