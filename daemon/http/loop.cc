// SPDX-License-Identifier: Apache-2.0
#include "http/loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "http/deadline_wheel.h"
#include "http/queue_delay.h"
#include "http/standing_queue.h"

namespace footfall::http {
namespace {

namespace asio = boost::asio;

constexpr int kEventsMax = 256;
constexpr std::size_t kReadMax = 256U << 10U;         // a batch of a thousand is 140 to 200 KB: one read
constexpr std::size_t kReadMaxWhenMany = 16U << 10U;  // so that a pass over kEventsMax connections stays short
constexpr int kMany = 32;
// While others ping, a connection with a large body is read in one pass of so many, and not so much.
constexpr unsigned kBulkyTurns = 16;
constexpr std::size_t kReadMaxBesidePings = 64U << 10U;
constexpr std::size_t kPingMax = 4U << 10U;
constexpr std::size_t kOutKept = 1U << 20U;
constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kLingerMs = 2000;
constexpr std::size_t kLingerBytes = 1U << 20U;
constexpr unsigned kStreamSilence_ms = 30'000;  // two comments (api/live.h) and what they take
constexpr std::size_t kRefusedMax = 64;         // told 503 at the same time; further ones are just closed
constexpr std::int64_t kNever = INT64_MAX;
constexpr std::uint32_t kMarker = UINT32_MAX;  // of events, in the place of a connection's index
// A pass does so many steps of TLS handshakes, each up to 0.4 ms, and the next one others: hits do not wait for them.
constexpr int kHandshakeStepsMax = 16;
constexpr std::string_view kNotTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 50\r\n"
    "Connection: close\r\n\r\nThis port speaks HTTPS: write https:// before it.\n";

// So many times the deadline of freeze() are given to connections that are busy.
constexpr int kBusyPatience = 7;

// What a connection waits for; `since_ms` of its slot is when that began.
enum class Wait : std::uint8_t { next_request, head, body, handshake };

struct Slot {
  explicit Slot(RequestParser& parser) : connection(parser) {}

