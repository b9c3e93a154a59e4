// SPDX-License-Identifier: Apache-2.0
// The client's address: the socket's peer; behind a trusted proxy the rightmost untrusted hop of X-Forwarded-For.
//
//     X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2        peer 10.0.0.1
//                      anything  the client   trusted         trusted       (10.0.0.0/8 is)
//                                        <----- walked from the right
//
// On a loopback or unix listener loopback peers are trusted; elsewhere the configured CIDRs are (there, too). A
// malformed hop ends the walk at the last good one; so does the 32nd. When every hop is trusted the leftmost is the
// client. A forwarded header from an untrusted peer is ignored, and told (for a metric and a log line). Tested by
// tests/unit/ingest/client_address_test.cc; fuzzed by tests/fuzz/forwarded_fuzz.cc.
#pragma once

#include <string_view>

#include "base/address.h"
#include "base/cidr_set.h"

namespace footfall::ingest {

using base::Address;
using base::Cidr;
using base::CidrSet;
using base::client_prefix;
using base::is_ipv4;
using base::is_loopback;
using base::parse_address;
using base::parse_cidr;
using base::parse_ipv4_address;

struct ClientAddress {
  Address address;
  bool forwarded = false;         // taken from the header
  bool untrusted_header = false;  // there was a header, from a peer that is not trusted
};
// Whether the peer may say whose requests it hands on.
bool may_forward(const Address& peer, bool loopback_listener, const CidrSet& trusted);
// The peer of a unix listener is given as ::1. `x_forwarded_for`: all its lines, joined by commas; empty: none.
ClientAddress client_address(const Address& peer, bool loopback_listener, std::string_view x_forwarded_for,
                             const CidrSet& trusted);

}  // namespace footfall::ingest
