// SPDX-License-Identifier: Apache-2.0
// A line of an access log as an item: a page view with the time, the client and the agent that the line says.
//
// The same as `footfall import` makes of it: a client that is no address (a host name, a pseudonym) stands with the
// agent for the visitor; "-" is as good as absent. Which site it is of, the caller knows.
// Tested by tests/unit/ingest/access_line_test.cc.
#pragma once

#include <string_view>

#include "base/errors.h"
#include "ingest/arena.h"
#include "ingest/batch_item.h"
#include "logs/line.h"

namespace footfall::ingest {

// Everything that `item`, as it was made, is to have. Its views live as long as the arena and `site`. Errors: too_large
// (the path).
base::Result<void> read_access_line(const logs::Line& line, std::string_view site, Arena& arena, Item& item);

}  // namespace footfall::ingest
