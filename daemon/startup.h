// SPDX-License-Identifier: Apache-2.0
// StartupListener: answers for the daemon while it recovers, on the addresses of the admin and the metrics listener.
//
//   /livez      200
//   /startupz   503 and how far it is: "recovering: stream 2 of 5, 41 % of 120 MB, 1,234,567 hits"
//   /readyz     503
//   all else    503 problem+json, Retry-After
//
// The service manager is told each second how far it is, and to wait as long as that goes on.
//
// Its end frees the addresses for the real listeners; each answer closes its connection, so that nobody stays behind.
// Threading  a thread of its own, from construction to destruction.  Errors  the constructor throws base::Failure.
// Tested by tests/unit/server/startup_test.cc, tests/integration/startup_test.py.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "http/listener.h"
#include "http/loop.h"
#include "inherited_sockets.h"
#include "service_manager.h"
#include "store/recovery_progress.h"

namespace footfall {

class StartupListener final : public http::LoopHandler {
 public:
  // `progress` outlives this. `tls`: see http::Listener::open(). What of `inherited` is at an address is listened on,
  // and stays there for the real listeners, with who is in its queue.
  StartupListener(const std::vector<http::ListenAddress>& addresses, const store::RecoveryProgress& progress,
                  const std::shared_ptr<const base::TlsContext>& tls = nullptr, ServiceManager manager = {},
                  const InheritedSockets& inherited = {});
  ~StartupListener() override;

  std::uint16_t port(std::size_t index) const { return listeners_.at(index)->port(); }

  void on_requests(http::ConnectionRef connection, const http::Peer& peer, http::Requests& requests) override;
  void on_refused(const http::Peer& peer, http::ParseError error, const http::Request* request,
                  std::string& answer) override;
  void end_of_pass(std::int64_t) override {}
  void on_tick(std::int64_t) override { tell_manager(); }
  void on_close(http::ConnectionRef) override {}

 private:
  void tell_manager();

  const store::RecoveryProgress& progress_;
  const ServiceManager manager_;
  std::uint64_t told_ = 0;  // as of the last tick
  int same_ = 0;            // ticks since it was another
  const base::SystemClock clock_;
  boost::asio::io_context context_;
  http::Loop loop_;
  std::vector<std::unique_ptr<http::Listener>> listeners_, shared_;  // shared_: on inherited sockets
  std::thread thread_;
};

}  // namespace footfall
