// SPDX-License-Identifier: Apache-2.0
// Curve: a load over time, as how many hits each minute had. Read from text, plain or gzipped, a minute a line:
//
//   period,count                      the first line may name the columns
//   1998-06-30 21:00:00,118744        UTC; a minute that is missing had none
//
// The format of the counts that are published for the web site of the World Cup of 1998.
// Tested by tests/unit/load/curve_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/errors.h"

namespace footfall::load {

class Curve {
 public:
  // From the minute `from` on (a beginning of the line's period; empty: the first), each count times `scale`; a
  // fraction is carried to the next minute. Errors: those of the file, and malformed with file and line.
  static base::Result<Curve> read(const std::string& path, const std::string& from, double scale);
  explicit Curve(std::vector<std::uint64_t> counts);

  std::uint64_t hits() const { return first_.back(); }
  std::size_t minutes() const { return first_.size() - 1; }
  // When hit `number` (from 0) is due, in seconds of the curve since its beginning: those of a minute are spread evenly
  // over it. REQUIRES: number < hits(). O(log minutes).
  double due_s(std::uint64_t number) const;

 private:
  std::vector<std::uint64_t> first_;  // minute -> number of its first hit; at the end all hits
};

}  // namespace footfall::load
