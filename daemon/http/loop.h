// SPDX-License-Identifier: Apache-2.0
// Loop: the sockets of one thread, and the pass over them.
//
// A private, level-triggered epoll set holds the connections; the thread's io_context waits on its one descriptor. One
// wake-up is one pass: every ready connection is read once into a shared buffer, its requests go to the handler, and
// when all have been read the handler is told, so that it can decide, journal and apply the whole pass, and answer.
//
//   io_context -- epoll fd readable --> pass: recv* --> handler.on_requests* --> handler.end_of_pass() --> send*
//
// A pass is bounded: 256 new and 256 ready connections, of each at most 128 requests (kPipelineMax) and one read. What
// is left is still ready in the next, and comes before those who were served. A large body has one turn in sixteen
// while others send what a ping may be, and all that it wants else: who pings does not wait for a batch. How long that
// takes is measured (queue_delay.h), and so is what a connection sends ahead of its answers (standing_queue.h). All
// answers to a connection in a pass leave in one send; what the socket does not take is kept with the connection.
//
// Deadlines sit in a wheel of one-second slots and are checked lazily: a head must be complete 10 s after its first
// byte (408), a body keep a minimum rate (408), an idle connection leaves after 75 s, a reader that takes nothing for
// 10 s is cut. A request that is refused is answered, by the handler's words, behind what is owed before it; then the
// connection lingers, so that its peer sees the answer and not a reset: it is half closed, and what still comes is
// thrown away, up to 1 MiB or 2 s. Why this and not a posted flush per pass: daemon/ARCHITECTURE.md, "The pass", with
// figures.
//
// TLS is a filter on the connection (base/tls.h): what a read brought goes through it on its way to the handler, what
// is to be sent on its way to the socket, still in one send. The handshake is under the head's deadline from the moment
// of accepting, and who speaks plain HTTP is told so in plain HTTP. close_notify goes along with the last answer.
//
// Cost: one virtual call per read and one per pass, none per hit; no allocation in steady state. An idle connection is
// one slot of some 200 bytes, and with TLS what OpenSSL keeps of it.
// Threading  one thread, that of the io_context, but for adopt(), connections() and counters(), for any thread.
// Tested by tests/unit/http/loop_test.cc over socket pairs.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/counter.h"
#include "base/tls.h"
#include "http/connection.h"

namespace footfall::http {

// Names a connection of a Loop; stale after the connection closed (calls with it then do nothing).
struct ConnectionRef {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // 0: none
  friend bool operator==(const ConnectionRef&, const ConnectionRef&) = default;
};

// Who is on the other side of a connection, as the handler needs it.
struct Peer {
  std::uint8_t address[16] = {};  // IPv6, or IPv4-mapped
  bool loopback = false;          // or a unix socket
  std::uint8_t listener = 0;      // which listener accepted it, as given to adopt()
  bool tls = false;               // it speaks TLS; set by the loop
};

class LoopHandler {
 public:
  LoopHandler() = default;
  LoopHandler(const LoopHandler&) = delete;
  LoopHandler& operator=(const LoopHandler&) = delete;
  virtual ~LoopHandler() = default;
  // Requests are complete: take them with next() until it gives nullptr. The handler owes exactly one answer for each,
  // given in request order per connection: now, at end_of_pass(), or later (then flush() must follow).
  virtual void on_requests(ConnectionRef connection, const Peer& peer, Requests& requests) = 0;
  // The head of a request is there and its body is not: whether it may come. False: append the whole answer, which is
  // sent in its turn before the connection closes. Asked once for each request whose body does not come along at once.
  // `sink`: set it to take the body as it comes.
  virtual bool on_head(const Peer& peer, const Request& head, std::string& answer, std::unique_ptr<BodySink>& sink);
  // A request that will not be handed out: malformed, late, or without room. Append the whole answer, which is sent in
  // its turn before the connection closes. `request`: its method, path, query and the fields read so far, or nullptr
  // where the path is not known. May come outside of a pass, before end_of_pass() of requests handed out earlier.
  virtual void on_refused(const Peer& peer, ParseError error, const Request* request, std::string& answer) = 0;
  // Every ready connection was read, and at least one request was handed out: decide, journal, apply, answer.
  virtual void end_of_pass(std::int64_t now_ms) = 0;
  // Once a second; answers and pushes are sent when it returns.
  virtual void on_tick(std::int64_t now_ms) = 0;
  // A connection of which on_requests() was told is gone. Never called from within a call to the Loop.
  virtual void on_close(ConnectionRef connection) = 0;
};

struct LoopLimits {
  std::size_t connections_max = 15'000;
  std::int32_t head_deadline_s = 10;
  std::int32_t idle_deadline_s = 75;
  std::int32_t send_deadline_s = 10;
  std::uint32_t body_rate_min = 512;  // bytes a second, after the first 10 s
  // Of all requests whose bodies are not complete; a request that goes beyond is refused (503).
  std::size_t body_memory_max = 256U << 20U;
  std::uint32_t tick_ms = 1000;  // shorter in tests
};

// Single-writer counters, read by the metrics with relaxed loads.
struct LoopCounters {
  base::Counter accepted, closed, refused;  // refused: over connections_max, told 503
  base::Counter bytes_in, bytes_out;
  base::Counter requests;
  std::array<base::Counter, static_cast<std::size_t>(ParseError::count_)> parse_errors;  // by ParseError
  base::Counter heads_refused;                                                           // by on_head()
  base::Counter body_memory;                                                             // now; see LoopLimits
  base::Counter head_timeouts, body_timeouts, idle_timeouts, send_timeouts;
  base::Counter passes, recv_calls, send_calls;
  base::Counter queue_delay_ms, overloaded;   // as of the last tick; 0 or 1
  base::Counter tls_handshakes, tls_resumed;  // complete ones; of them, with the session of one before
  std::array<base::Counter, static_cast<std::size_t>(base::TlsFailure::count_)> tls_failures;  // by TlsFailure
};

class Loop {
 public:
  // REQUIRES: context, clock and handler outlive the loop.
  Loop(boost::asio::io_context& context, const base::Clock& clock, LoopHandler& handler,
       const ParserLimits& parser_limits, const LoopLimits& limits);
  // Closes all connections without a word, and without on_close().
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Takes over an accepted, non-blocking socket, whose peer is to speak TLS if `tls` is there. Any thread.
  void adopt(int descriptor, const Peer& peer, std::shared_ptr<const base::TlsContext> tls = nullptr);

