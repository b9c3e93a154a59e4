// SPDX-License-Identifier: Apache-2.0
// Listener: a bound socket, and who gets its connections: the first of its loops, which had better run on the same
// thread, until that has more than another by an eighth and one; then the least loaded.
//
// Several may share an address, one on each thread: the kernel divides who connects among them (SO_REUSEPORT), and no
// thread has to be woken for a connection that another accepted.
//
// Out of descriptors never spins: a spare one is given up to accept and close the newcomer, and accepting pauses 100
// ms. The file of a unix socket goes with stop(), unless a service manager made it.
// Threading: that of its io_context; loops may run elsewhere. Tested by tests/unit/http/listener_test.cc.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/errors.h"
#include "http/listen_address.h"
#include "http/loop.h"

namespace footfall::http {

class Listener {
 public:
  enum class Sharing : std::uint8_t {
    alone,
    first,  // others come beside it
    beside  // one that was opened as the first has the address, which names its port
  };
  // Binds and listens; Errc::in_use says which address is taken. Port 0 takes a free one. `tls`: for an address of TLS;
  // else it is not looked at. REQUIRES: loops is not empty, and they outlive the listener; a unix socket is alone.
  static base::Result<std::unique_ptr<Listener>> open(boost::asio::io_context& context, const ListenAddress& address,
                                                      std::uint8_t listener_index, std::vector<Loop*> loops,
                                                      std::shared_ptr<const base::TlsContext> tls = nullptr,
                                                      Sharing sharing = Sharing::alone);
  // The same on a socket that is bound already; null `tls`: plain HTTP.
  static base::Result<std::unique_ptr<Listener>> open(boost::asio::io_context& context, BoundSocket socket,
                                                      std::uint8_t listener_index, std::vector<Loop*> loops,
                                                      std::shared_ptr<const base::TlsContext> tls);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::string address() const;  // as bound, "127.0.0.1:8080", "tls:127.0.0.1:8443"
  std::uint16_t port() const;
  void stop();  // accepts no more; who is in the queue is accepted
  // The same, and who is in the queue is left to others who have the socket too.
  void leave();
  // Accepts nobody until resume(): who connects waits in the queue.
  void pause();
  void resume();
  int descriptor() const;
  const std::string& name() const;  // BoundSocket::name()
  // For connections from now on, if it is one of TLS.
  void renew(std::shared_ptr<const base::TlsContext> tls);

  // Connections closed for want of descriptors. Any thread.
  std::uint64_t turned_away() const;

 private:
  class Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace footfall::http
