// SPDX-License-Identifier: Apache-2.0
#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/bytes16.h"

namespace footfall::base {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kTextMax = 45;  // of an address: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"

// "192.0.2.1": four numbers up to 255 without leading zeros, as inet_pton() reads them.
bool parse_ipv4(std::string_view text, std::uint8_t* out) {
  if (text.size() < 7 || text.size() > 15) return false;
  const Bytes16 bytes = Bytes16::load(text.data(), text.size());
  unsigned ends = bytes.equal('.');  // of the parts
  if (std::popcount(ends) != 3) return false;
  if ((ends | bytes.in(ByteRange{'0', '9'})) != low_bits(text.size())) return false;
  ends |= 1U << text.size();
  const char* p = text.data();
  for (int part = 0; part < 4; ++part, ends &= ends - 1) {
    const char* const end = text.data() + std::countr_zero(ends);
    const auto digits = end - p;
    if (digits < 1 || digits > 3 || (digits > 1 && *p == '0')) return false;
    auto value = static_cast<unsigned>(*p - '0');
    if (digits > 1) value = value * 10 + static_cast<unsigned>(p[1] - '0');
    if (digits > 2) value = value * 10 + static_cast<unsigned>(p[2] - '0');
    if (value > 255) return false;
    out[part] = static_cast<std::uint8_t>(value);
    p = end + (part < 3 ? 1 : 0);
  }
  return true;
}

bool plain_address(std::string_view text, Address& out) {
  if (text.empty() || text.size() > kTextMax) return false;
  if (text.find(':') == std::string_view::npos) return parse_ipv4_address(text, out);
  char zero_ended[kTextMax + 1] = {};
  std::memcpy(zero_ended, text.data(), text.size());
  if (std::strlen(zero_ended) != text.size()) return false;
  return inet_pton(AF_INET6, zero_ended, out.bytes.data()) == 1;
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

bool is_ipv4(const Address& address) {
  return std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
}

bool is_loopback(const Address& address) {
  if (is_ipv4(address)) return address.bytes[12] == 127;
  return std::all_of(address.bytes.begin(), address.bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; }) &&
         address.bytes[15] == 1;
}

std::string_view client_prefix(const std::uint8_t address[16]) {
  const void* const bytes = address;
  const std::string_view whole(static_cast<const char*>(bytes), 16);
  const bool mapped = std::equal(kMapped.begin(), kMapped.end(), address);
  return mapped ? whole.substr(12) : whole.substr(0, 8);
}

bool parse_ipv4_address(std::string_view text, Address& out) {
  std::copy(kMapped.begin(), kMapped.end(), out.bytes.begin());
  return parse_ipv4(text, out.bytes.data() + kMapped.size());
}

bool parse_address(std::string_view text, Address& out) {
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view behind = text.substr(end + 1);
    if (!behind.empty() && (behind.front() != ':' || !is_port(behind.substr(1)))) return false;
    const std::string_view inside = text.substr(1, end - 1);
    return inside.find(':') != std::string_view::npos && plain_address(inside, out);
  }
  const auto colon = text.find(':');
  if (colon != std::string_view::npos &&
      text.find(':', colon + 1) == std::string_view::npos) {  // one colon: IPv4 with a port
    if (!is_port(text.substr(colon + 1))) return false;
    text = text.substr(0, colon);
  }
  return plain_address(text, out);
}

bool Cidr::contains(const Address& address) const {
  const std::size_t whole = bits / 8;
  if (!std::equal(network.bytes.begin(), network.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.bytes.begin())) {
    return false;
  }
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  return ((network.bytes[whole] ^ address.bytes[whole]) >> (8 - rest)) == 0;
}

Result<Cidr> parse_cidr(std::string_view text) {
  const auto refuse = [text](std::string_view why) {
    return Error{Errc::malformed, "\"" + std::string(text.substr(0, 64)) + "\": " + std::string(why)};
  };
  const auto slash = text.find('/');
  Cidr cidr;
  if (!plain_address(text.substr(0, slash), cidr.network)) {
    return refuse("an address like 10.0.0.0/8 or 2001:db8::/32 is needed");
  }
  const bool ipv4 = is_ipv4(cidr.network) && text.find(':') == std::string_view::npos;
  const unsigned bits_max = ipv4 ? 32 : 128;
  unsigned bits = bits_max;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || bits > bits_max) {
      return refuse("the length behind the slash is a number up to " + std::to_string(bits_max));
    }
  }
  cidr.bits = static_cast<std::uint8_t>(ipv4 ? bits + 96 : bits);
  for (unsigned i = cidr.bits; i < 128; ++i) {
    if ((unsigned{cidr.network.bytes[i / 8]} >> (7 - i % 8) & 1U) != 0) return refuse("bits are set behind its length");
  }
  return cidr;
}

std::string text_of(const Cidr& cidr) {
  const bool ipv4 = is_ipv4(cidr.network) && cidr.bits >= 96;
  char text[INET6_ADDRSTRLEN] = {};
  const std::uint8_t* const bytes = cidr.network.bytes.data();
  inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? bytes + kMapped.size() : bytes, text, sizeof text);
  std::string out(text);
  if (cidr.bits != 128) out += "/" + std::to_string(ipv4 ? cidr.bits - 96 : cidr.bits);
  return out;
}

}  // namespace footfall::base
