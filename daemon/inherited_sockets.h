// SPDX-License-Identifier: Apache-2.0
// InheritedSockets: sockets that listen already when the daemon starts: those that a service manager holds for it
// (systemd's socket units), or those of the daemon that it takes over from (take_over.h).
//
// A listener takes those of its name (`--listen tls:systemd:https`, FileDescriptorName=https) or of its address
// (`--listen 127.0.0.1:8080`): so the same configuration works with and without them. Whoever connects while no process
// accepts waits in their queue.
//
// Ownership  owns the descriptors until they are taken. Threading: none of its own.
// Tested by tests/unit/server/inherited_sockets_test.cc, tests/integration/sockets_test.py.
#pragma once

#include <string>
#include <vector>

#include "base/errors.h"
#include "http/listen_address.h"

namespace footfall {

class InheritedSockets {
 public:
  // By LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, which are gone afterwards. Descriptors that are no such sockets are
  // an error that names them.
  static base::Result<InheritedSockets> of_environment();

  // Takes over the descriptor. `name`: the service manager's; empty: none.
  base::Result<void> add(int descriptor, std::string name);

  // Binds what is absent, so that an address that is taken is known at once; but for port 0, where any will do.
  base::Result<void> bind(const std::vector<http::ListenAddress>& addresses, int type);

  // Whether every socket is somebody's, and every listener with a name has one: invalid_config says what to do.
  // `streams` and `datagrams`: all addresses of the configuration.
  base::Result<void> check(const std::vector<http::ListenAddress>& streams,
                           const std::vector<http::ListenAddress>& datagrams) const;

  // Those that belong to the address; none: it is to be bound.
  std::vector<http::BoundSocket> take(const http::ListenAddress& address, int type);
  // The same for a while: their queues stay, with whoever is not accepted.
  std::vector<http::BoundSocket> share(const http::ListenAddress& address, int type) const;
  // Those that nobody took.
  std::vector<http::BoundSocket> take_rest();

  bool empty() const { return sockets_.empty(); }

 private:
  std::vector<http::BoundSocket> sockets_;
};

}  // namespace footfall
