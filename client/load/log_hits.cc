// SPDX-License-Identifier: Apache-2.0
#include "load/log_hits.h"

#include <algorithm>

namespace footfall::load {
namespace {

LogHit kept(const logs::Line& line) {
  const auto text = [](const std::optional<std::string_view>& field) {
    return field && *field != "-" ? std::string(*field) : std::string();
  };
  return {std::string(line.target), text(line.referrer), text(line.agent), std::string(line.client)};
}

}  // namespace

const LogHit* LogHits::next() {
  if (given_ == second_.size()) read_second();
  return given_ == second_.size() ? nullptr : &second_[given_++];
}

void LogHits::read_second() {
  using Next = logs::LogReader::Next;
  given_ = 0;
  second_ = std::exchange(ahead_, {});
  const std::int64_t second_s = ahead_s_;
  bool started = !second_.empty();
  std::int64_t now_s = second_s;
  while (true) {
    const Next next = log_.next();
    if (next == Next::failed) outcome_ = log_.error();
    if (next == Next::failed || next == Next::end) break;
    if (next == Next::unreadable || !passes_(log_.line())) continue;
    const std::int64_t at_s = log_.line().time_s;
    if (!begun_) {
      begun_ = true;
      first_s_ = at_s;
    }
    if (!started) {
      started = true;
      now_s = std::max(at_s, second_s);
    } else if (at_s > now_s) {
      ahead_.push_back(kept(log_.line()));
      ahead_s_ = at_s;
      break;
    }
    second_.push_back(kept(log_.line()));
  }
  const auto begin_s = static_cast<double>(now_s - first_s_);
  for (std::size_t i = 0; i < second_.size(); ++i)
    second_[i].at_s = begin_s + static_cast<double>(i) / static_cast<double>(second_.size());
}

}  // namespace footfall::load
