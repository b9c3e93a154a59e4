// SPDX-License-Identifier: Apache-2.0
// A new process takes over from the one that runs, and nobody who sends hits notices.
//
//   successor (footfalld --take-over true)             predecessor, which goes on as if nothing were
//   connects to DATA-DIR/take-over ------------------> is it the same user?
//                                  <------------------ its listening sockets, and which segments are closed
//   reads the data directory, as far as it is closed
//   ready ------------------------------------------> accepts nobody, begins no request, answers what had begun,
//                                                      makes all durable
//                                  <------------------ connections that rest, the directory's lock
//   reads the little that is left, writes nothing yet
//   taken ------------------------------------------> writes nothing any more; ends
//   goes on: accepts, reads, counts                    streams are closed, their readers come back
//
// Who connects meanwhile waits in the sockets' queues, and who sends in the sockets of the connections, which are open
// in both processes. Until "taken" the predecessor can go on, and does, whatever becomes of the successor; one that
// neither goes on nor ends is killed. "Taken" is the one moment at which the directory changes hands.
//
// Threading  Predecessor: a thread of its own, on which it calls its Ways; Successor: one thread.
// Tested by tests/unit/server/take_over_test.cc, tests/integration/take_over_test.py, tests/drills/takeover_drill.py.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/message_socket.h"
#include "http/loop.h"
#include "inherited_sockets.h"
#include "journal/format.h"

namespace footfall {

// stream -> the last segment that is closed
using ClosedSegments = std::map<journal::StreamId, std::uint64_t>;

class Predecessor {
 public:
  struct Socket {
    int descriptor;
    std::string name;  // http::BoundSocket::name()
  };
  struct Estate {
    std::vector<http::Loop::Resting> connections;
    int lock = -1;
    bool same_slot = false;                          // the successor goes on under this one's slot (store/own_slot.h)
    std::chrono::steady_clock::time_point paused{};  // since when nobody is accepted
  };
  // What the server does for it. Descriptors stay the server's.
  struct Ways {
    std::function<std::vector<Socket>()> sockets;
    // No closed segment goes from now on.
    std::function<base::Result<ClosedSegments>()> prepare;
    // Nothing is written any more when it returns.
    std::function<base::Result<Estate>()> freeze;
    // Goes on, wherever it stands.
    std::function<void()> thaw;
    // All is the successor's, whose process this is.
    std::function<void(pid_t)> hand_over;
  };

  // Throws base::Failure: the path cannot be listened on.
  Predecessor(const std::string& path, Ways ways);
  ~Predecessor() { stop(); }
  Predecessor(const Predecessor&) = delete;
  Predecessor& operator=(const Predecessor&) = delete;
  // A successor that has not taken over is left alone. Returns when the thread has ended. Not on it.
  void stop();

 private:
  void run();
  base::Result<void> serve(base::MessageSocket& successor, pid_t process);
  base::Result<void> give(base::MessageSocket& successor, const Estate& estate);

  const Ways ways_;
  std::unique_ptr<base::MessageListener> listener_;
  std::mutex mutex_;  // guards what follows
  base::MessageSocket* current_ = nullptr;
  bool stopped_ = false;
  std::thread thread_;
};

class Successor {
 public:
  struct Connection {
    base::Descriptor descriptor;
    http::Peer peer;
    bool tls = false;
  };
  struct Estate {
    std::vector<Connection> connections;
    base::Descriptor lock;
    bool same_slot = false;
    std::chrono::steady_clock::time_point paused{};
  };

  // not_found: no daemon is there. Adds to `sockets`.
  static base::Result<std::unique_ptr<Successor>> begin(const std::string& path, const std::string& release,
                                                        InheritedSockets& sockets);
  const ClosedSegments& closed() const { return closed_; }
  // The predecessor comes to rest. From here on who has connected waits.
  base::Result<Estate> take();
  // Before the first write.
  base::Result<void> taken();
  // Waits until it has told whom it had to; at most `wait`.
  void wait_for_end(std::chrono::milliseconds wait);

 private:
  explicit Successor(std::unique_ptr<base::MessageSocket> predecessor) : predecessor_(std::move(predecessor)) {}

  std::unique_ptr<base::MessageSocket> predecessor_;
  ClosedSegments closed_;
};

}  // namespace footfall
