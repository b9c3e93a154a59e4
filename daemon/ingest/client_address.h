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

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"

namespace footfall::ingest {

struct Address {
  std::array<std::uint8_t, 16> bytes{};  // IPv6, or IPv4-mapped (::ffff:a.b.c.d)
  friend bool operator==(const Address&, const Address&) = default;
};
bool is_ipv4(const Address& address);
bool is_loopback(const Address& address);  // 127.0.0.0/8, ::1
// What stands for one client: an IPv4 address (4 bytes), an IPv6 /64 (8 bytes). Of `address`, no copy.
std::string_view client_prefix(const std::uint8_t address[16]);

// "192.0.2.1", "2001:db8::1", "[2001:db8::1]:443", "192.0.2.1:80". No zone ("%eth0"), no white space.
bool parse_address(std::string_view text, Address& out);

struct Cidr {
  Address network;
  std::uint8_t bits = 128;  // of the 128
  bool contains(const Address& address) const;
};
// "10.0.0.0/8", "2001:db8::/32", or an address alone. Malformed where bits beyond the length are set, too: it is a
// slip.
base::Result<Cidr> parse_cidr(std::string_view text);

struct ClientAddress {
  Address address;
  bool forwarded = false;         // taken from the header
  bool untrusted_header = false;  // there was a header, from a peer that is not trusted
};
// The peer of a unix listener is given as ::1. `x_forwarded_for`: all its lines, joined by commas; empty: none.
ClientAddress client_address(const Address& peer, bool loopback_listener, std::string_view x_forwarded_for,
                             const std::vector<Cidr>& trusted);

}  // namespace footfall::ingest
