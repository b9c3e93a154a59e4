// SPDX-License-Identifier: Apache-2.0
// The native dialect: GET /hit, /hit.gif and POST /hit to a Ping.
//
// Keys: site, path (or url: its path and host), ref, title, kind (pageview, event, heartbeat), name (of an event),
// format (json). In the query, and for POST also as a form or as a JSON object under text/plain or application/json; the
// body wins. Unknown keys are ignored and counted.
// Paths: percent-decoded where that gives plain UTF-8 without control characters, query and fragment dropped, "//" and
// dot segments resolved, "/index.html", "/index.htm", "/index.php" cut, a trailing slash (but "/") cut, at most 1,024 bytes.
// Tested by tests/unit/ingest/native_test.cc; fuzzed by tests/fuzz/native_fuzz.cc.
#pragma once

#include "base/errors.h"
#include "http/request.h"
#include "ingest/arena.h"
#include "ingest/ping.h"

namespace footfall::ingest {

inline constexpr std::size_t kPathMax = 1024;
inline constexpr std::size_t kReferrerMax = 1024;
inline constexpr std::size_t kLabelMax = 128;

// Errors: malformed (bad kind, bad JSON, bad percent-encoding, no site; says key and why), too_large.
// Unsupported media type is Errc::conflict with the accepted types named.
base::Result<Ping> parse_native(const http::Request& request, Arena& arena);

// Shared by all dialects. nullopt-like: empty view and ok=false when the bytes are not acceptable.
bool normalise_path(std::string_view raw, Arena& arena, std::string_view& out);
bool normalise_referrer(std::string_view raw, Arena& arena, std::string_view& out);  // origin and path; "" when not http(s)

}  // namespace footfall::ingest
