// SPDX-License-Identifier: Apache-2.0
#include "ingest/client_address.h"

namespace footfall::ingest {
namespace {

constexpr int kHopsMax = 32;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool may_forward(const Address& peer, bool loopback_listener, const CidrSet& trusted) {
  return (loopback_listener && is_loopback(peer)) || trusted.contains(peer);
}

ClientAddress client_address(const Address& peer, bool loopback_listener, std::string_view x_forwarded_for,
                             const CidrSet& trusted) {
  const auto is_trusted = [&](const Address& address) { return may_forward(address, loopback_listener, trusted); };
  ClientAddress client{peer, false, false};
  if (x_forwarded_for.empty()) return client;
  if (!is_trusted(peer)) {
    client.untrusted_header = true;
    return client;
  }
  client.forwarded = parse_ipv4_address(x_forwarded_for, client.address);  // one hop, as nearly always
  if (client.forwarded) return client;
  client.address = peer;
  std::string_view rest = x_forwarded_for;
  for (int hops = 0; hops < kHopsMax; ++hops) {
    const auto comma = rest.rfind(',');
    const std::string_view hop = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
    Address address;
    if (!parse_address(trim(hop), address)) break;
    client.address = address;
    client.forwarded = true;
    if (comma == std::string_view::npos || !is_trusted(address)) break;
    rest = rest.substr(0, comma);
  }
  return client;
}

}  // namespace footfall::ingest
