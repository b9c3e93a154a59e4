// SPDX-License-Identifier: Apache-2.0
// The client's address: the socket's peer; behind a trusted proxy the rightmost untrusted hop of X-Forwarded-For.
//
// On a loopback or unix listener loopback peers are trusted; elsewhere the configured CIDRs are. A malformed hop ends the
// walk at the last good one. A forwarded header from an untrusted peer is ignored, and told (for a metric and a log line).
// Tested by tests/unit/ingest/client_address_test.cc; fuzzed by tests/fuzz/forwarded_fuzz.cc.
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
// "192.0.2.1", "2001:db8::1", "[2001:db8::1]:443", "192.0.2.1:80".
bool parse_address(std::string_view text, Address& out);

struct Cidr {
  Address network;
  std::uint8_t bits = 128;  // of the 128
  bool contains(const Address& address) const;
};
base::Result<Cidr> parse_cidr(std::string_view text);

struct ClientAddress {
  Address address;
  bool forwarded = false;          // taken from the header
  bool untrusted_header = false;   // there was a header, from a peer that is not trusted
};
ClientAddress client_address(const Address& peer, bool loopback_listener, std::string_view x_forwarded_for, const std::vector<Cidr>& trusted);

}  // namespace footfall::ingest
