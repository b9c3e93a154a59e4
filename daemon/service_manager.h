// SPDX-License-Identifier: Apache-2.0
// ServiceManager: what started the daemon and watches it, as far as it wants to be told: systemd with Type=notify, or
// anything else that reads datagrams of lines "KEY=VALUE" from the socket that NOTIFY_SOCKET names.
//
//   EXTEND_TIMEOUT_USEC=, STATUS=   while the data directory is read, and that goes on
//   READY=1                         the listeners are open
//   WATCHDOG=1                      watchdog.h
//   RELOADING=1, READY=1            around a SIGHUP
//   MAINPID=                        a successor has taken over
//   STOPPING=1
//
// Without NOTIFY_SOCKET nothing is sent. A message that cannot be delivered within a second is given up: who does not
// read finds out by its own timeouts.
// Threading  any thread. Tested by tests/unit/server/service_manager_test.cc, tests/integration/service_test.py.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace footfall {

class ServiceManager {
 public:
  ServiceManager() = default;  // nobody is told
  // `socket`: a path, or "@" and an abstract name. `watchdog`: how long it waits for a WATCHDOG=1; 0: for ever.
  explicit ServiceManager(std::string socket, std::chrono::microseconds watchdog = {})
      : socket_(std::move(socket)), watchdog_(watchdog) {}
  // By NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  static ServiceManager of_environment();

  bool there() const { return !socket_.empty(); }
  std::chrono::microseconds watchdog() const { return watchdog_; }

  // Lines, without the last line feed. False: nobody was told.
  bool tell(const std::string& lines) const { return send(lines, -1); }
  void ready(std::string_view status) const;
  void reloading() const;
  void stopping(std::chrono::seconds at_most) const;
  // A status, and that another `wait` is needed before READY=1.
  void starting(std::string_view status, std::chrono::seconds wait) const;
  void new_main(pid_t process) const;
  // Waits until all that was told before has been read, for at most `wait`: a message of a process that has ended since
  // is thrown away.
  void wait_until_read(std::chrono::milliseconds wait) const;

 private:
  bool send(const std::string& lines, int descriptor) const;

  std::string socket_;
  std::chrono::microseconds watchdog_{0};
};

}  // namespace footfall
