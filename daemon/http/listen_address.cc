// SPDX-License-Identifier: Apache-2.0
#include "http/listen_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

namespace footfall::http {
namespace {

base::Result<SocketAddress> socket_address(const ListenAddress& address) {
  SocketAddress out;
  if (!address.name.empty()) {
    return base::Error{base::Errc::not_found,
                       "systemd:" + address.name + ": the service manager passed no such socket"};
  }
  if (address.unix_socket) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (address.host.size() >= sizeof to.sun_path) {
      return base::Error{base::Errc::too_large, "unix:" + address.host + ": the path has over 107 bytes"};
    }
    std::memcpy(to.sun_path, address.host.data(), address.host.size());
    out.set(to);
    return out;
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.port);
  if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    out.set(v4);
    return out;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
    out.set(v6);
    return out;
  }
  return base::Error{base::Errc::malformed, address.host + " is not a numeric address"};
}

std::string text_of(const ListenAddress& address, std::uint16_t port) {
  if (address.unix_socket) return "unix:" + address.host;
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(port);
}

enum class AtPath : std::uint8_t { nothing, other_file, socket };

AtPath at_path(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return AtPath::nothing;
  return S_ISSOCK(status.st_mode) ? AtPath::socket : AtPath::other_file;
}

// The file is removed when nobody answers behind it.
void remove_dead_socket(SocketAddress& address, int type, const std::string& path) {
  if (at_path(path) != AtPath::socket) return;
  const int probe = ::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  const bool dead = connect(probe, address.get(), address.size) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (dead) unlink(path.c_str());
}

}  // namespace

base::Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto malformed = [whole = text](const char* what) {
    return base::Error{base::Errc::malformed,
                       "listen address \"" + std::string(whole) + "\": " + what +
                           R"(; write "127.0.0.1:8080", "[::1]:8080", "unix:/path" or "systemd:NAME", or for TLS )"
                           R"("tls:" before it)"};
  };
  ListenAddress out;
  constexpr std::string_view kTls = "tls:";
  if (text.starts_with(kTls)) {
    out.tls = true;
    text.remove_prefix(kTls.size());
  }
  if (text.starts_with("unix:")) {
    out.host = text.substr(5);
    out.unix_socket = out.loopback = true;
    if (out.host.empty() || out.host.find('\0') != std::string::npos) return malformed("no path");
    return out;
  }
  constexpr std::string_view kNamed = "systemd:";
  if (text.starts_with(kNamed)) {
    out.name = text.substr(kNamed.size());
    if (out.name.empty() || out.name.find(':') != std::string::npos) return malformed("no name");
    return out;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed("no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size())
    return malformed("the port is no number from 0 to 65535");
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return malformed("brackets are for IPv6");
  } else if (host.find(':') != std::string_view::npos) {
    return malformed("an IPv6 address needs brackets");
  }
  out.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  const auto address = socket_address(out);
  if (!address) return malformed("the host is no numeric address");
  out.loopback = is_loopback(ipv6_of(address.value()));
  return out;
}

in6_addr ipv6_of(const SocketAddress& address) {
  in6_addr out{};
  if (address.storage.ss_family == AF_INET) {
    const auto v4 = address.as<sockaddr_in>();
    out.s6_addr[10] = out.s6_addr[11] = 0xff;
    std::memcpy(&out.s6_addr[12], &v4.sin_addr, 4);
  } else if (address.storage.ss_family == AF_INET6) {
    out = address.as<sockaddr_in6>().sin6_addr;
  } else {
    out.s6_addr[15] = 1;
  }
  return out;
}

bool is_loopback(const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address) != 0) return address.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&address) != 0;
}

