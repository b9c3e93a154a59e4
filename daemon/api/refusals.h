// SPDX-License-Identifier: Apache-2.0
// What pings of a site were refused for, by reason, and the latest of them: on this node, since it started.
//
//   {"site":"example.vn","as_of":"...","since":"...","refused":{"origin":412},
//    "latest":[{"at":"...","reason":"origin","host":"shop.example","times":12}],"untrusted_forwards":0}
//
// Tested by tests/unit/api/refusals_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "api/read_context.h"

namespace footfall::api {

// `since_s`: when the process started. `untrusted_forwards`: requests with a forwarding field from a peer that is not
// trusted, of all sites: what the dashboard warns of, since then all visitors look like one.
std::string refusals_json(const ReadContext& context, std::int64_t since_s, std::uint64_t untrusted_forwards);

}  // namespace footfall::api
