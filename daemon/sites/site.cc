// SPDX-License-Identifier: Apache-2.0
// Site: forgetting what a stream has defined; the total, with the lock.
// Tested by tests/unit/sites/site_test.cc.
#include "sites/site.h"

namespace footfall::sites {

void Site::clear_definitions(unsigned stream) {
  const std::uint64_t kept = ~(std::uint64_t{1} << stream);
  for (std::uint64_t& marks : page_defined_in_) marks &= kept;
  for (std::uint64_t& marks : label_defined_in_) marks &= kept;
}

std::uint64_t Site::total(std::int64_t now_s) {
  const base::MutexLock lock(mutex_);
  return state_.summary(now_s, counting::calendar_of(0)).total;  // it is the same on any day
}

}  // namespace footfall::sites
