// SPDX-License-Identifier: Apache-2.0
// SyslogSocket: a bound datagram socket, UDP or unix, read many datagrams at a time.
//
//   open -> start(context, ready) -> ready() -> receive()* -> wait() -> ready() ...
//
// What the kernel drops because the receive buffer is full it counts for each socket; SO_MEMINFO tells (the same number
// as SO_RXQ_OVFL and the "drops" of /proc/net/udp, also while nothing more comes). A unix socket drops nothing: its
// senders wait, or are told.
//
// Ownership  owns the descriptor, and the file of a unix socket, which goes with close().
// Threading  that of its io_context; open() and counters by any.
// Tested by tests/unit/server/syslog_socket_test.cc.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "http/listen_address.h"

namespace footfall {

class SyslogSocket {
 public:
  // Read at a time.
  static constexpr std::size_t kBatch = 64;
  // Of one datagram: all of UDP's.
  static constexpr std::size_t kDatagramMax = std::size_t{64} << 10U;

  // As http::BoundSocket::bind() says. `buffer_bytes` is what is asked for; the kernel may give less.
  static base::Result<std::unique_ptr<SyslogSocket>> open(const http::ListenAddress& address,
                                                          std::uint32_t buffer_bytes);
  // Of one that is bound already.
  static std::unique_ptr<SyslogSocket> open(http::BoundSocket bound, std::uint32_t buffer_bytes);
  ~SyslogSocket();
  SyslogSocket(const SyslogSocket&) = delete;
  SyslogSocket& operator=(const SyslogSocket&) = delete;

  const std::string& address() const { return address_; }       // as bound: "127.0.0.1:5514", "unix:/path"
  std::uint32_t buffer_bytes() const { return buffer_bytes_; }  // that it has

  // Calls `ready` on the context's thread when there is something to read, once for each wait().
  void start(boost::asio::io_context& context, std::function<void()> ready);
  void wait();
  // Up to kBatch datagrams, each with whether it was cut: how many; none: there is nothing. REQUIRES: start() was
  // called.
  std::size_t receive(const std::function<void(std::string_view datagram, bool cut)>& each);
  // Dropped by the kernel since the last call.
  std::uint64_t newly_lost();
  void close();
  // The same, and what is in its buffer, and its file, are left to who has the socket too.
  void leave();
  // REQUIRES: start() was called.
  int descriptor() { return stream_->native_handle(); }
  const std::string& name() const { return name_; }  // http::BoundSocket::name()

 private:
  SyslogSocket() = default;

  struct Buffers;
  int descriptor_ = -1;  // until start()
  std::string address_, unlink_path_, name_;
  std::uint32_t buffer_bytes_ = 0;
  std::uint32_t dropped_ = 0;  // as the kernel last said
  std::unique_ptr<boost::asio::posix::stream_descriptor> stream_;
  std::function<void()> ready_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace footfall
