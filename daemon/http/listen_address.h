// SPDX-License-Identifier: Apache-2.0
// Where the daemon listens, and a socket that is bound there: one of connections or one of datagrams.
//
// Addresses: "127.0.0.1:8080", "[::1]:8080", "unix:/run/footfall.sock", "localhost:8080", and "systemd:NAME", a socket
// that the service manager holds under that name; and each with "tls:" before it. The file of a unix socket outlives
// its process: it is replaced where nobody is behind it, and no other file ever is. Tested by
// tests/unit/http/listener_test.cc and tests/unit/server/syslog_socket_test.cc.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall::http {

struct ListenAddress {
  std::string host;  // numeric, without brackets; or the path of a unix socket
  std::uint16_t port = 0;
  bool unix_socket = false;
  bool loopback = false;        // only this machine can reach it
  bool tls = false;             // who connects is to speak TLS
  std::string name;             // of a socket that is open already; then it is not known where that is
  std::uint32_t unix_mode = 0;  // permissions of the unix socket; 0: what the process's umask leaves
};
// Errc::malformed says which part of `text`.
base::Result<ListenAddress> parse_listen_address(std::string_view text);

// The sockets interface takes `sockaddr*` for all of them.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* get() { return static_cast<sockaddr*>(static_cast<void*>(&storage)); }
  template <class T>
  T as() const {
    T out;
    std::memcpy(&out, &storage, sizeof out);
    return out;
  }
  template <class T>
  void set(const T& from) {
    std::memcpy(&storage, &from, sizeof from);
    size = sizeof from;
  }
};

// As IPv6: IPv4 is mapped, and a unix socket's is ::1, since who is behind it is on this machine.
in6_addr ipv6_of(const SocketAddress& address);
bool is_loopback(const in6_addr& address);

// Ownership  owns the descriptor until release(); the file of a unix socket is whoever's has it.
class BoundSocket {
 public:
  // SOCK_STREAM or SOCK_DGRAM; does not block. Port 0 takes a free one. `beside`: one of this process that share() was
  // called for has the address. in_use, exists (a file that is no socket), io, too_large and malformed name the
  // address.
  static base::Result<BoundSocket> bind(const ListenAddress& address, int type, bool beside = false);
  // Takes over one that is bound, and listens if it is one of connections. malformed: it is something else, or closed;
  // the descriptor is closed then. `name`: of the service manager that has it too; empty: nobody has.
  static base::Result<BoundSocket> adopt(int descriptor, std::string name);
  ~BoundSocket();
  BoundSocket(BoundSocket&& other) noexcept;
  BoundSocket& operator=(BoundSocket&& other) noexcept;

  int descriptor() const { return descriptor_; }
  const std::string& address() const { return address_; }      // as bound: "127.0.0.1:8080", "unix:/path"
  std::uint16_t port() const { return port_; }                 // 0 of a unix socket
  int type() const { return type_; }                           // SOCK_STREAM, SOCK_DGRAM
  bool loopback() const { return loopback_; }                  // only this machine can reach it
  const std::string& unix_path() const { return unix_path_; }  // empty: it is none
  const std::string& name() const { return name_; }
  bool is_at(const ListenAddress& address) const;
  int release();
  // Others may be bound beside it, and the kernel divides who connects among them. Behind listen(), so that an
  // address that another process has is still told.
  base::Result<void> share();
  // What `call` on the socket failed with: errno.
  base::Error failed(const char* call) const;

 private:
  BoundSocket() = default;
  base::Result<void> look();  // address_ and what follows, as bound

  int descriptor_ = -1;
  std::string address_, unix_path_, name_;
  std::uint16_t port_ = 0;
  int type_ = 0;
  bool loopback_ = false;
};

}  // namespace footfall::http
