// SPDX-License-Identifier: Apache-2.0
#include "sites/refusals.h"

#include <algorithm>

namespace footfall::sites {

void Refusals::add(std::string_view reason, std::string_view host, std::int64_t now_s) {
  host = host.substr(0, kHostBytesMax);
  const base::MutexLock lock(mutex_);
  if (known_ == nullptr) known_ = std::make_unique<Known>();
  auto& reasons = known_->reasons;
  const auto found =
      std::find_if(reasons.begin(), reasons.end(), [&](const auto& known) { return known.first == reason; });
  if (found == reasons.end()) {
    reasons.emplace_back(reason, 1);
  } else {
    ++found->second;
  }
  std::vector<Latest>& latest = known_->latest;
  if (!latest.empty() && latest.front().reason == reason && latest.front().host == host) {
    latest.front().at_s = now_s;
    ++latest.front().times;
    return;
  }
  if (latest.size() == kLatestMax) latest.pop_back();
  latest.insert(latest.begin(), {now_s, reason, std::string(host), 1});
}

Refusals::Known Refusals::known() const {
  const base::MutexLock lock(mutex_);
  return known_ == nullptr ? Known{} : *known_;
}

}  // namespace footfall::sites