  Connection connection;
  Peer peer;
  int fd = -1;
  std::uint32_t generation = 1;
  std::uint32_t interest = 0;        // the epoll events asked for
  std::uint32_t lingered = 0;        // bytes thrown away
  std::uint32_t request_waited = 0;  // which request `wait` is about: Connection::completed()
  Wait wait = Wait::next_request;
  bool watched = false;  // in the epoll set
  bool known = false;    // the handler was told of it
  bool stream = false;
  bool ended = false;  // the peer sends no more
  bool lingering = false;
  bool refused = false;   // the last answer, that of an error, is written
  bool resuming = false;  // stands in resume_
  bool held = false;      // stands in held_bodies_
  bool bulky = false;     // its latest request had a body that did not come at once
  std::int64_t since_ms = 0;
  std::int64_t send_since_ms = 0;        // when unsent bytes last moved
  std::int64_t wheel_s = 0;              // the earliest second under which it stands in the wheel; 0: none
  std::size_t body_memory = 0;           // its part of Impl::body_memory_
  std::unique_ptr<std::string> refusal;  // the last answer, until it is its turn
  std::unique_ptr<base::TlsFilter> tls;  // null: none
  std::unique_ptr<StandingQueue> ahead;  // null: no read has left anything yet
};

static_assert(sizeof(Slot) <= 232, "an idle connection is to stay under 300 bytes");

}  // namespace

class Loop::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, const base::Clock& clock, LoopHandler& handler, const ParserLimits& parser_limits,
       const LoopLimits& limits)
      : context_(context),
        clock_(clock),
        handler_(handler),
        parser_limits_(parser_limits),
        limits_(limits),
        connections_max_(limits.connections_max),
        body_memory_max_(limits.body_memory_max),
        parser_(parser_limits_),
        in_(kReadMax),
        set_(context, open_set()),
        timer_(context),
        now_ms_(clock.utc_ms()),
        wheel_(now_ms_ / 1000),
        rest_timer_(context) {}
  ~Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start();
  void stop();

  void adopt(int fd, const Peer& peer, std::shared_ptr<const base::TlsContext> tls);
  std::string& change_run(ConnectionRef ref);
  void flush();
  void start_stream(ConnectionRef ref);
  bool push(ConnectionRef ref, std::string_view bytes);
  bool drained(ConnectionRef ref) const;
  void close(ConnectionRef ref);
  void hold_bodies(bool hold);
  void freeze(std::int32_t deadline_ms, std::function<void()> done);
  std::vector<Resting> resting() const;
  void thaw();
  void let_go();
  void drain(std::int64_t deadline_ms, std::function<void()> done);
  bool overloaded() const { return delay_.overloaded(); }
  bool sheds_ahead() const { return sheds_ahead_; }
  bool full() const { return load.load(std::memory_order_relaxed) >= connections_max_.load(std::memory_order_relaxed); }
  std::size_t connections_max() const { return connections_max_.load(std::memory_order_relaxed); }
  void set_limits(std::size_t connections_max, std::size_t body_memory_max) {
    connections_max_.store(connections_max, std::memory_order_relaxed);
    body_memory_max_ = body_memory_max;
  }

  Run run;
  LoopCounters counters;
  std::atomic<std::size_t> load{0};
  std::int64_t now_ms() const { return now_ms_; }

 private:
  struct Arrival {
    int fd;
    Peer peer;
    std::shared_ptr<const base::TlsContext> tls;
  };

  static int open_set();

  // The turn of the loop.
  void arm();
  void arm_timer();
  void post_pass();
  void pass();
  void tick();
  void after_handler();
  void take_arrivals();
  bool open_arriving();
  void close_arriving();
  void open(const Arrival& arrival);

  // One connection.
  Slot* find(ConnectionRef ref);
  const Slot* find(ConnectionRef ref) const;
  ConnectionRef ref_of(const Slot& slot, std::uint32_t index) const { return {index, slot.generation}; }
  void on_event(std::uint32_t index, std::uint32_t events);
  void read(std::uint32_t index);
  void note_rest(Slot& slot, std::size_t got);
  void hand_out(std::uint32_t index, std::string_view bytes);
  void look_at_body(Slot& slot);
  void count_body(Slot& slot);
  void refuse_request(Slot& slot, ParseError error, const Request* request);
  void note_wait(Slot& slot);
  bool wants_read(const Slot& slot) const;
  bool is_held(const Slot& slot) const { return hold_bodies_ && slot.connection.diverted(); }
  void note_held(std::uint32_t index);
  void flush_run();
  // False, as of all that send: it is gone.
  bool transmit(std::uint32_t index, std::string_view bytes);
  bool send_bytes(std::uint32_t index, std::string_view bytes);
  bool send_unsent(std::uint32_t index);
  void settle(std::uint32_t index);
  bool send_refusal(std::uint32_t index);
  void finish(std::uint32_t index);
  void drop(std::uint32_t index);
  void reap();
  void watch(std::uint32_t index, std::uint32_t events);
  void unwatch(Slot& slot);
  void linger(std::uint32_t index);

  // One connection with TLS.
  void decrypt(std::uint32_t index, std::string_view bytes);
  bool encrypt(std::uint32_t index, std::string_view bytes);
  void refuse_plain_text(std::uint32_t index);
  void fail_tls(std::uint32_t index, base::TlsFailure failure);
  bool is_over(const Slot& slot) const;
  bool end_tls(std::uint32_t index);
  void part(Slot& slot);

  std::int64_t deadline_of(const Slot& slot) const;
  void schedule(std::uint32_t index);
  void on_due(std::uint32_t index, std::int64_t second);
  void check_drained();
  bool idle(const Slot& slot) const;
  bool rests(const Slot& slot) const;
  void settle_all();
  void wait_for_rest(std::int32_t ms, int patience);
  void check_rest();

  asio::io_context& context_;
  const base::Clock& clock_;
  LoopHandler& handler_;
  const ParserLimits parser_limits_;
  const LoopLimits limits_;  // but for these two, which may change
  std::atomic<std::size_t> connections_max_;
  std::size_t body_memory_max_;
  RequestParser parser_;  // shared by all connections, for requests that are complete at once
  std::vector<char> in_;
  std::size_t read_max_ = kReadMax;
  bool pings_ = false, pings_before_ = false;  // in this pass, and in the one before, a ping may have come
  std::string trash_;
  std::string plain_, ciphertext_;            // of the connection with TLS that is read, or sent to
  std::vector<std::unique_ptr<Slot>> slots_;  // index -> connection; they stay where they are, and are never fewer
  std::vector<std::uint32_t> free_;
  std::vector<ConnectionRef> gone_;    // closed, to be told to the handler, then free
  std::vector<ConnectionRef> resume_;  // input was kept back and may go on
  std::vector<ConnectionRef> resuming_;
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> set_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type>
      timer_;
  std::int64_t now_ms_;
  DeadlineWheel wheel_;
  std::size_t open_ = 0;
  std::vector<ConnectionRef> held_bodies_;  // connections that are not read on
  bool hold_bodies_ = false;
  std::size_t body_memory_ = 0;  // of requests whose bodies are not complete
  QueueDelay delay_{set_.native_handle(), kMarker};
  std::int64_t worked_ms_ = 0;  // in all passes until this one
  bool sheds_ahead_ = false;    // of the connection that is handed out
  int handshake_steps_ = 0;     // of this pass
  bool in_pass_ = false;
  bool pass_posted_ = false;
  bool handed_out_ = false;
  bool stopped_ = false;

  enum class Rest : std::uint8_t { none, freezing, frozen };
  Rest rest_ = Rest::none;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type>
      rest_timer_;
  std::function<void()> rested_;

  bool draining_ = false;
  std::int64_t drain_deadline_ms_ = 0;
  std::function<void()> drained_;

  base::Mutex arrivals_mutex_;
  std::vector<Arrival> arrivals_ GUARDED_BY(arrivals_mutex_);
  std::vector<Arrival> arriving_;  // taken over, and not opened yet
};

// ---- The turn of the loop

int Loop::Impl::open_set() {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return fd;
}

void Loop::Impl::start() {
  arm();
  arm_timer();
}

void Loop::Impl::stop() {
  stopped_ = true;
  for (const auto& slot : slots_) {
    if (slot->fd >= 0) ::close(std::exchange(slot->fd, -1));
  }
  {
    const base::MutexLock lock(arrivals_mutex_);
    for (const Arrival& arrival : arrivals_) ::close(arrival.fd);
    arrivals_.clear();
  }
  close_arriving();
  timer_.cancel();
  rest_timer_.cancel();
  boost::system::error_code ignored;
  set_.close(ignored);
}

void Loop::Impl::arm() {
  set_.async_wait(asio::posix::descriptor_base::wait_read,
                  [self = shared_from_this()](boost::system::error_code error) {
                    if (error || self->stopped_) return;
                    self->pass();
                    if (!self->stopped_) self->arm();
                  });
}

void Loop::Impl::arm_timer() {
  timer_.expires_after(std::chrono::milliseconds(limits_.tick_ms));
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (error || self->stopped_) return;
    self->tick();
    if (!self->stopped_) self->arm_timer();
  });
}

// For what is ready though no socket says so.
void Loop::Impl::post_pass() {
  if (in_pass_ || pass_posted_) return;
  pass_posted_ = true;
  asio::post(context_, [self = shared_from_this()] {
    self->pass_posted_ = false;
    if (!self->stopped_) self->pass();
  });
}