  // Where the next answers of `connection` are to be appended: a shared buffer that is sent when the handler goes on to
  // another connection, or the pass ends. Then finish_answer(). A stale ref gives a buffer that is thrown away.
  std::string& begin_answer(ConnectionRef connection) {
    return connection == run_->connection ? run_->out : change_run(connection);
  }
  // `count` answers are complete; `close`: the connection closes when they are sent.
  void finish_answer(ConnectionRef connection, bool close, std::uint32_t count = 1) {
    if (connection != run_->connection) return;
    run_->answers += count;
    run_->close |= close;
  }
  // Sends what begin_answer() gathered. Needed only outside of on_requests(), end_of_pass() and on_tick().
  void flush();

  // The answer (its head was written with begin_answer() and finished) goes on for ever (server-sent events): no
  // further request is read. push() appends; false if earlier bytes are still unsent, so that the caller keeps the
  // newest for later.
  void start_stream(ConnectionRef connection);
  bool push(ConnectionRef connection, std::string_view bytes);
  bool drained(ConnectionRef connection) const;  // nothing unsent
  // Closes when what is unsent is sent; answers still owed are not waited for.
  void close(ConnectionRef connection);

  // In the place of those of LoopLimits. The loop's thread.
  void set_limits(std::size_t connections_max, std::size_t body_memory_max);

  // While true, bodies that go to a sink are not read on: their senders wait.
  void hold_bodies(bool hold);

  // A connection that becomes readable waits too long for its turn (queue_delay.h): what is costly had better be
  // refused, 503 with Retry-After, before any work is done for it.
  bool overloaded() const;
  // Within on_requests() and on_head(): what this connection has sent ahead of its answers waits too long
  // (standing_queue.h), and the same is true of that.
  bool sheds_ahead() const;

  // The time of this pass or tick.
  std::int64_t now_ms() const;
  // Open ones and those on their way. Any thread.
  std::size_t connections() const;
  // As many as it may have. Any thread.
  bool full() const;
  std::size_t connections_max() const;  // any thread
  // For a process that takes over. No request is begun any more: what comes waits in its socket. Those that have begun
  // are finished, and with TLS, whose state cannot be handed on, one more is answered, which closes. `done` runs when
  // all have come to rest, or at the deadline; from then on nothing is read. Streams stay as they are.
  void freeze(std::int32_t deadline_ms, std::function<void()> done);
  // A connection that rests: nothing was read that is not answered, and nothing is unsent.
  struct Resting {
    int descriptor;  // the loop's
    Peer peer;
    bool tls;  // to be spoken; nothing was yet
  };
  std::vector<Resting> resting() const;
  // Goes on as if nothing had happened.
  void thaw();
  // Somebody else has those of resting(): they are closed here, without a word to their peers.
  void let_go();

  // Graceful end: idle connections and streams close now, others after their answers, which say so. `done` runs when
  // none is left, or at the deadline, when the rest is cut.
  void drain(std::int64_t deadline_ms, std::function<void()> done);
  const LoopCounters& counters() const;

 private:
  class Impl;
  // The answers to one connection, gathered.
  struct Run {
    ConnectionRef connection;
    std::uint32_t answers = 0;
    bool close = false;
    std::string out;
  };
  std::string& change_run(ConnectionRef connection);

  std::shared_ptr<Impl> impl_;  // shared with the handlers that the io_context still holds
  Run* run_;
};

}  // namespace footfall::http
