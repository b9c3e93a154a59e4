// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

namespace footfall::testing {

// A TCP port of loopback that nobody listens on, this process's alone until it ends, as free_port() of
// tests/integration/footfall.py: below the ports that the kernel gives to connections, and told to other tests by the
// name of a socket that stays open.
inline std::uint16_t free_port() {
  std::random_device random;
  for (;;) {
    const auto port = static_cast<std::uint16_t>(12'000 + random() % 10'000);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string told = "footfall-test-port-" + std::to_string(port);
    std::memcpy(name.sun_path + 1, told.data(), told.size());  // behind a zero: a name without a file
    const auto name_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + told.size());
    const int kept = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int reuse = 1;
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_port = htons(port);
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = ::bind(kept, reinterpret_cast<sockaddr*>(&name), name_size) == 0 &&
                      ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) == 0 &&
                      ::bind(probe, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) == 0;
    ::close(probe);
    if (free) return port;
    ::close(kept);
  }
}

}  // namespace footfall::testing
