// SPDX-License-Identifier: Apache-2.0
// A site's pages with counted and online, and the rest, from one lock hold: the rows' counted and the rest add up to
// the site's. The paths are copied under the lock, the JSON is written outside. Tested by tests/unit/api/pages_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "api/read_context.h"
#include "base/errors.h"

namespace footfall::api {

// `query` as sent: sort=total|online|path (total), limit=1..10000 (100). malformed names the key.
base::Result<std::string> pages_json(const ReadContext& context, std::string_view query);

}  // namespace footfall::api
