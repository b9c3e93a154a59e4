// SPDX-License-Identifier: Apache-2.0
// The native dialect: GET /hit, /hit.gif and POST /hit to a Ping.
//
// Keys: site, path (or url: its path and host), ref, title, kind (pageview, event, heartbeat), name (of an event),
// format (json). In the query, and for POST also as a form or as a JSON object under text/plain or application/json;
// the body wins. Unknown keys are passed over and counted; `rnd` of a query or form, a number that keeps pictures out
// of caches, is passed over. title is accepted and not kept. Without path and url the page is that of the Referer; one
// that names a host alone (what browsers send to other origins by default) tells no page, and the path stays empty.
// utm_campaign is taken from the query of the page, wherever the page came from.
//
// Cost: a GET with site and path allocates nothing, about 170 ns (BM_ParseShort). Tested by
// tests/unit/ingest/native_test.cc; fuzzed by tests/fuzz/native_fuzz.cc.
#pragma once

#include "base/errors.h"
#include "http/request.h"
#include "ingest/arena.h"
#include "ingest/fields.h"
#include "ingest/paths.h"
#include "ingest/ping.h"

namespace footfall::ingest {

inline constexpr std::size_t kLabelMax = 128;

// Errors: malformed (bad kind, bad JSON, bad percent-encoding, no site; says key and why), too_large (a path over
// kPathMax). Unsupported media type is Errc::conflict with the accepted types named.
base::Result<Ping> parse_native(const http::Request& request, Arena& arena);

// The parts that batches and other dialects share.
// Everything that the keys say; errors as above, but a site need not be among them. `ping` keeps what it has where a
// key is absent.
base::Result<void> read_ping(const Fields& fields, Arena& arena, Ping& ping);
base::Error missing_site();
// Origin, Referer and the headers of a prefetch.
void read_page_headers(const http::Request& request, Arena& arena, Ping& ping);

}  // namespace footfall::ingest
