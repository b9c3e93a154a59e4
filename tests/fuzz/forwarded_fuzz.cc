// SPDX-License-Identifier: Apache-2.0
// X-Forwarded-For of any bytes, against the definition written plainly: split, walk from the right, stop.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/client_address.h"

namespace {

using footfall::ingest::Address;
using footfall::ingest::Cidr;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string trimmed(std::string text) {
  text.erase(0, std::min(text.find_first_not_of(" \t"), text.size()));
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const void* const bytes = data + 1;
  const std::string header(static_cast<const char*>(bytes), size - 1);
  const bool loopback_listener = (data[0] & 1U) != 0;
  Address peer;
  require(footfall::ingest::parse_address((data[0] & 2U) != 0   ? "127.0.0.1"
                                          : (data[0] & 4U) != 0 ? "10.0.0.1"
                                                                : "203.0.113.9",
                                          peer));
  const std::vector<Cidr> trusted = {footfall::ingest::parse_cidr("10.0.0.0/8").value(),
                                     footfall::ingest::parse_cidr("fd00::/8").value()};
  const auto is_trusted = [&](const Address& address) {
    return (loopback_listener && footfall::ingest::is_loopback(address)) || trusted[0].contains(address) ||
           trusted[1].contains(address);
  };

  std::vector<std::string> hops(1);
  for (const char c : header) {
    if (c == ',') {
      hops.emplace_back();
    } else {
      hops.back() += c;
    }
  }
  Address expected = peer;
  bool forwarded = false;
  if (!header.empty() && is_trusted(peer)) {
    for (std::size_t i = hops.size(); i-- > 0 && hops.size() - i <= 32;) {
      Address hop;
      if (!footfall::ingest::parse_address(trimmed(hops[i]), hop)) break;
      expected = hop;
      forwarded = true;
      if (!is_trusted(hop)) break;
    }
  }
  const auto client = footfall::ingest::client_address(peer, loopback_listener, header, trusted);
  require(client.address == expected && client.forwarded == forwarded);
  require(client.untrusted_header == (!header.empty() && !is_trusted(peer)));
  require(footfall::ingest::client_prefix(client.address.bytes.data()).size() ==
          (footfall::ingest::is_ipv4(client.address) ? 4U : 8U));
  static_cast<void>(footfall::ingest::parse_cidr(header));
  return 0;
}
