// SPDX-License-Identifier: Apache-2.0
// LogHits: the page hits of access logs with the moments at which they came, so that they can come again.
//
// Logs tell seconds. Hits of one second are spread evenly over it, so the lines of one second are read ahead. A line
// that is late (older than one before it) comes as soon as that. Memory: the busiest second of the log. Tested by
// tests/unit/load/log_hits_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/errors.h"
#include "logs/log_reader.h"

namespace footfall::load {

struct LogHit {
  std::string target, referrer, agent, client;  // as the log has them; "" for "-"
  double at_s = 0;                              // since the first hit
};

// Threading  one thread. Errors: error(), when next() has said null.
class LogHits {
 public:
  // `passes` says which lines are page hits.
  LogHits(logs::Format format, std::vector<std::string> paths, std::function<bool(const logs::Line&)> passes)
      : log_(std::move(format), std::move(paths)), passes_(std::move(passes)) {}

  // Null: the end, or an error. Valid until the next call.
  const LogHit* next();
  const base::Result<void>& outcome() const { return outcome_; }

 private:
  void read_second();

  logs::LogReader log_;
  std::function<bool(const logs::Line&)> passes_;
  std::vector<LogHit> second_;  // the hits of the present one; what comes after it is in ahead_
  std::size_t given_ = 0;
  std::vector<LogHit> ahead_;  // one, or none
  std::int64_t ahead_s_ = 0, first_s_ = 0;
  bool begun_ = false;
  base::Result<void> outcome_;
};

}  // namespace footfall::load
