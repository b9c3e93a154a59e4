// SPDX-License-Identifier: Apache-2.0
// Watchdog: tells the service manager that the daemon goes on (WATCHDOG=1), as long as it does; and /livez which
// thread does not.
//
//   each half of the manager's time:   control --> a task to every shard --> all have come to it --> WATCHDOG=1
//
// While a shard, or the control thread itself, does not come to its task no other is given and nothing is told; so the
// manager's time runs out, and it ends and restarts the daemon. Syncs of hits hold up no thread that is asked; those of
// changes, and a disk that does not even take a write, do.
//
// Time is counted in the control thread's own rounds: a process that was stopped, and goes on, is not stuck.
//
// Threading  that of the control thread, but for the shards' answers. Tested by tests/unit/server/watchdog_test.cc and,
// with threads that are stuck, by tests/integration/service_test.py and tests/drills/stuck_thread_drill.py.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace footfall {

class Watchdog {
 public:
  struct Thread {
    std::string name;
    std::function<void(std::function<void()>)> post;  // has it call what it is given, in its turn
  };

  // Tells once at the beginning, and then each half of `within`. Made and destroyed on the context's thread.
  Watchdog(boost::asio::io_context& control, std::vector<Thread> threads, std::chrono::microseconds within,
           std::function<void()> tell);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // The first thread that has not come to its task for `within`; empty: all go on.
  std::string stuck() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // tasks that are on their way have it too
};

}  // namespace footfall
