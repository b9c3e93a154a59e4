// SPDX-License-Identifier: Apache-2.0
// What pings of a site were refused for, by reason, and the latest of them: on this node, since it started.
//
//   {"site":"example.vn","as_of":"...","since":"...","refused":{"origin":412},
//    "latest":[{"at":"...","reason":"origin","host":"shop.example","times":12}],"untrusted_forwards":0,
//    "asked_by":{"trusted":true,"forwarded":true}}
//
// Tested by tests/unit/api/refusals_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "api/read_context.h"

namespace footfall::api {

// How the request itself came, for footfall doctor to tell whether the proxy before the daemon names its visitors. No
// address: that of a proxy is nobody's business either.
//
//   trusted  forwarded
//   yes      yes        a proxy that says whose requests it hands on
//   yes      no         one that does not, or a program on this machine
//   no       yes        one that is not believed
//   no       no         nobody is between, or neither names the other
struct AskedBy {
  bool trusted = false;    // the peer may forward: on this machine, or of --trusted-proxy
  bool forwarded = false;  // there was X-Forwarded-For; of a trusted peer: with an address
};

// `since_s`: when the process started. `untrusted_forwards`: requests with a forwarding field from a peer that is not
// trusted, of all sites: what the dashboard warns of, since then all visitors look like one.
std::string refusals_json(const ReadContext& context, std::int64_t since_s, std::uint64_t untrusted_forwards,
                          const AskedBy& asked_by);

}  // namespace footfall::api