void Loop::Impl::pass() {
  in_pass_ = true;
  now_ms_ = clock_.utc_ms();
  delay_.on_turn(now_ms_);
  counters.passes.add();
  handshake_steps_ = 0;
  pings_before_ = std::exchange(pings_, false);
  resuming_.swap(resume_);
  const bool resumed = !resuming_.empty();
  for (const ConnectionRef ref : resuming_) {
    Slot* slot = find(ref);
    if (slot == nullptr) continue;
    slot->resuming = false;
    if (slot->connection.resumable()) hand_out(ref.index, {});
  }
  resuming_.clear();
  const bool arrived = open_arriving();

  epoll_event events[kEventsMax];
  const int ready = epoll_wait(set_.native_handle(), events, kEventsMax, 0);
  read_max_ = ready > kMany ? kReadMaxWhenMany : kReadMax;
  if (ready == kEventsMax) delay_.on_full(now_ms_);
  for (int i = 0; i < ready; ++i) {
    if (events[i].data.u32 == kMarker) {
      delay_.on_marker(now_ms_);
    } else {
      on_event(events[i].data.u32, events[i].events);
    }
  }

  if (handed_out_) {
    handed_out_ = false;
    handler_.end_of_pass(now_ms_);
  }
  after_handler();
  if (ready == 0 && !arrived && !resumed) return;
  const std::int64_t end_ms = clock_.utc_ms();
  worked_ms_ += end_ms - now_ms_;
  delay_.on_pass(now_ms_, end_ms);
}

void Loop::Impl::tick() {
  in_pass_ = true;
  now_ms_ = clock_.utc_ms();
  delay_.on_turn(now_ms_);
  wheel_.advance(now_ms_ / 1000, [this](std::uint32_t index, std::int64_t second) { on_due(index, second); });
  handler_.on_tick(now_ms_);
  if (draining_ && now_ms_ >= drain_deadline_ms_) {
    flush_run();
    for (std::uint32_t index = 0; index < slots_.size(); ++index) drop(index);
  }
  after_handler();
  counters.queue_delay_ms.set(static_cast<std::uint64_t>(delay_.ms()));
  counters.overloaded.set(delay_.overloaded() ? 1 : 0);
}

void Loop::Impl::after_handler() {
  flush_run();
  reap();
  in_pass_ = false;
  if (!resume_.empty() || !arriving_.empty()) post_pass();
  if (rest_ == Rest::freezing) check_rest();
  check_drained();
}

void Loop::Impl::adopt(int fd, const Peer& peer, std::shared_ptr<const base::TlsContext> tls) {
  load.fetch_add(1, std::memory_order_relaxed);
  bool first = false;
  {
    const base::MutexLock lock(arrivals_mutex_);
    first = arrivals_.empty();
    arrivals_.push_back({fd, peer, std::move(tls)});
  }
  if (!first) return;
  asio::post(context_, [self = shared_from_this()] { self->take_arrivals(); });
}

void Loop::Impl::take_arrivals() {
  {
    const base::MutexLock lock(arrivals_mutex_);
    arriving_.insert(arriving_.end(), std::make_move_iterator(arrivals_.begin()),
                     std::make_move_iterator(arrivals_.end()));
    arrivals_.clear();
  }
  if (!stopped_) return pass();
  close_arriving();
}

void Loop::Impl::close_arriving() {
  for (const Arrival& arrival : arriving_) ::close(arrival.fd);
  arriving_.clear();
}

// As many as a pass takes; false: there are none.
bool Loop::Impl::open_arriving() {
  if (arriving_.empty()) return false;
  const std::size_t count = std::min<std::size_t>(arriving_.size(), kEventsMax);
  read_max_ = count > kMany ? kReadMaxWhenMany : kReadMax;
  for (std::size_t i = 0; i < count; ++i) open(arriving_[i]);
  arriving_.erase(arriving_.begin(), arriving_.begin() + static_cast<std::ptrdiff_t>(count));
  return true;
}

void Loop::Impl::open(const Arrival& arrival) {
  const std::size_t connections_max = connections_max_.load(std::memory_order_relaxed);
  const bool refused = open_ >= connections_max;
  // Those with TLS would cost a handshake first.
  if (refused && (arrival.tls || open_ >= connections_max + kRefusedMax)) {
    counters.refused.add();
    load.fetch_sub(1, std::memory_order_relaxed);
    ::close(arrival.fd);
    return;
  }
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back(std::make_unique<Slot>(parser_));
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = *slots_[index];
  const std::uint32_t generation = slot.generation;
  slot = Slot(parser_);
  slot.generation = generation;
  slot.fd = arrival.fd;
  slot.peer = arrival.peer;
  slot.peer.tls = arrival.tls != nullptr;
  slot.since_ms = now_ms_;
  if (arrival.tls) {
    slot.tls = std::make_unique<base::TlsFilter>(base::TlsFilter::accept(*arrival.tls));
    slot.wait = Wait::handshake;
  }
  ++open_;
  counters.accepted.add();
  if (draining_) slot.connection.last_request();
  if (refused) {
    counters.refused.add();
    slot.connection.end_input();
    refuse_request(slot, ParseError::too_many_connections, nullptr);
    return settle(index);
  }
  if (slot.tls && handshake_steps_ >= kHandshakeStepsMax) return settle(index);
  if (rest_ != Rest::none) return settle(index);
  // Most that connect have said something by now: who asks once and leaves is never put into the epoll set.
  read(index);
  if (slot.generation == generation && !slot.watched && slot.connection.owed() == 0) settle(index);
  if (draining_ && slot.generation == generation && idle(slot)) drop(index);
}

// ---- One connection

