// SPDX-License-Identifier: Apache-2.0
#include "syslog_socket.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace footfall {

struct SyslogSocket::Buffers {
  // Not cleared: only what datagrams fill of it becomes memory.
  std::unique_ptr<char[]> bytes{new char[kBatch * kDatagramMax]};
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
};

base::Result<std::unique_ptr<SyslogSocket>> SyslogSocket::open(const http::ListenAddress& address,
                                                               std::uint32_t buffer_bytes) {
  auto bound = http::BoundSocket::bind(address, SOCK_DGRAM);
  if (!bound) return bound.error();
  return open(*std::move(bound), buffer_bytes);
}

std::unique_ptr<SyslogSocket> SyslogSocket::open(http::BoundSocket bound, std::uint32_t buffer_bytes) {
  std::unique_ptr<SyslogSocket> socket(new SyslogSocket());
  socket->address_ = bound.address();
  socket->name_ = bound.name();
  if (bound.name().empty()) socket->unlink_path_ = bound.unix_path();
  const int fd = socket->descriptor_ = bound.release();
  // Over net.core.rmem_max only with CAP_NET_ADMIN.
  const int wanted = static_cast<int>(std::min<std::uint32_t>(buffer_bytes, 1U << 30U));
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0)
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  int given = 0;
  socklen_t size = sizeof given;
  if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &given, &size) == 0)
    socket->buffer_bytes_ = static_cast<std::uint32_t>(given) / 2;  // the kernel doubles it, for its own needs
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
    buffers_->parts.at(i) = {buffers_->bytes.get() + i * kDatagramMax, kDatagramMax};
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
    each({buffers_->bytes.get() + i * kDatagramMax, message.msg_len}, (message.msg_hdr.msg_flags & MSG_TRUNC) != 0);
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

void SyslogSocket::leave() {
  unlink_path_.clear();
  if (stream_ != nullptr && stream_->is_open()) ::close(stream_->release());
}

void SyslogSocket::close() {
  boost::system::error_code ignored;
  if (stream_ != nullptr) stream_->close(ignored);
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!unlink_path_.empty()) unlink(std::exchange(unlink_path_, {}).c_str());
}

}  // namespace footfall
