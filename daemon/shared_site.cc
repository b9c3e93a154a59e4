// SPDX-License-Identifier: Apache-2.0
#include "shared_site.h"

#include "api/stats.h"
#include "base/mutex.h"

namespace footfall {

std::uint32_t SharedSite::online_here() {
  const base::MutexLock lock(site_.mutex());
  return site_.state().online(clock_.utc_s());
}

counting::PresenceTold SharedSite::take_presence() {
  const base::MutexLock lock(site_.mutex());
  return site_.state().take_presence();
}

counting::PresenceWalk SharedSite::begin_walk(bool everybody) {
  const base::MutexLock lock(site_.mutex());
  return site_.state().begin_presence_walk(everybody, clock_.utc_s());
}

bool SharedSite::walk(counting::PresenceWalk& walk, std::vector<counting::Seen>& out) {
  const base::MutexLock lock(site_.mutex());
  return site_.state().walk_presence(walk, out);
}

counting::VisitorsTold SharedSite::take_visitors() {
  const base::MutexLock lock(site_.mutex());
  return site_.state().take_visitors();
}

std::vector<counting::EpochDay> SharedSite::days(counting::Day first) {
  const base::MutexLock lock(site_.mutex());
  return site_.state().visitor_days(first);
}

counting::DaySet SharedSite::visitors_of(const counting::EpochDay& day) {
  const base::MutexLock lock(site_.mutex());
  return site_.state().visitors_of(day);
}

std::vector<counting::Epoch> SharedSite::included() {
  const base::MutexLock lock(site_.mutex());
  const std::set<counting::Epoch>& epochs = site_.state().included();
  return {epochs.begin(), epochs.end()};
}

counting::Day SharedSite::today() {
  return api::day_at(clock_.utc_s(), *zone_);
}

std::array<std::uint64_t, 2> SharedSite::visitors_here() {
  const std::int64_t now_s = clock_.utc_s();
  const counting::Calendar calendar = counting::calendar_of(today());
  const base::MutexLock lock(site_.mutex());
  const counting::Summary summary = site_.state().summary(now_s, calendar);
  return {summary.today.visitors, summary.yesterday.visitors};
}

std::optional<sites::SharedNumbers::Visitors> SharedSite::visitors(counting::Day day, std::int64_t now_s) const {
  const auto all = visitors_->read(day, now_s);
  return all ? std::optional(Visitors{*all, visitors_->here(day)}) : std::nullopt;
}

std::optional<std::uint32_t> SharedSite::online(std::int64_t now_s) const {
  const auto answer = online_->read(now_s);
  return answer ? std::optional(answer->online) : std::nullopt;
}

}  // namespace footfall