Slot* Loop::Impl::find(ConnectionRef ref) {
  if (ref.index >= slots_.size()) return nullptr;
  Slot& slot = *slots_[ref.index];
  return slot.generation == ref.generation && slot.fd >= 0 ? &slot : nullptr;
}
const Slot* Loop::Impl::find(ConnectionRef ref) const {
  if (ref.index >= slots_.size()) return nullptr;
  const Slot& slot = *slots_[ref.index];
  return slot.generation == ref.generation && slot.fd >= 0 ? &slot : nullptr;
}

bool Loop::Impl::wants_read(const Slot& slot) const {
  if (slot.ended || is_held(slot)) return false;
  if (rest_ != Rest::none && (rest_ == Rest::frozen || rests(slot))) return slot.lingering;
  return slot.lingering || slot.stream || slot.connection.wants_input();
}

void Loop::Impl::on_event(std::uint32_t index, std::uint32_t events) {
  Slot& slot = *slots_[index];
  if (slot.fd < 0) return;  // closed earlier in this pass
  if (slot.lingering) return linger(index);
  if ((events & EPOLLOUT) != 0 && !send_unsent(index)) return;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  if (slot.wait == Wait::handshake && handshake_steps_ >= kHandshakeStepsMax) return;  // it is told again
  if (wants_read(slot)) return read(index);
  note_held(index);
  if ((events & (EPOLLHUP | EPOLLERR)) == 0) {
    watch(index, slot.interest & ~static_cast<std::uint32_t>(EPOLLIN));
  } else if (slot.connection.unsent().empty() && slot.connection.owed() != 0) {
    unwatch(slot);  // the peer is gone, which would be told again and again; the answer's send will find out
  } else {
    drop(index);
  }
}

void Loop::Impl::read(std::uint32_t index) {
  Slot& slot = *slots_[index];
  const bool beside_pings = slot.bulky && (pings_ || pings_before_);
  if (beside_pings && (counters.passes.get() + index) % kBulkyTurns != 0) return;  // it is told again
  const std::size_t room = beside_pings ? std::min(kReadMaxBesidePings, read_max_) : read_max_;
  counters.recv_calls.add();
  const ssize_t got = recv(slot.fd, in_.data(), room, 0);
  if (got > 0) [[likely]] {
    const std::string_view bytes(in_.data(), static_cast<std::size_t>(got));
    counters.bytes_in.add(bytes.size());
    if (!slot.bulky && bytes.size() <= kPingMax) pings_ = true;
    if (!beside_pings && (bytes.size() == read_max_ || slot.ahead)) [[unlikely]]
      note_rest(slot, bytes.size());
    if (slot.wait == Wait::handshake) ++handshake_steps_;
    if (slot.tls) return decrypt(index, bytes);
    if (slot.stream) return;  // nothing is expected of the reader of a stream
    return hand_out(index, bytes);
  }
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return slot.wait == Wait::handshake ? fail_tls(index, base::TlsFailure::closed) : drop(index);
  }
  // The peer sends no more. It still gets the answers that are owed.
  slot.ended = true;
  if (slot.wait == Wait::handshake) return fail_tls(index, base::TlsFailure::closed);
  if (slot.stream) return drop(index);
  if (!slot.connection.keeps_back()) slot.connection.end_input();
  settle(index);
}

// What a full read leaves is asked for; one that is not full took all. (One that is kept short tells nothing: what it
// leaves does not wait for the loop.)
void Loop::Impl::note_rest(Slot& slot, std::size_t got) {
  int behind = 0;
  if (got == read_max_ && ioctl(slot.fd, FIONREAD, &behind) != 0) behind = 0;
  if (!slot.ahead) slot.ahead = std::make_unique<StandingQueue>();
  slot.ahead->on_read(got, static_cast<std::size_t>(behind), worked_ms_);
}

void Loop::Impl::hand_out(std::uint32_t index, std::string_view bytes) {
  Slot& slot = *slots_[index];
  const std::uint32_t generation = slot.generation;
  slot.known = true;
  sheds_ahead_ = slot.ahead && slot.ahead->sheds();
  {
    Requests requests = slot.connection.receive(bytes);
    handler_.on_requests({index, generation}, slot.peer, requests);
    counters.requests.add(requests.handed_out());
    handed_out_ = handed_out_ || requests.handed_out() != 0;
    if (slot.generation == generation && slot.connection.failed())
      refuse_request(slot, slot.connection.error(), requests.refused());
  }
  if (slot.generation != generation) return;
  if (slot.ended && !slot.connection.keeps_back()) slot.connection.end_input();
  look_at_body(slot);
  note_wait(slot);
  // With answers owed all that follows is decided when they are given, mostly later in this pass.
  if (slot.connection.owed() == 0) settle(index);
}

// A body that is not wanted, or has no room, is not waited for.
void Loop::Impl::look_at_body(Slot& slot) {
  Connection& connection = slot.connection;
  if (const Request* head = connection.take_head()) {
    std::string answer;
    std::unique_ptr<BodySink> sink;
    const bool wanted = handler_.on_head(slot.peer, *head, answer, sink);
    if (wanted && sink) connection.divert(std::move(sink));
    if (!wanted) {
      counters.heads_refused.add();
      slot.refusal = std::make_unique<std::string>(std::move(answer));
      connection.end_input();
    }
  }
  count_body(slot);
  if (slot.body_memory == 0 || body_memory_ <= body_memory_max_) return;
  refuse_request(slot, ParseError::no_room, connection.known());
  connection.end_input();
  count_body(slot);
}

void Loop::Impl::count_body(Slot& slot) {
  const std::size_t now = slot.fd < 0 ? 0 : slot.connection.body_memory();
  if (now == slot.body_memory) return;
  body_memory_ += now - slot.body_memory;
  slot.body_memory = now;
  counters.body_memory.set(body_memory_);
}