base::Result<BoundSocket> BoundSocket::bind(const ListenAddress& address, int type, bool beside) {
  auto to = socket_address(address);
  if (!to) return to.error();
  BoundSocket bound;
  bound.type_ = type;
  bound.address_ = text_of(address, address.port);
  const int fd = bound.descriptor_ = ::socket(to->storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return bound.failed("socket");
  const int on = 1;
  // Of datagrams it would let two processes have the same port.
  if (!address.unix_socket && type == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (beside && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) return bound.failed("setsockopt");
  if (to->storage.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (address.unix_socket) remove_dead_socket(*to, type, address.host);
  if (::bind(fd, to->get(), to->size) != 0) {
    const base::Error error = bound.failed("bind");
    if (error.code != base::Errc::in_use || !address.unix_socket || at_path(address.host) != AtPath::other_file)
      return error;
    return base::Error{base::Errc::exists,
                       bound.address_ + ": there is a file that is no socket; remove it, or choose another path"};
  }
  // Before anybody can get in.
  if (address.unix_socket && address.unix_mode != 0 && chmod(address.host.c_str(), address.unix_mode) != 0)
    return bound.failed("chmod");
  if (auto looked = bound.look(); !looked) return looked.error();
  return bound;
}

base::Result<BoundSocket> BoundSocket::adopt(int descriptor, std::string name) {
  BoundSocket out;
  out.descriptor_ = descriptor;
  out.name_ = std::move(name);
  const auto is_none = [&](const std::string& why) {
    return base::Error{base::Errc::malformed,
                       "descriptor " + std::to_string(descriptor) + " (" + out.name_ + ") " + why};
  };
  socklen_t size = sizeof out.type_;
  if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &out.type_, &size) != 0) return is_none("is no socket");
  int listens = 0;
  size = sizeof listens;
  if (out.type_ != SOCK_STREAM && out.type_ != SOCK_DGRAM) return is_none("is no socket of connections or datagrams");
  if (out.type_ == SOCK_STREAM &&
      (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0))
    return is_none("does not listen; a socket unit with Accept=no does");
  if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) != 0)
    return out.failed("fcntl");
  if (auto looked = out.look(); !looked) return looked.error();
  return out;
}

base::Result<void> BoundSocket::look() {
  SocketAddress as_bound;
  if (getsockname(descriptor_, as_bound.get(), &as_bound.size) != 0) return failed("getsockname");
  ListenAddress address;
  std::array<char, INET6_ADDRSTRLEN> text{};
  switch (as_bound.storage.ss_family) {
    case AF_INET: {
      const auto v4 = as_bound.as<sockaddr_in>();
      port_ = ntohs(v4.sin_port);
      address.host = inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
      break;
    }
    case AF_INET6: {
      const auto v6 = as_bound.as<sockaddr_in6>();
      port_ = ntohs(v6.sin6_port);
      address.host = inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
      break;
    }
    case AF_UNIX:
      address.unix_socket = true;
      address.host = unix_path_ = as_bound.as<sockaddr_un>().sun_path;
      break;
    default:
      return base::Error{base::Errc::malformed, "a socket that is neither IPv4, IPv6 nor unix"};
  }
  loopback_ = address.unix_socket || is_loopback(ipv6_of(as_bound));
  address_ = text_of(address, port_);
  return {};
}

bool BoundSocket::is_at(const ListenAddress& address) const {
  return address.name.empty() && (address.unix_socket || address.port != 0) &&
         text_of(address, address.port) == address_;
}

base::Result<void> BoundSocket::share() {
  const int on = 1;
  if (setsockopt(descriptor_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) return failed("setsockopt");
  return {};
}

base::Error BoundSocket::failed(const char* call) const {
  const int code = errno;
  std::string detail = std::string(call) + " " + address_ + ": " + std::generic_category().message(code);
  if (code == EADDRINUSE)
    return {base::Errc::in_use, detail + "; another process listens there, choose another address"};
  return {base::Errc::io, std::move(detail)};
}

BoundSocket::BoundSocket(BoundSocket&& other) noexcept
    : descriptor_(other.release()),
      address_(std::move(other.address_)),
      unix_path_(std::move(other.unix_path_)),
      name_(std::move(other.name_)),
      port_(other.port_),
      type_(other.type_),
      loopback_(other.loopback_) {}

BoundSocket& BoundSocket::operator=(BoundSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  address_.swap(other.address_);
  unix_path_.swap(other.unix_path_);
  name_.swap(other.name_);
  port_ = other.port_;
  type_ = other.type_;
  loopback_ = other.loopback_;
  return *this;
}

BoundSocket::~BoundSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int BoundSocket::release() {
  return std::exchange(descriptor_, -1);
}

}  // namespace footfall::http
