// SPDX-License-Identifier: Apache-2.0
#include "inherited_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

namespace footfall {
namespace {

using base::Errc;
using base::Error;
using http::BoundSocket;
using http::ListenAddress;

constexpr int kFirstDescriptor = 3;
constexpr int kDescriptorsMax = 1000;

// Taken out of the environment: what is started by this process inherits none of it.
std::optional<std::string> taken(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return {};
  std::string out = value;
  unsetenv(name);
  return out;
}

std::optional<int> number_of(const std::optional<std::string>& text) {
  int value = 0;
  if (!text) return {};
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return {};
  return value;
}

bool belongs(const BoundSocket& socket, const ListenAddress& address, int type) {
  if (socket.type() != type) return false;
  return address.name.empty() ? socket.is_at(address) : socket.name() == address.name;
}

std::string described(const BoundSocket& socket) {
  return socket.name().empty() ? socket.address() : socket.name() + " (" + socket.address() + ")";
}

}  // namespace

base::Result<InheritedSockets> InheritedSockets::of_environment() {
  const std::optional<int> process = number_of(taken("LISTEN_PID"));
  const std::optional<int> count = number_of(taken("LISTEN_FDS"));
  const std::string names = taken("LISTEN_FDNAMES").value_or("");
  InheritedSockets out;
  if (process != getpid() || !count || *count < 1 || *count > kDescriptorsMax) return out;
  std::size_t begin = 0;
  for (int i = 0; i < *count; ++i) {
    const std::size_t colon = std::min(names.find(':', begin), names.size());
    const std::string name = names.substr(std::min(begin, names.size()), colon - std::min(begin, names.size()));
    begin = colon + 1;
    // "unknown" is what systemd calls one without a name.
    auto added = out.add(kFirstDescriptor + i, name.empty() ? "unknown" : name);
    if (!added) return added.error();
  }
  return out;
}

base::Result<void> InheritedSockets::add(int descriptor, std::string name) {
  auto socket = BoundSocket::adopt(descriptor, std::move(name));
  if (!socket) return socket.error();
  sockets_.push_back(*std::move(socket));
  return {};
}

base::Result<void> InheritedSockets::bind(const std::vector<ListenAddress>& addresses, int type) {
  for (const ListenAddress& address : addresses) {
    const bool there = std::any_of(sockets_.begin(), sockets_.end(),
                                   [&](const BoundSocket& socket) { return belongs(socket, address, type); });
    if (there || !address.name.empty() || (!address.unix_socket && address.port == 0)) continue;
    auto bound = BoundSocket::bind(address, type);
    if (!bound) return bound.error();
    sockets_.push_back(*std::move(bound));
  }
  return {};
}

base::Result<void> InheritedSockets::check(const std::vector<ListenAddress>& streams,
                                           const std::vector<ListenAddress>& datagrams) const {
  const auto any = [this](const ListenAddress& address, int type) {
    return std::any_of(sockets_.begin(), sockets_.end(),
                       [&](const BoundSocket& socket) { return belongs(socket, address, type); });
  };
  const auto missing = [&](const std::vector<ListenAddress>& addresses, int type) -> base::Result<void> {
    for (const ListenAddress& address : addresses) {
      if (address.name.empty() || any(address, type)) continue;
      std::string passed;
      for (const BoundSocket& socket : sockets_) passed.append(passed.empty() ? "" : ", ").append(described(socket));
      const char* const kind = type == SOCK_STREAM ? "ListenStream=" : "ListenDatagram=";
      return Error{Errc::invalid_config,
                   "systemd:" + address.name + ": the service manager passed " +
                       (passed.empty() ? "no socket; start it by its socket unit: systemctl start footfalld.socket"
                                       : "no such socket, but " + passed + "; a socket unit with " + kind +
                                             " and FileDescriptorName=" + address.name + " does")};
    }
    return {};
  };
  if (auto all = missing(streams, SOCK_STREAM); !all) return all;
  if (auto all = missing(datagrams, SOCK_DGRAM); !all) return all;
  for (const BoundSocket& socket : sockets_) {
    if (socket.name().empty()) continue;  // of the daemon before, which listened elsewhere
    const auto& addresses = socket.type() == SOCK_STREAM ? streams : datagrams;
    const bool claimed = std::any_of(addresses.begin(), addresses.end(), [&](const ListenAddress& address) {
      return belongs(socket, address, socket.type());
    });
    if (claimed) continue;
    const char* const option = socket.type() == SOCK_STREAM ? "listen" : "syslog-listen";
    return Error{Errc::invalid_config, "the service manager passed the socket " + described(socket) +
                                           ", which no listener takes: add \"systemd:" + socket.name() + "\" to " +
                                           option + " (with TLS \"tls:systemd:" + socket.name() +
                                           "\"), or disable its socket unit"};
  }
  return {};
}

std::vector<BoundSocket> InheritedSockets::take(const ListenAddress& address, int type) {
  std::vector<BoundSocket> out;
  std::vector<BoundSocket> rest;
  for (BoundSocket& socket : sockets_) (belongs(socket, address, type) ? out : rest).push_back(std::move(socket));
  sockets_ = std::move(rest);
  return out;
}

std::vector<BoundSocket> InheritedSockets::share(const ListenAddress& address, int type) const {
  std::vector<BoundSocket> out;
  for (const BoundSocket& socket : sockets_) {
    if (!belongs(socket, address, type)) continue;
    const int copy = fcntl(socket.descriptor(), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) continue;
    if (auto shared = BoundSocket::adopt(copy, socket.name())) out.push_back(*std::move(shared));
  }
  return out;
}

std::vector<BoundSocket> InheritedSockets::take_rest() {
  return std::exchange(sockets_, {});
}

}  // namespace footfall