void Loop::Impl::refuse_request(Slot& slot, ParseError error, const Request* request) {
  counters.parse_errors[static_cast<std::size_t>(error)].add();
  slot.refusal = std::make_unique<std::string>();
  handler_.on_refused(slot.peer, error, request, *slot.refusal);
}

void Loop::Impl::note_wait(Slot& slot) {
  Wait wait = Wait::next_request;
  if (slot.connection.mid_request()) wait = slot.connection.mid_body() ? Wait::body : Wait::head;
  if (wait == Wait::next_request || wait != slot.wait || slot.request_waited != slot.connection.completed()) {
    slot.since_ms = now_ms_;
  }
  slot.bulky = wait == Wait::body || (slot.bulky && (slot.wait == Wait::body || wait == Wait::head));
  slot.wait = wait;
  slot.request_waited = slot.connection.completed();
}

std::string& Loop::Impl::change_run(ConnectionRef ref) {
  flush_run();
  run.out.clear();
  if (find(ref) == nullptr) {
    trash_.clear();
    return trash_;
  }
  run.connection = ref;
  return run.out;
}

void Loop::Impl::flush_run() {
  if (run.connection.generation == 0) return;
  const std::uint32_t index = std::exchange(run.connection, {}).index;
  Slot& slot = *slots_[index];
  slot.connection.answered(std::exchange(run.answers, 0));
  if (std::exchange(run.close, false)) slot.connection.end_input();
  const bool there = transmit(index, run.out);
  if (run.out.capacity() > kOutKept) std::string().swap(run.out);
  run.out.clear();
  if (!there) return;
  slot.since_ms = slot.wait == Wait::next_request ? now_ms_ : slot.since_ms;
  settle(index);
}

bool Loop::Impl::transmit(std::uint32_t index, std::string_view bytes) {
  return slots_[index]->tls ? encrypt(index, bytes) : send_bytes(index, bytes);
}

bool Loop::Impl::send_bytes(std::uint32_t index, std::string_view bytes) {
  Slot& slot = *slots_[index];
  if (bytes.empty()) return true;
  std::string& unsent = slot.connection.unsent();
  if (unsent.empty()) {
    counters.send_calls.add();
    const ssize_t sent = send(slot.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      drop(index);
      return false;
    }
    const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    counters.bytes_out.add(taken);
    bytes.remove_prefix(taken);
    slot.send_since_ms = now_ms_;
  }
  unsent.append(bytes);
  return true;
}

bool Loop::Impl::send_unsent(std::uint32_t index) {
  Slot& slot = *slots_[index];
  std::string& unsent = slot.connection.unsent();
  if (unsent.empty()) return true;
  counters.send_calls.add();
  const ssize_t sent = send(slot.fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EAGAIN || errno == EINTR) return true;
    drop(index);
    return false;
  }
  counters.bytes_out.add(static_cast<std::uint64_t>(sent));
  if (sent != 0) slot.send_since_ms = now_ms_;
  if (static_cast<std::size_t>(sent) == unsent.size()) {
    std::string().swap(unsent);
  } else {
    unsent.erase(0, static_cast<std::size_t>(sent));
  }
  const std::uint32_t generation = slot.generation;
  settle(index);
  return slot.generation == generation && !slot.lingering;
}

// After input, and after answers: what is due on this connection, what it waits for, and until when.
void Loop::Impl::settle(std::uint32_t index) {
  Slot& slot = *slots_[index];
  Connection& connection = slot.connection;
  count_body(slot);
  if (!send_refusal(index)) return;
  if (connection.take_continue() && !transmit(index, "HTTP/1.1 100 Continue\r\n\r\n")) return;
  if (slot.tls && slot.tls->has_to_send() && !transmit(index, {})) return;
  if (is_over(slot) && connection.unsent().empty()) return finish(index);
  if (connection.resumable() && !slot.resuming) {
    slot.resuming = true;
    resume_.push_back(ref_of(slot, index));
    post_pass();
  }
  note_held(index);
  std::uint32_t events = wants_read(slot) ? EPOLLIN : 0U;
  if (!connection.unsent().empty()) events |= EPOLLOUT;
  if (events != slot.interest || !slot.watched) watch(index, events);
  schedule(index);
}

// All is written that ever will be.
bool Loop::Impl::is_over(const Slot& slot) const {
  const Connection& connection = slot.connection;
  return (connection.closing() || connection.failed()) && !slot.stream && connection.owed() == 0 && !slot.refusal;
}

// Sends the answer to a refused request once it is its turn. False: the connection is gone.
bool Loop::Impl::send_refusal(std::uint32_t index) {
  Slot& slot = *slots_[index];
  if (!slot.refusal || slot.connection.owed() != 0) return true;
  slot.refused = true;
  const std::unique_ptr<std::string> refusal = std::move(slot.refusal);
  return transmit(index, *refusal);
}

// All is sent that ever will be.
void Loop::Impl::finish(std::uint32_t index) {
  Slot& slot = *slots_[index];
  if (slot.tls && !end_tls(index)) return;
  const bool input_is_lost = slot.connection.discarded_input() || slot.refused;
  if (slot.ended || !input_is_lost) return drop(index);
  shutdown(slot.fd, SHUT_WR);
  slot.lingering = true;
  slot.since_ms = now_ms_;
  watch(index, EPOLLIN);
  schedule(index);
}

