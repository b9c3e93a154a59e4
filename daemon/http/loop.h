// SPDX-License-Identifier: Apache-2.0
// Loop: the sockets of one thread, and the pass over them.
//
// A private, level-triggered epoll set holds the connections; the thread's io_context waits on its one descriptor. One
// wake-up is one pass: every ready connection is read once into a shared buffer, its requests go to the handler, and
// when all have been read the handler is told, so that it can decide, journal and apply the whole pass, and answer.
//
//   io_context -- epoll fd readable --> pass: recv* --> handler.on_request* --> handler.end_of_pass() --> send*
//
// Deadlines sit in a wheel of one-second slots and are checked lazily: a head must be complete 10 s after its first
// byte, a body keep a minimum rate, an idle connection leaves after 75 s, a reader that takes nothing for 10 s is cut.
// Why this and not a posted flush per pass: daemon/ARCHITECTURE.md, "The pass", with figures.
//
// Threading  one thread, that of the io_context, but for adopt(), which any thread may call.
// Tested by tests/unit/http/loop_test.cc over socket pairs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "http/connection.h"

namespace footfall::http {

// Names a connection of a Loop; stale after the connection closed (calls with it then do nothing).
struct ConnectionRef {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const ConnectionRef&, const ConnectionRef&) = default;
};

// Who is on the other side of a connection, as the handler needs it.
struct Peer {
  std::uint8_t address[16] = {};  // IPv6, or IPv4-mapped
  bool loopback = false;          // or a unix socket
  std::uint8_t listener = 0;      // which listener accepted it, as given to adopt()
};

class LoopHandler {
 public:
  virtual ~LoopHandler() = default;
  // A request is complete; its views live until the call returns. The handler owes exactly one answer for it, given in
  // request order per connection: now, at end_of_pass(), or in a later pass.
  virtual void on_request(ConnectionRef connection, const Peer& peer, const Request& request) = 0;
  // Every ready connection was read: decide, journal, apply, answer.
  virtual void end_of_pass(std::int64_t now_ms) = 0;
  // Once a second. REQUIRES nothing of the pass.
  virtual void on_tick(std::int64_t now_ms) = 0;
  virtual void on_close(ConnectionRef connection) = 0;
};

struct LoopLimits {
  std::size_t connections_max = 15'000;
  std::int32_t head_deadline_s = 10;
  std::int32_t idle_deadline_s = 75;
  std::int32_t send_deadline_s = 10;
  std::uint32_t body_rate_min = 512;  // bytes a second, after the first 10 s
};

// Single-writer counters, read by the metrics with relaxed loads.
struct LoopCounters;

class Loop {
 public:
  Loop(boost::asio::io_context& context, const base::Clock& clock, LoopHandler& handler, const ParserLimits& parser_limits,
       const LoopLimits& limits);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Takes over an accepted, non-blocking socket. Any thread.
  void adopt(int descriptor, const Peer& peer);

  // Where the next answer of `connection` is to be appended: a shared buffer that is sent when the handler goes on to
  // another connection, or the pass ends. Then finish_answer(). A stale ref gives a buffer that is thrown away.
  std::string& begin_answer(ConnectionRef connection);
  // The answer is complete; `close`: the connection closes when it is sent.
  void finish_answer(ConnectionRef connection, bool close);
  // Sends what begin_answer() gathered; end_of_pass() is followed by it.
  void flush();

  // The answer goes on for ever (server-sent events): no further request is read. push() appends; false if earlier
  // bytes are still unsent, so that the caller keeps the newest for later.
  void start_stream(ConnectionRef connection);
  bool push(ConnectionRef connection, std::string_view bytes);
  bool drained(ConnectionRef connection) const;  // nothing unsent
  void close(ConnectionRef connection);

  // The time of this pass. Valid inside handler calls.
  std::int64_t now_ms() const;
  std::size_t connections() const;
  // Graceful end: idle connections close now, others after their answers. `done` runs when none is left, or at the deadline.
  void drain(std::int64_t deadline_ms, std::function<void()> done);
  const LoopCounters& counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::http
