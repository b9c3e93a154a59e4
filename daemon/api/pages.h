// SPDX-License-Identifier: Apache-2.0
// A site's pages with counted and online, and the rest, from one lock hold: the rows' counted and the rest add up to
// the site's. Which pages are asked for is found out before, in short holds (counting::PageWalk); sorted and
// written as JSON without the lock. Tested by tests/unit/api/pages_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "api/read_context.h"
#include "base/errors.h"

namespace footfall::api {

// `query` as sent: sort=total|online|path (total), limit=1..10000 (100). malformed names the key.
base::Result<std::string> pages_json(const ReadContext& context, std::string_view query);

}  // namespace footfall::api