void Loop::Impl::linger(std::uint32_t index) {
  Slot& slot = *slots_[index];
  counters.recv_calls.add();
  const ssize_t got = recv(slot.fd, in_.data(), in_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return drop(index);
  slot.lingered += static_cast<std::uint32_t>(got);
  if (slot.lingered > kLingerBytes) drop(index);
}

// Closes the socket. The slot stays as it is until reap(): somebody up the stack may be looking at it.
void Loop::Impl::drop(std::uint32_t index) {
  Slot& slot = *slots_[index];
  if (slot.fd < 0) return;
  if (run.connection == ref_of(slot, index)) {
    run.connection = {};
    run.answers = 0;
    run.close = false;
    run.out.clear();
  }
  if (slot.tls) part(slot);
  if (rest_ != Rest::none && slot.watched) unwatch(slot);  // another process may have it too
  ::close(std::exchange(slot.fd, -1));
  count_body(slot);
  gone_.push_back(ref_of(slot, index));
  if (++slot.generation == 0) slot.generation = 1;
  --open_;
  load.fetch_sub(1, std::memory_order_relaxed);
  counters.closed.add();
  if (!in_pass_) post_pass();
}

void Loop::Impl::reap() {
  while (!gone_.empty()) {
    const ConnectionRef ref = gone_.back();
    gone_.pop_back();
    Slot& slot = *slots_[ref.index];
    if (slot.known) handler_.on_close(ref);
    slot.connection = Connection(parser_);
    slot.refusal.reset();
    slot.tls.reset();
    free_.push_back(ref.index);
  }
}

void Loop::Impl::watch(std::uint32_t index, std::uint32_t events) {
  Slot& slot = *slots_[index];
  epoll_event event{};
  event.events = events;
  event.data.u32 = index;
  slot.interest = events;
  if (epoll_ctl(set_.native_handle(), slot.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, slot.fd, &event) != 0)
    return drop(index);
  slot.watched = true;
}

void Loop::Impl::unwatch(Slot& slot) {
  epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, slot.fd, nullptr);
  slot.watched = false;
  slot.interest = 0;
}

// ---- TLS

void Loop::Impl::decrypt(std::uint32_t index, std::string_view bytes) {
  Slot& slot = *slots_[index];
  base::TlsFilter& tls = *slot.tls;
  // A record of a handshake begins with a byte that is no letter.
  const bool text = (bytes[0] >= 'A' && bytes[0] <= 'Z') || (bytes[0] >= 'a' && bytes[0] <= 'z');
  if (!tls.heard() && text) return refuse_plain_text(index);
  plain_.clear();
  const auto done = tls.receive(bytes, plain_);
  if (!done) return fail_tls(index, tls.failure());
  if (slot.wait == Wait::handshake && tls.established()) {
    counters.tls_handshakes.add();
    if (tls.resumed()) counters.tls_resumed.add();
    slot.wait = Wait::next_request;
    slot.since_ms = now_ms_;
  }
  if (tls.peer_ended()) slot.ended = true;  // as if it had closed its side
  if (slot.stream) return slot.ended ? drop(index) : settle(index);
  if (!plain_.empty()) return hand_out(index, plain_);
  if (slot.ended && !slot.connection.keeps_back()) slot.connection.end_input();
  settle(index);
}

// What the filter has to say itself goes along, and its end with the last bytes.
bool Loop::Impl::encrypt(std::uint32_t index, std::string_view bytes) {
  Slot& slot = *slots_[index];
  ciphertext_.clear();
  if (!slot.tls->send(bytes, ciphertext_)) {
    drop(index);
    return false;
  }
  if (is_over(slot)) slot.tls->end(ciphertext_);
  const bool there = send_bytes(index, ciphertext_);
  if (ciphertext_.capacity() > kOutKept) std::string().swap(ciphertext_);
  return there;
}

// Not by the parser, whose limits and answers are for those who came to the right port.
void Loop::Impl::refuse_plain_text(std::uint32_t index) {
  Slot& slot = *slots_[index];
  counters.tls_failures[static_cast<std::size_t>(base::TlsFailure::plain_text)].add();
  slot.tls.reset();
  slot.wait = Wait::next_request;
  slot.refused = true;
  slot.connection.end_input();
  if (send_bytes(index, kNotTls)) settle(index);
}

// The peer is told why by an alert, where there is one; what is owed to it cannot be sent any more.
void Loop::Impl::fail_tls(std::uint32_t index, base::TlsFailure failure) {
  Slot& slot = *slots_[index];
  counters.tls_failures[static_cast<std::size_t>(failure)].add();
  ciphertext_.clear();
  (void)slot.tls->send({}, ciphertext_);
  if (ciphertext_.empty()) return drop(index);
  if (!send_bytes(index, ciphertext_)) return;
  slot.wait = Wait::next_request;
  slot.stream = false;
  slot.refused = true;
  slot.connection.end_input();
  settle(index);
}

// True: it has been said to the peer, or cannot be, that no more will come.
bool Loop::Impl::end_tls(std::uint32_t index) {
  Slot& slot = *slots_[index];
  if (slot.tls->ended()) return true;
  ciphertext_.clear();
  slot.tls->end(ciphertext_);
  if (!send_bytes(index, ciphertext_)) return false;
  if (slot.connection.unsent().empty()) return true;
  settle(index);
  return false;
}

// Ends without having answered all: the peer learns that it was meant, if there is room for that in the socket.
void Loop::Impl::part(Slot& slot) {
  if (slot.ended || slot.lingering || slot.tls->ended() || slot.tls->failed() || !slot.connection.unsent().empty())
    return;
  ciphertext_.clear();
  slot.tls->end(ciphertext_);
  if (!ciphertext_.empty()) (void)send(slot.fd, ciphertext_.data(), ciphertext_.size(), MSG_NOSIGNAL);
}

// ---- Deadlines

