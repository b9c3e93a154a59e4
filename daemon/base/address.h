// SPDX-License-Identifier: Apache-2.0
// Addresses of the internet, and ranges of them (CIDR, RFC 4632), as bytes and as text. IPv4 is kept as IPv4-mapped
// IPv6, so that there is one kind.
// Threading  values. Errors: what does not read says what would.
// Tested by tests/unit/base/address_test.cc; fuzzed by tests/fuzz/forwarded_fuzz.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall::base {

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
// "192.0.2.1" alone. `out` is written to in any case.
bool parse_ipv4_address(std::string_view text, Address& out);

struct Cidr {
  Address network;
  std::uint8_t bits = 128;  // of the 128
  bool contains(const Address& address) const;
  friend bool operator==(const Cidr&, const Cidr&) = default;
};
// "10.0.0.0/8", "2001:db8::/32", or an address alone. Malformed where bits beyond the length are set, too: it is a
// slip.
Result<Cidr> parse_cidr(std::string_view text);
// In the one spelling that parse_cidr() reads back: "10.0.0.0/8", "192.0.2.1", "2001:db8::/32".
std::string text_of(const Cidr& cidr);

}  // namespace footfall::base
