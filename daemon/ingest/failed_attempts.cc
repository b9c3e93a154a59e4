// SPDX-License-Identifier: Apache-2.0
#include "ingest/failed_attempts.h"

namespace footfall::ingest {

bool FailedAttempts::shut_out(const Asker& who, std::int64_t now_ms) {
  if (who.local || !by_prefix_.exhausted(who.address, now_ms, kCost)) return false;
  limited_.add();
  return true;
}

bool FailedAttempts::failed(const Asker& who, std::int64_t now_ms) {
  wrong_.add();
  const bool within_own = by_prefix_.allow(who.address, now_ms, kCost);
  const bool within_all = in_all_.allow({}, now_ms);
  if (within_own && within_all) return true;
  limited_.add();
  return false;
}

}  // namespace footfall::ingest