std::int64_t Loop::Impl::deadline_of(const Slot& slot) const {
  if (slot.lingering) return slot.since_ms + kLingerMs;
  if (!slot.connection.unsent().empty()) return slot.send_since_ms + limits_.send_deadline_s * kSecondMs;
  if (slot.stream || slot.connection.owed() != 0) return kNever;
  switch (slot.wait) {
    case Wait::head:
    case Wait::handshake:
      return slot.since_ms + limits_.head_deadline_s * kSecondMs;
    case Wait::body:
      if (is_held(slot)) return kNever;
      return slot.since_ms + limits_.head_deadline_s * kSecondMs +
             static_cast<std::int64_t>(slot.connection.arrived_bytes()) * 1000 / std::max(limits_.body_rate_min, 1U);
    case Wait::next_request:
      break;
  }
  return slot.since_ms + limits_.idle_deadline_s * kSecondMs;
}

void Loop::Impl::schedule(std::uint32_t index) {
  Slot& slot = *slots_[index];
  if (slot.fd < 0) return;
  const std::int64_t deadline_ms = deadline_of(slot);
  if (deadline_ms == kNever) return;
  const std::int64_t second = (deadline_ms + 999) / 1000;
  if (slot.wheel_s == 0 || second < slot.wheel_s) slot.wheel_s = wheel_.insert(index, second);
}

void Loop::Impl::on_due(std::uint32_t index, std::int64_t second) {
  Slot& slot = *slots_[index];
  if (slot.fd < 0 || slot.wheel_s != second) return;
  slot.wheel_s = 0;
  if (deadline_of(slot) > now_ms_) return schedule(index);
  if (slot.lingering) return drop(index);
  if (!slot.connection.unsent().empty()) {
    counters.send_timeouts.add();
    return drop(index);
  }
  if (slot.wait == Wait::handshake) return fail_tls(index, base::TlsFailure::late);
  if (slot.wait == Wait::next_request) {
    counters.idle_timeouts.add();
    return drop(index);
  }
  (slot.wait == Wait::head ? counters.head_timeouts : counters.body_timeouts).add();
  refuse_request(slot, ParseError::late, slot.connection.known());
  slot.connection.end_input();
  slot.wait = Wait::next_request;
  settle(index);
}

// ---- For the handler

void Loop::Impl::flush() {
  flush_run();
  if (!in_pass_ && (!gone_.empty() || !resume_.empty())) post_pass();
}

void Loop::Impl::start_stream(ConnectionRef ref) {
  if (run.connection == ref) flush_run();
  Slot* slot = find(ref);
  if (slot == nullptr) return;
  slot->stream = true;
  // Who has vanished without a word: the kernel ends the connection when nobody has acknowledged what was sent so long.
  setsockopt(slot->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kStreamSilence_ms, sizeof kStreamSilence_ms);
  slot->connection.end_input();
  if (slot->ended) return drop(ref.index);
  settle(ref.index);
}

bool Loop::Impl::push(ConnectionRef ref, std::string_view bytes) {
  if (run.connection == ref) flush_run();
  Slot* slot = find(ref);
  if (slot == nullptr) return true;
  if (!slot->connection.unsent().empty()) return false;
  if (transmit(ref.index, bytes) && !slot->connection.unsent().empty()) settle(ref.index);
  return true;
}

bool Loop::Impl::drained(ConnectionRef ref) const {
  const Slot* slot = find(ref);
  return slot == nullptr || slot->connection.unsent().empty();
}

void Loop::Impl::close(ConnectionRef ref) {
  if (run.connection == ref) flush_run();
  Slot* slot = find(ref);
  if (slot == nullptr || slot->lingering) return;
  slot->stream = false;
  slot->connection.end_input();
  slot->connection.answered(slot->connection.owed());
  settle(ref.index);
}

void Loop::Impl::hold_bodies(bool hold) {
  if (hold == hold_bodies_) return;
  hold_bodies_ = hold;
  if (hold) return;
  std::vector<ConnectionRef> held;
  held.swap(held_bodies_);
  for (const ConnectionRef ref : held) {
    Slot* slot = find(ref);
    if (slot == nullptr) continue;
    slot->held = false;
    slot->since_ms = now_ms_;  // its sender could not
    settle(ref.index);
  }
}

void Loop::Impl::note_held(std::uint32_t index) {
  Slot& slot = *slots_[index];
  if (slot.held || !is_held(slot)) return;
  slot.held = true;
  held_bodies_.push_back(ref_of(slot, index));
}

bool Loop::Impl::idle(const Slot& slot) const {
  const Connection& connection = slot.connection;
  return slot.fd >= 0 && !slot.lingering && connection.owed() == 0 && connection.unsent().empty() &&
         !connection.mid_request() && !connection.resumable();
}

// ---- Handing over

bool Loop::Impl::rests(const Slot& slot) const {
  if (slot.fd < 0 || slot.lingering || slot.stream || slot.ended || slot.refused || slot.refusal) return false;
  if (slot.tls) return slot.wait == Wait::handshake && !slot.tls->heard() && slot.connection.unsent().empty();
  return idle(slot) && !slot.connection.closing() && !slot.connection.failed();
}

void Loop::Impl::settle_all() {
  in_pass_ = true;
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index]->fd >= 0 && !slots_[index]->lingering) settle(index);
  }
  after_handler();
}

void Loop::Impl::freeze(std::int32_t deadline_ms, std::function<void()> done) {
  rest_ = Rest::freezing;
  rested_ = std::move(done);
  for (const auto& slot : slots_) {
    if (slot->tls) slot->connection.last_request();
  }
  wait_for_rest(deadline_ms, kBusyPatience);
  asio::post(context_, [self = shared_from_this()] {
    if (!self->stopped_ && self->rest_ == Rest::freezing) self->settle_all();
  });
}

