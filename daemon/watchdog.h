// SPDX-License-Identifier: Apache-2.0
// Watchdog: tells the service manager that the daemon goes on (WATCHDOG=1), as long as it does.
//
//   each half of the manager's time:   control --> a task to every shard --> all have come to it --> WATCHDOG=1
//
// While a shard, or the control thread itself, does not come to its task no other is given and nothing is told; so the
// manager's time runs out, and it ends and restarts the daemon. Syncs of hits hold up no thread that is asked; those of
// changes, and a disk that does not even take a write, do.
//
// Threading  that of the control thread, but for the shards' answers. Tested by tests/unit/server/watchdog_test.cc and,
// with a shard that is stuck, by tests/integration/service_test.py.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace footfall {

class Watchdog {
 public:
  // Has a thread call what it is given, in its turn.
  using Thread = std::function<void(std::function<void()>)>;

  // Tells once at the beginning, and then each half of `within`. Made and destroyed on the context's thread.
  Watchdog(boost::asio::io_context& control, std::vector<Thread> threads, std::chrono::microseconds within,
           std::function<void()> tell);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;  // tasks that are on their way have it too
};

}  // namespace footfall
