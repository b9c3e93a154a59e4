// SPDX-License-Identifier: Apache-2.0
// The walk over the seconds that ended, and the runs of the last hour.
#include "counting/observer.h"

#include <algorithm>

namespace footfall::counting {

void Observer::pass(std::int64_t now_s, std::int32_t utc_offset_s) {
  if (now_s < now_s_) return;
  if (keep_seconds_ && started() && now_s > now_s_) note_second(now_s_, 0);
  now_s_ = now_s;
  utc_offset_s_ = utc_offset_s;
  forget_old_seconds();
}

void Observer::advance(std::int64_t now_s, std::int32_t utc_offset_s, std::int32_t window_s, const Epoch& epoch,
                       Presence& presence, EpochCounts& counts) {
  if (now_s < now_s_) return;
  if (started()) {
    for (std::int64_t at_s = now_s_; at_s < now_s;) {
      const std::uint32_t online = presence.online(at_s, window_s);
      if (keep_seconds_) note_second(at_s, online);
      if (online == 0) break;
      raise(at_s, online, epoch, counts);
      at_s = keep_seconds_ ? at_s + 1 : (floor_div(at_s, 60) + 1) * 60;
    }
  }
  now_s_ = now_s;
  utc_offset_s_ = utc_offset_s;
  forget_old_seconds();
}

void Observer::raise(std::int64_t at_s, std::uint32_t online, const Epoch& epoch, EpochCounts& counts) {
  const Minute minute{epoch, floor_div(at_s, 60), floor_div(at_s + utc_offset_s_, 60), utc_offset_s_};
  const bool same_minute = minute == minute_;
  if (same_minute && online <= minute_max_) return;
  const Observation seen{epoch, at_s, utc_offset_s_, online};
  counts.observe(seen);
  if (same_minute && minute_pending_) {
    pending_.back() = seen;
  } else {
    if (pending_.size() >= kPendingMax) pending_.erase(pending_.begin(), pending_.begin() + kPendingMax / 2);
    pending_.push_back(seen);
    minute_pending_ = true;
  }
  minute_ = minute;
  minute_max_ = online;
}

std::int64_t Observer::full_second(std::uint32_t at_s) const {
  return now_s_ - static_cast<std::uint32_t>(static_cast<std::uint32_t>(now_s_) - at_s);
}

void Observer::note_second(std::int64_t at_s, std::uint32_t online) {
  if (runs_.empty() ? online == 0 : runs_.back().online == online) return;
  runs_.push_back({static_cast<std::uint32_t>(at_s), online});
}

// A run lasts until the next begins; the last one until now.
void Observer::forget_old_seconds() {
  if (runs_.empty()) return;
  const std::int64_t oldest_s = now_s_ - kSecondsKept_s;
  while (runs_begin_ + 1 < runs_.size() && full_second(runs_[runs_begin_ + 1].at_s) <= oldest_s) ++runs_begin_;
  if (runs_begin_ + 1 == runs_.size() && runs_.back().online == 0) {
    runs_ = {};
    runs_begin_ = 0;
  } else if (runs_begin_ > runs_.size() / 2) {
    runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(runs_begin_));
    runs_begin_ = 0;
  }
}

std::vector<std::pair<std::int64_t, std::uint32_t>> Observer::seconds(std::int64_t from_s, std::int64_t to_s) const {
  std::vector<std::pair<std::int64_t, std::uint32_t>> out;
  for (std::size_t i = runs_begin_; i < runs_.size(); ++i) {
    if (runs_[i].online == 0) continue;
    const std::int64_t end_s = i + 1 < runs_.size() ? full_second(runs_[i + 1].at_s) : now_s_;
    const std::int64_t first_s = std::max({full_second(runs_[i].at_s), from_s, now_s_ - kSecondsKept_s});
    for (std::int64_t at_s = first_s; at_s < std::min(end_s, to_s); ++at_s) out.emplace_back(at_s, runs_[i].online);
  }
  return out;
}

std::size_t Observer::memory_bytes() const {
  return pending_.capacity() * sizeof(Observation) + runs_.capacity() * sizeof(Run);
}

}  // namespace footfall::counting
