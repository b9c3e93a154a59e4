// SPDX-License-Identifier: Apache-2.0
#include "http/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace footfall::http {
namespace {

namespace asio = boost::asio;

constexpr int kBacklog = 4096;
// Of each connection, which the kernel doubles: who reads nothing holds so much of its memory, not the 4 MB to which a
// buffer would grow.
constexpr int kSendBuffer = 128 * 1024;
constexpr int kAcceptedPerTurn = 64;  // then the loops of this thread get their turn
constexpr auto kPause = std::chrono::milliseconds(100);

Peer peer_of(const SocketAddress& from, std::uint8_t listener) {
  Peer peer;
  peer.listener = listener;
  const in6_addr address = ipv6_of(from);
  std::memcpy(peer.address, address.s6_addr, sizeof peer.address);
  peer.loopback = is_loopback(address);
  return peer;
}

int open_spare() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

}  // namespace

class Listener::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, BoundSocket socket, std::uint8_t index, std::vector<Loop*> loops,
       std::shared_ptr<const base::TlsContext> tls)
      : address_((tls ? "tls:" : "") + socket.address()),
        name_(socket.name()),
        unlink_path_(socket.name().empty() ? socket.unix_path() : ""),
        port_(socket.port()),
        descriptor_(context, socket.release()),
        timer_(context),
        loops_(std::move(loops)),
        tls_(std::move(tls)),
        spare_(open_spare()),
        index_(index) {}
  ~Impl() {
    if (spare_ >= 0) ::close(spare_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start() { wait(); }

  void stop() {
    if (stopped_) return;
    take_all();
    leave();
    if (!unlink_path_.empty()) unlink(unlink_path_.c_str());
  }

  // Others may have the socket: what is only closed would stay among those that are waited for.
  void leave() {
    if (std::exchange(stopped_, true)) return;
    ::close(descriptor_.release());
    timer_.cancel();
  }

  void pause() {
    ++waits_;
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
    timer_.cancel();
  }
  void resume() { wait(); }
  int descriptor() { return descriptor_.native_handle(); }
  const std::string& name() const { return name_; }

  void renew(std::shared_ptr<const base::TlsContext> tls) {
    if (tls_) tls_ = std::move(tls);
  }

  const std::string& address() const { return address_; }
  std::uint16_t port() const { return port_; }

  base::Counter turned_away;

 private:
  void wait() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this(), number = waits_](boost::system::error_code error) {
                             if (error || self->stopped_ || number != self->waits_) return;
                             if (self->accept_some()) {
                               self->wait();
                             } else {
                               self->wait_a_while();
                             }
                           });
  }
  void wait_a_while() {
    timer_.expires_after(kPause);
    timer_.async_wait([self = shared_from_this(), number = waits_](boost::system::error_code error) {
      if (error || self->stopped_ || number != self->waits_) return;
      if (self->spare_ < 0) self->spare_ = open_spare();  // another thread took its place in turn_away()
      if (self->spare_ >= 0) {
        self->wait();
      } else {
        self->wait_a_while();  // there is none, and without it newcomers could not even be turned away
      }
    });
  }

  // -1: errno says why.
  int take_one(SocketAddress& from) {
    return accept4(descriptor_.native_handle(), from.get(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }

  // False: wait a while, the system has no descriptor or memory.
  bool accept_some() {
    for (int i = 0; i < kAcceptedPerTurn; ++i) {
      SocketAddress from;
      const int fd = take_one(from);
      if (fd < 0) {
        if (errno == EAGAIN) return true;
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
        if (errno == EMFILE || errno == ENFILE) turn_away();
        return false;
      }
      next_loop().adopt(fd, peer_of(from, index_), tls_);
    }
    return true;
  }

  // Who is connected already, and not accepted yet, would be reset.
  void take_all() {
    for (int i = 0; i < kBacklog; ++i) {
      SocketAddress from;
      const int fd = take_one(from);
      if (fd < 0) return;
      loops_.front()->adopt(fd, peer_of(from, index_), tls_);
    }
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

  // Another one has to be woken.
  Loop& next_loop() {
    Loop& least = **std::min_element(loops_.begin(), loops_.end(),
                                     [](const Loop* a, const Loop* b) { return a->connections() < b->connections(); });
    const std::size_t few = least.connections();
    Loop& own = *loops_.front();
    return own.connections() <= few + few / 8 + 1 && !own.full() ? own : least;
  }

  const std::string address_, name_;
  const std::string unlink_path_;  // of a unix socket that is ours
  const std::uint16_t port_;
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type>
      timer_;
  std::vector<Loop*> loops_;
  std::shared_ptr<const base::TlsContext> tls_;  // null: plain HTTP
  int spare_;
  std::uint8_t index_;
  bool stopped_ = false;
  std::uint64_t waits_ = 0;  // pauses so far: a wait of before is over
};

base::Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& context, const ListenAddress& address,
                                                       std::uint8_t listener_index, std::vector<Loop*> loops,
                                                       std::shared_ptr<const base::TlsContext> tls, Sharing sharing) {
  assert(!address.tls || tls != nullptr);
  assert(!address.unix_socket || sharing == Sharing::alone);
  auto bound = BoundSocket::bind(address, SOCK_STREAM, sharing == Sharing::beside);
  if (!bound) return bound.error();
  if (listen(bound->descriptor(), kBacklog) != 0) return bound->failed("listen");
  if (sharing == Sharing::first) {
    if (auto shared = bound->share(); !shared) return shared.error();
  }
  return open(context, *std::move(bound), listener_index, std::move(loops), address.tls ? std::move(tls) : nullptr);
}

base::Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& context, BoundSocket socket,
                                                       std::uint8_t listener_index, std::vector<Loop*> loops,
                                                       std::shared_ptr<const base::TlsContext> tls) {
  assert(!loops.empty());
  // Accepted sockets have it from this one: a system call less for each.
  const int on = 1;
  if (socket.unix_path().empty()) {  // connections have these from it
    setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  }
  if (listen(socket.descriptor(), kBacklog) != 0) return socket.failed("listen");
  auto impl = std::make_shared<Impl>(context, std::move(socket), listener_index, std::move(loops), std::move(tls));
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
void Listener::leave() {
  impl_->leave();
}
void Listener::pause() {
  impl_->pause();
}
void Listener::resume() {
  impl_->resume();
}
int Listener::descriptor() const {
  return impl_->descriptor();
}
const std::string& Listener::name() const {
  return impl_->name();
}
void Listener::renew(std::shared_ptr<const base::TlsContext> tls) {
  impl_->renew(std::move(tls));
}
std::uint64_t Listener::turned_away() const {
  return impl_->turned_away.get();
}

}  // namespace footfall::http
