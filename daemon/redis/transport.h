// SPDX-License-Identifier: Apache-2.0
// Transport: sockets for a Client, on Asio: TCP, unix sockets, TLS. It carries out what the Client decides, and decides
// nothing.
//
// Threading  everything happens on the executor's thread, which the caller is on too.
// Ownership  owns the sockets; keeps references to the Client and the clock, which outlive it. After its destruction no
//            handler touches them.
// Errors     go to the Client, as closed links.
// Tested by tests/unit/redis/redis_servers_test.cc against real servers, and through a proxy that cuts.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/tls.h"
#include "redis/client.h"

namespace footfall::redis {

class Transport {
 public:
  // `tls` is given where the target wants it. `on_answers` is called when the client has answers to take; it may
  // submit.
  Transport(const boost::asio::any_io_executor& executor, Client& client, const base::Clock& clock,
            std::optional<base::TlsContext> tls, std::function<void()> on_answers);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // To be called after Client::submit().
  void carry_out();

 private:
  class Sockets;
  std::shared_ptr<Sockets> sockets_;
};

}  // namespace footfall::redis