// Connections with TLS that say nothing are closed by now, and not when all is handed over: what is sent to them in
// between would be lost. Those that are busy get some time more.
void Loop::Impl::wait_for_rest(std::int32_t ms, int patience) {
  rest_timer_.expires_after(std::chrono::milliseconds(ms));
  rest_timer_.async_wait([self = shared_from_this(), ms, patience](boost::system::error_code error) {
    if (error || self->stopped_ || self->rest_ != Rest::freezing) return;
    self->in_pass_ = true;
    for (std::uint32_t index = 0; index < self->slots_.size(); ++index) {
      const Slot& slot = *self->slots_[index];
      int unread = 0;
      const bool silent = slot.tls && !self->rests(slot) && self->idle(slot) && slot.wait != Wait::handshake;
      if (silent && ioctl(slot.fd, FIONREAD, &unread) == 0 && unread == 0) self->drop(index);
    }
    self->after_handler();  // and looks whether that was all
    if (self->rest_ != Rest::freezing) return;
    if (patience > 0) return self->wait_for_rest(ms, patience - 1);
    self->rest_ = Rest::frozen;
    asio::post(self->context_, std::exchange(self->rested_, nullptr));
  });
}

void Loop::Impl::check_rest() {
  if (load.load(std::memory_order_relaxed) != open_) return;  // some are on their way
  for (const auto& slot : slots_) {
    if (slot->fd >= 0 && !slot->lingering && !slot->stream && !rests(*slot)) return;
  }
  rest_ = Rest::frozen;
  rest_timer_.cancel();
  asio::post(context_, std::exchange(rested_, nullptr));
}

std::vector<Loop::Resting> Loop::Impl::resting() const {
  std::vector<Resting> out;
  for (const auto& slot : slots_) {
    if (rests(*slot)) out.push_back({slot->fd, slot->peer, slot->tls != nullptr});
  }
  return out;
}

void Loop::Impl::thaw() {
  rest_ = Rest::none;
  rested_ = nullptr;
  rest_timer_.cancel();
  settle_all();
}

// The socket lives on elsewhere: what is closed here would stay in the epoll set.
void Loop::Impl::let_go() {
  in_pass_ = true;
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = *slots_[index];
    const bool theirs = rests(slot);
    // With TLS and idle: to close is better than to answer a request that may be on its way that it is not counted. Its
    // sender knows that it was not read.
    if (!theirs && !(slot.tls && idle(slot))) continue;
    if (slot.watched) unwatch(slot);
    if (theirs) slot.tls.reset();  // it has nothing to say
    drop(index);
  }
  after_handler();
  thaw();
}

void Loop::Impl::drain(std::int64_t deadline_ms, std::function<void()> done) {
  if (draining_) return;
  draining_ = true;
  drain_deadline_ms_ = deadline_ms;
  drained_ = std::move(done);
  for (const auto& slot : slots_) slot->connection.last_request();
  asio::post(context_, [self = shared_from_this()] {
    if (self->stopped_) return;
    self->pass();  // what has come already is no idle connection
    self->in_pass_ = true;
    for (std::uint32_t index = 0; index < self->slots_.size(); ++index) {
      Slot& slot = *self->slots_[index];
      if (slot.fd < 0) continue;
      if (slot.stream) {
        self->close(self->ref_of(slot, index));
      } else if (self->idle(slot)) {
        self->drop(index);
      }
    }
    self->after_handler();
  });
}

void Loop::Impl::check_drained() {
  if (!draining_ || !drained_ || load.load(std::memory_order_relaxed) != 0) return;
  asio::post(context_, std::exchange(drained_, nullptr));
}

// ---- Loop

bool LoopHandler::on_head(const Peer&, const Request&, std::string&, std::unique_ptr<BodySink>&) {
  return true;
}

Loop::Loop(asio::io_context& context, const base::Clock& clock, LoopHandler& handler, const ParserLimits& parser_limits,
           const LoopLimits& limits)
    : impl_(std::make_shared<Impl>(context, clock, handler, parser_limits, limits)), run_(&impl_->run) {
  impl_->start();
}
Loop::~Loop() {
  impl_->stop();
}

void Loop::adopt(int descriptor, const Peer& peer, std::shared_ptr<const base::TlsContext> tls) {
  impl_->adopt(descriptor, peer, std::move(tls));
}
std::string& Loop::change_run(ConnectionRef connection) {
  return impl_->change_run(connection);
}
void Loop::flush() {
  impl_->flush();
}
void Loop::start_stream(ConnectionRef connection) {
  impl_->start_stream(connection);
}
bool Loop::push(ConnectionRef connection, std::string_view bytes) {
  return impl_->push(connection, bytes);
}
bool Loop::drained(ConnectionRef connection) const {
  return impl_->drained(connection);
}
void Loop::close(ConnectionRef connection) {
  impl_->close(connection);
}
void Loop::set_limits(std::size_t connections_max, std::size_t body_memory_max) {
  impl_->set_limits(connections_max, body_memory_max);
}
void Loop::hold_bodies(bool hold) {
  impl_->hold_bodies(hold);
}
bool Loop::overloaded() const {
  return impl_->overloaded();
}
bool Loop::sheds_ahead() const {
  return impl_->sheds_ahead();
}
std::int64_t Loop::now_ms() const {
  return impl_->now_ms();
}
std::size_t Loop::connections() const {
  return impl_->load.load(std::memory_order_relaxed);
}
bool Loop::full() const {
  return impl_->full();
}
std::size_t Loop::connections_max() const {
  return impl_->connections_max();
}
void Loop::freeze(std::int32_t deadline_ms, std::function<void()> done) {
  impl_->freeze(deadline_ms, std::move(done));
}
std::vector<Loop::Resting> Loop::resting() const {
  return impl_->resting();
}
void Loop::thaw() {
  impl_->thaw();
}
void Loop::let_go() {
  impl_->let_go();
}
void Loop::drain(std::int64_t deadline_ms, std::function<void()> done) {
  impl_->drain(deadline_ms, std::move(done));
}
const LoopCounters& Loop::counters() const {
  return impl_->counters;
}

}  // namespace footfall::http
