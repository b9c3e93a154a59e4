// SPDX-License-Identifier: Apache-2.0
// Listener: a bound socket whose connections are dealt to the least loaded loop.
//
// Out of descriptors never spins: a spare one is given up to accept and close the newcomer, and accepting pauses 100 ms.
// Addresses: "127.0.0.1:8080", "[::1]:8080", "unix:/run/footfall.sock".
// Threading: that of its io_context. Tested by tests/unit/http/listener_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/errors.h"
#include "http/loop.h"

namespace footfall::http {

struct ListenAddress {
  std::string host;     // or the path of a unix socket
  std::uint16_t port = 0;
  bool unix_socket = false;
  bool loopback = false;
};
base::Result<ListenAddress> parse_listen_address(std::string_view text);

class Listener {
 public:
  // Binds and listens; Errc::in_use says which address is taken. Port 0 takes a free one.
  static base::Result<std::unique_ptr<Listener>> open(boost::asio::io_context& context, const ListenAddress& address,
                                                      std::uint8_t listener_index, std::vector<Loop*> loops);
  ~Listener();
  std::string address() const;  // as bound, "127.0.0.1:8080"
  std::uint16_t port() const;
  void stop();                  // accepts no more

 private:
  Listener();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::http
