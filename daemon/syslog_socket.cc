// SPDX-License-Identifier: Apache-2.0
#include "syslog_socket.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace footfall {
namespace {

// The sockets interface takes `sockaddr*` for all of them.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* get() { return static_cast<sockaddr*>(static_cast<void*>(&storage)); }
  template <class T>
  void set(const T& from) {
    std::memcpy(&storage, &from, sizeof from);
    size = sizeof from;
  }
  template <class T>
  T as() const {
    T out;
    std::memcpy(&out, &storage, sizeof out);
    return out;
  }
};

std::string text_of(const http::ListenAddress& address, std::uint16_t port) {
  if (address.unix_socket) return "unix:" + address.host;
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(port);
}

base::Error failed(const char* call, const std::string& address) {
  const int code = errno;
  const std::string detail = std::string(call) + " " + address + ": " + std::generic_category().message(code);
  if (code == EADDRINUSE)
    return {base::Errc::in_use, detail + "; another process listens there, choose another address"};
  return {base::Errc::io, detail};
}

// A unix socket's file outlives its process: it is removed when nobody is behind it.
void remove_dead_socket(SocketAddress& address, const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const int probe = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return;
  const bool dead = connect(probe, address.get(), address.size) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (dead) unlink(path.c_str());
}

}  // namespace

struct SyslogSocket::Buffers {
  // Only what datagrams fill of it becomes memory.
  std::vector<char> bytes = std::vector<char>(kBatch * kDatagramMax);
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
};

base::Result<std::unique_ptr<SyslogSocket>> SyslogSocket::open(const http::ListenAddress& address,
                                                               std::uint32_t buffer_bytes) {
  SocketAddress to;
  std::unique_ptr<SyslogSocket> socket(new SyslogSocket());
  socket->address_ = text_of(address, address.port);
  int family = AF_UNIX;
  if (address.unix_socket) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    if (address.host.size() >= sizeof local.sun_path)
      return base::Error{base::Errc::too_large, socket->address_ + ": the path has over 107 bytes"};
    std::memcpy(local.sun_path, address.host.data(), address.host.size());
    to.set(local);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
      family = AF_INET;
      to.set(v4);
    } else if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
      family = AF_INET6;
      to.set(v6);
    } else {
      return base::Error{base::Errc::malformed, address.host + " is not a numeric address"};
    }
  }
  socket->descriptor_ = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int fd = socket->descriptor_;
  if (fd < 0) return failed("socket", socket->address_);
  // Over net.core.rmem_max only with CAP_NET_ADMIN.
  const int wanted = static_cast<int>(std::min<std::uint32_t>(buffer_bytes, 1U << 30U));
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0)
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  int given = 0;
  socklen_t size = sizeof given;
  if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &given, &size) == 0)
    socket->buffer_bytes_ = static_cast<std::uint32_t>(given) / 2;  // the kernel doubles it, for its own needs
  if (address.unix_socket) remove_dead_socket(to, address.host);
  if (bind(fd, to.get(), to.size) != 0) return failed("bind", socket->address_);
  if (address.unix_socket) {
    socket->unlink_path_ = address.host;
    if (address.unix_mode != 0 && chmod(address.host.c_str(), address.unix_mode) != 0)
      return failed("chmod", socket->address_);
  } else {
    SocketAddress bound;
    if (getsockname(fd, bound.get(), &bound.size) == 0) {
      socket->address_ = text_of(
          address, ntohs(family == AF_INET ? bound.as<sockaddr_in>().sin_port : bound.as<sockaddr_in6>().sin6_port));
    }
  }
  return socket;
}

SyslogSocket::~SyslogSocket() {
  close();
}

void SyslogSocket::start(boost::asio::io_context& context, std::function<void()> ready) {
  ready_ = std::move(ready);
  stream_ = std::make_unique<boost::asio::posix::stream_descriptor>(context, std::exchange(descriptor_, -1));
  buffers_ = std::make_unique<Buffers>();
  for (std::size_t i = 0; i < kBatch; ++i) {
    buffers_->parts.at(i) = {buffers_->bytes.data() + i * kDatagramMax, kDatagramMax};
    buffers_->messages.at(i).msg_hdr.msg_iov = &buffers_->parts.at(i);
    buffers_->messages.at(i).msg_hdr.msg_iovlen = 1;
  }
  wait();
}

void SyslogSocket::wait() {
  stream_->async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (!error) ready_();
  });
}

std::size_t SyslogSocket::receive(const std::function<void(std::string_view datagram, bool cut)>& each) {
  if (!stream_->is_open()) return 0;
  int got = -1;
  do {
    got = recvmmsg(stream_->native_handle(), buffers_->messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  } while (got < 0 && errno == EINTR);
  for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got); ++i) {
    const mmsghdr& message = buffers_->messages.at(i);
    each({buffers_->bytes.data() + i * kDatagramMax, message.msg_len}, (message.msg_hdr.msg_flags & MSG_TRUNC) != 0);
  }
  return static_cast<std::size_t>(std::max(got, 0));
}

std::uint64_t SyslogSocket::newly_lost() {
  if (stream_ == nullptr || !stream_->is_open()) return 0;
  std::array<std::uint32_t, SK_MEMINFO_VARS> facts{};
  socklen_t size = sizeof facts;
  if (getsockopt(stream_->native_handle(), SOL_SOCKET, SO_MEMINFO, facts.data(), &size) != 0) return 0;
  const std::uint32_t dropped = facts.at(SK_MEMINFO_DROPS);
  const std::uint32_t since = dropped - std::exchange(dropped_, dropped);  // it wraps
  return since;
}

void SyslogSocket::close() {
  boost::system::error_code ignored;
  if (stream_ != nullptr) stream_->close(ignored);
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!unlink_path_.empty()) unlink(std::exchange(unlink_path_, {}).c_str());
}

}  // namespace footfall
