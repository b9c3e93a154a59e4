// SPDX-License-Identifier: Apache-2.0
// Where a Redis server listens: a host and a port, or the path of a unix socket.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace footfall::redis {

struct Address {
  std::string host;  // a name or an IP address without brackets; a path where port is 0
  std::uint16_t port = 0;

  bool is_unix() const { return port == 0; }
  auto operator<=>(const Address&) const = default;
};

// "10.0.0.1:6379", "[::1]:6379", "/run/redis.sock"
std::string to_string(const Address& address);

}  // namespace footfall::redis
