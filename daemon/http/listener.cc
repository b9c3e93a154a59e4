// SPDX-License-Identifier: Apache-2.0
#include "http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

namespace footfall::http {
namespace {

namespace asio = boost::asio;

constexpr int kBacklog = 4096;
constexpr int kAcceptedPerTurn = 64;  // then the loops of this thread get their turn
constexpr auto kPause = std::chrono::milliseconds(100);

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
  void set(const T& from, socklen_t length = sizeof(T)) {
    std::memcpy(&storage, &from, sizeof from);
    size = length;
  }
};

bool is_loopback(const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address) != 0) return address.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&address) != 0;
}

base::Error system_error(const char* call, const std::string& address) {
  const int code = errno;
  std::string detail = std::string(call) + " " + address + ": " + std::generic_category().message(code);
  if (code == EADDRINUSE)
    return {base::Errc::in_use, detail + "; another process listens there, choose another address"};
  return {base::Errc::io, std::move(detail)};
}

base::Result<SocketAddress> socket_address(const ListenAddress& address) {
  SocketAddress out;
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

Peer peer_of(const SocketAddress& from, std::uint8_t listener) {
  Peer peer;
  peer.listener = listener;
  in6_addr address{};
  if (from.storage.ss_family == AF_INET) {
    const auto v4 = from.as<sockaddr_in>();
    address.s6_addr[10] = address.s6_addr[11] = 0xff;
    std::memcpy(&address.s6_addr[12], &v4.sin_addr, 4);
  } else if (from.storage.ss_family == AF_INET6) {
    address = from.as<sockaddr_in6>().sin6_addr;
  } else {
    address.s6_addr[15] = 1;  // a unix socket's peer is on this machine
  }
  std::memcpy(peer.address, address.s6_addr, sizeof peer.address);
  peer.loopback = is_loopback(address);
  return peer;
}

int open_spare() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

// A unix socket's file outlives its process: it is removed when nobody answers behind it.
void remove_dead_socket(SocketAddress& address, const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return;
  const bool dead = connect(probe, address.get(), address.size) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (dead) unlink(path.c_str());
}

}  // namespace

base::Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto malformed = [text](const char* what) {
    return base::Error{base::Errc::malformed, "listen address \"" + std::string(text) + "\": " + what +
                                                  R"(; write "127.0.0.1:8080", "[::1]:8080" or "unix:/path")"};
  };
  ListenAddress out;
  if (text.starts_with("unix:")) {
    out.host = text.substr(5);
    out.unix_socket = out.loopback = true;
    if (out.host.empty() || out.host.find('\0') != std::string::npos) return malformed("no path");
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
  out.loopback = peer_of(address.value(), 0).loopback;
  return out;
}

class Listener::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, int fd, std::string address, std::uint16_t port, std::string unlink_path,
       std::uint8_t index, std::vector<Loop*> loops)
      : descriptor_(context, fd),
        timer_(context),
        address_(std::move(address)),
        unlink_path_(std::move(unlink_path)),
        loops_(std::move(loops)),
        spare_(open_spare()),
        port_(port),
        index_(index) {}
  ~Impl() {
    if (spare_ >= 0) ::close(spare_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start() { wait(); }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    timer_.cancel();
    if (!unlink_path_.empty()) unlink(unlink_path_.c_str());
  }

  const std::string& address() const { return address_; }
  std::uint16_t port() const { return port_; }

  base::Counter turned_away;

 private:
  void wait() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](boost::system::error_code error) {
                             if (error || self->stopped_) return;
                             if (self->accept_some()) {
                               self->wait();
                             } else {
                               self->pause();
                             }
                           });
  }
  void pause() {
    timer_.expires_after(kPause);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error && !self->stopped_) self->wait();
    });
  }

  // False: wait a while, the system has no descriptor or memory.
  bool accept_some() {
    for (int i = 0; i < kAcceptedPerTurn; ++i) {
      SocketAddress from;
      const int fd = accept4(descriptor_.native_handle(), from.get(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EAGAIN) return true;
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
        if (errno == EMFILE || errno == ENFILE) turn_away();
        return false;
      }
      if (from.storage.ss_family != AF_UNIX) {
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      }
      least_loaded().adopt(fd, peer_of(from, index_));
    }
    return true;
  }

  // Nobody waits for an answer that never comes: the newcomer is accepted with the spare descriptor, and closed.
  void turn_away() {
    if (spare_ < 0) return;
    ::close(spare_);
    const int fd = accept4(descriptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      ::close(fd);
      turned_away.add();
    }
    spare_ = open_spare();
  }

  Loop& least_loaded() {
    return **std::min_element(loops_.begin(), loops_.end(),
                              [](const Loop* a, const Loop* b) { return a->connections() < b->connections(); });
  }

  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type>
      timer_;
  std::string address_;
  std::string unlink_path_;  // of a unix socket
  std::vector<Loop*> loops_;
  int spare_;
  std::uint16_t port_;
  std::uint8_t index_;
  bool stopped_ = false;
};

base::Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& context, const ListenAddress& address,
                                                       std::uint8_t listener_index, std::vector<Loop*> loops) {
  assert(!loops.empty());
  auto to = socket_address(address);
  if (!to) return to.error();
  std::string name = address.unix_socket ? "unix:" + address.host : address.host + ":" + std::to_string(address.port);
  const int fd = ::socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", name);
  const auto failed = [fd, &name](const char* call) {
    base::Error error = system_error(call, name);
    ::close(fd);
    return error;
  };
  const int on = 1;
  if (!address.unix_socket) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (to->storage.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (address.unix_socket) remove_dead_socket(*to, address.host);
  if (bind(fd, to->get(), to->size) != 0) return failed("bind");
  // Before listen(), so that nobody gets in meanwhile.
  if (address.unix_socket && address.unix_mode != 0 && chmod(address.host.c_str(), address.unix_mode) != 0)
    return failed("chmod");
  if (listen(fd, kBacklog) != 0) return failed("listen");

  std::uint16_t port = 0;
  if (!address.unix_socket) {
    SocketAddress as_bound;
    if (getsockname(fd, as_bound.get(), &as_bound.size) != 0) return failed("getsockname");
    const bool v6 = as_bound.storage.ss_family == AF_INET6;
    port = ntohs(v6 ? as_bound.as<sockaddr_in6>().sin6_port : as_bound.as<sockaddr_in>().sin_port);
    name = (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(port);
  }
  auto impl = std::make_shared<Impl>(context, fd, std::move(name), port, address.unix_socket ? address.host : "",
                                     listener_index, std::move(loops));
  impl->start();
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() {
  impl_->stop();
}
std::string Listener::address() const {
  return impl_->address();
}
std::uint16_t Listener::port() const {
  return impl_->port();
}
void Listener::stop() {
  impl_->stop();
}
std::uint64_t Listener::turned_away() const {
  return impl_->turned_away.get();
}

}  // namespace footfall::http
