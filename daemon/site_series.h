// SPDX-License-Identifier: Apache-2.0
// The sites that have series of their own in /metrics: those with the greatest totals, as many as --metrics-sites says.
// Tested by tests/unit/server/site_series_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "metrics/exposition.h"
#include "sites/registry.h"

namespace footfall {

// At most `count`, the greatest total first, equal ones by name. Takes each site's lock once. Control thread.
std::vector<metrics::SiteFacts> sites_with_series(const sites::Registry& registry, std::size_t count,
                                                  std::int64_t now_s);

}  // namespace footfall
