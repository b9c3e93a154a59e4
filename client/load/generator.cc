// SPDX-License-Identifier: Apache-2.0
#include "load/generator.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "base/tls.h"
#include "cpp/answer_reader.h"
#include "cpp/batch_answer.h"

namespace footfall::load {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBehindMax = 64;                    // requests in flight on a connection of an open loop
constexpr rlim_t kOtherFiles = 100;                       // descriptors that are no connections
constexpr std::int64_t kSpinNs = 1'000'000;               // before a request is due
constexpr std::size_t kOutMax = std::size_t{256} << 10U;  // bytes that wait on a connection before no more are added

struct Connection {
  int fd = -1;
  bool connecting = false;
  bool watches_out = false;
  bool idle = false;  // in the idle list
  std::optional<base::TlsFilter> tls;
  std::string out;  // as it goes to the socket
  std::size_t out_at = 0;
  std::string in;  // as the peer said it
  struct InFlight {
    std::int64_t due_ns;
    std::uint64_t hits;
  };
  std::deque<InFlight> in_flight;
};

class Worker {
 public:
  Worker(const GeneratorOptions& options, const TrafficOptions& traffic, unsigned thread, Clock::time_point begin,
         const base::TlsContext* tls)
      : options_(options),
        traffic_(traffic, thread, options.threads),
        batches_(traffic.batch > 0),
        begin_(begin),
        end_ns_(static_cast<std::int64_t>(options.seconds * 1e9)),
        patience_ns_(static_cast<std::int64_t>(options.patience_s * 1e9)),
        in_time_ns_(static_cast<std::int64_t>(options.in_time_s * 1e9)),
        tls_(tls),
        connections_(share(options.connections, thread)),
        connections_max_(options.open_loop && options.reconnect
                             ? std::max<std::size_t>(share(options.connections_max, thread), connections_.size())
                             : connections_.size()),
        set_(epoll_create1(EPOLL_CLOEXEC)) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    for (const Connection& connection : connections_) {
      if (connection.fd >= 0) ::close(connection.fd);
    }
    if (set_ >= 0) ::close(set_);
  }

  void run();
  const Generated& result() const { return result_; }
  base::Result<void> outcome() const { return traffic_.outcome(); }

 private:
  std::int64_t now_ns() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin_).count();
  }
  std::size_t share(unsigned of_all, unsigned thread) const {
    return std::max(1U, (of_all + options_.threads - 1 - thread) / options_.threads);
  }
  void stop(const std::string& why) {
    if (result_.trouble.empty()) result_.trouble = why;
    sending_ = false;
  }
  void open(Connection& connection);
  void lose(Connection& connection);
  void watch(Connection& connection, bool out, int how);
  void write(Connection& connection);
  void read(Connection& connection);
  void take(Connection& connection, const client::Answer& answer);
  void acknowledge(std::uint64_t hits, std::int64_t due_ns) {
    result_.acknowledged += hits;
    const std::int64_t now = now_ns();
    if (now <= end_ns_ && now - due_ns <= in_time_ns_) result_.in_time += hits;
  }
  void send_one(Connection& connection, std::int64_t due_ns);
  void refill(Connection& connection);
  void dispatch();
  Connection* with_room();
  void rest(Connection& connection);
  void settle();
  int wait_ms();

  const GeneratorOptions& options_;
  Traffic traffic_;
  const bool batches_;
  const Clock::time_point begin_;
  const std::int64_t end_ns_;  // of sending, since the begin
  const std::int64_t patience_ns_, in_time_ns_;
  const base::TlsContext* tls_;
  base::TlsSession session_;            // that the next connection goes on with; nullptr: none
  std::deque<Connection> connections_;  // which stay where they are
  const std::size_t connections_max_;
  std::deque<Connection*> idle_;
  std::vector<Connection*> filled_;  // by dispatch()
  std::size_t next_behind_ = 0;
  std::uint64_t in_flight_ = 0;
  std::vector<std::int64_t> never_answered_;  // open loop: when they were due
  std::int64_t last_due_ns_ = 0;
  int set_;
  bool sending_ = true;
  std::string request_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{256} << 10U);
  Generated result_;
};

void Worker::watch(Connection& connection, bool out, int how) {
  epoll_event event{};
  event.events = out ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &connection;
  connection.watches_out = out;
  if (epoll_ctl(set_, how, connection.fd, &event) != 0) stop(std::string("epoll_ctl: ") + std::strerror(errno));
}

void Worker::open(Connection& connection) {
  connection.fd = ::socket(options_.to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (connection.fd < 0) return stop(std::string("socket: ") + std::strerror(errno));
  const int one = 1;
  ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const auto* const to = reinterpret_cast<const sockaddr*>(&options_.to);
  ++result_.connects;
  if (::connect(connection.fd, to, options_.to_size) != 0) {
    if (errno != EINPROGRESS) {
      const int error = errno;
      ::close(std::exchange(connection.fd, -1));
      return stop(
          std::string("cannot connect: ") + std::strerror(error) +
          (error == EADDRNOTAVAIL ? "; all ports are in use, wait a minute or send less with --reconnect" : ""));
    }
    connection.connecting = true;
  }
  if (tls_ != nullptr) connection.tls.emplace(base::TlsFilter::connect(*tls_, options_.tls_name, session_));
  watch(connection, connection.connecting, EPOLL_CTL_ADD);
}

void Worker::lose(Connection& connection) {
  if (connection.tls && connection.tls->established()) {
    ++result_.tls_connects;
    if (connection.tls->resumed()) ++result_.tls_resumed;
  }
  for (const Connection::InFlight& request : connection.in_flight) {
    result_.undecided += request.hits;
    result_.unanswered += request.hits;
    if (options_.open_loop) never_answered_.push_back(request.due_ns);
  }
  in_flight_ -= connection.in_flight.size();
  connection.in_flight.clear();
  ::close(std::exchange(connection.fd, -1));
  connection.connecting = connection.watches_out = false;
  connection.out.clear();
  connection.out_at = 0;
  connection.in.clear();
  if (options_.resume && connection.tls) {
    if (base::TlsSession session = connection.tls->session()) session_ = std::move(session);
  }
  connection.tls.reset();
}

void Worker::write(Connection& connection) {
  if (connection.connecting) return;
  while (connection.out_at < connection.out.size()) {
    const ssize_t n = ::send(connection.fd, connection.out.data() + connection.out_at,
                             connection.out.size() - connection.out_at, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) {
        lose(connection);
        return rest(connection);
      }
      break;
    }
    connection.out_at += static_cast<std::size_t>(n);
  }
  if (connection.out_at == connection.out.size()) {
    connection.out.clear();
    connection.out_at = 0;
  }
  if (connection.out.empty() == connection.watches_out) watch(connection, !connection.out.empty(), EPOLL_CTL_MOD);
}

// Puts the next request on the connection; write() sends it.
void Worker::send_one(Connection& connection, std::int64_t due_ns) {
  std::string& to = tls_ != nullptr ? request_ : connection.out;
  request_.clear();
  const std::size_t before = to.size();
  const std::uint64_t hits = traffic_.append(to);
  result_.bytes_sent += to.size() - before;
  last_due_ns_ = due_ns;
  if (tls_ != nullptr) {
    if (const auto sent = connection.tls->send(request_, connection.out); !sent) stop(sent.error().detail);
  }
  connection.in_flight.push_back({due_ns, hits});
  ++in_flight_;
  ++result_.requests;
  result_.hits += hits;
}

// Closed loop: half of the pipeline is filled at once, so that requests travel in groups.
void Worker::refill(Connection& connection) {
  if (!sending_ || options_.open_loop || connection.in_flight.size() > options_.pipeline / 2) return;
  if (connection.fd < 0) {
    if (!traffic_.due()) {
      sending_ = false;
      return;
    }
    const std::int64_t begun_ns = now_ns();
    open(connection);
    if (connection.fd < 0) return;
    if (options_.reconnect) return send_one(connection, begun_ns), write(connection);
  }
  while (connection.in_flight.size() < options_.pipeline && connection.out.size() < kOutMax) {
    if (!traffic_.due()) {
      sending_ = false;
      break;
    }
    send_one(connection, now_ns());
  }
  write(connection);
}

// What to do with a connection that has nothing in flight, or was lost.
void Worker::rest(Connection& connection) {
  if (options_.open_loop) {
    if (connection.in_flight.empty() && !connection.idle) {
      connection.idle = true;
      idle_.push_back(&connection);
    }
  } else {
    refill(connection);
  }
}

// Open loop: where a request may go; nullptr: nowhere for the present.
Connection* Worker::with_room() {
  if (!idle_.empty()) {
    Connection* const idle = idle_.front();
    idle_.pop_front();
    idle->idle = false;
    return idle;
  }
  if (options_.reconnect) return connections_.size() < connections_max_ ? &connections_.emplace_back() : nullptr;
  for (std::size_t tried = 0; tried < connections_.size(); ++tried) {
    Connection& candidate = connections_[next_behind_++ % connections_.size()];
    if (candidate.in_flight.size() >= kBehindMax || candidate.out.size() >= kOutMax) continue;
    ++result_.behind;
    return &candidate;
  }
  return nullptr;
}

// Open loop: all that is due; what goes to one connection goes in one write.
void Worker::dispatch() {
  const std::int64_t now = now_ns();
  filled_.clear();
  while (sending_) {
    const std::optional<std::int64_t> due = traffic_.due();
    if (!due || *due >= end_ns_) {
      sending_ = false;
      break;
    }
    if (*due > now) break;
    Connection* const to = with_room();
    if (to == nullptr) break;
    if (to->fd < 0) open(*to);
    if (to->fd < 0) break;
    result_.late_ns_max = std::max(result_.late_ns_max, now - *due);
    if (to->out.empty()) filled_.push_back(to);
    send_one(*to, *due);
  }
  for (Connection* const connection : filled_) {
    if (connection->fd >= 0) write(*connection);
  }
}

void Worker::take(Connection& connection, const client::Answer& answer) {
  const Connection::InFlight request = connection.in_flight.front();
  connection.in_flight.pop_front();
  --in_flight_;
  result_.latency.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now_ns() - request.due_ns, 0)));
  ++result_.statuses[answer.status];
  if (answer.status >= 500) {
    result_.undecided += request.hits;
  } else if (answer.status >= 300) {
    return;  // refused: not counted
  } else if (batches_) {
    client::BatchAnswer batch;
    if (!client::read_batch_answer(answer.body, batch)) return stop("an answer to a batch is not footfalld's");
    acknowledge(batch.accepted, request.due_ns);
    result_.bots += batch.bots;
    for (const auto& [reason, hits] : batch.reasons) result_.rejected[reason] += hits;
  } else if (const std::string_view reason = answer.field("footfall-rejected"); !reason.empty()) {
    result_.rejected[std::string(reason)] += request.hits;
  } else {
    acknowledge(request.hits, request.due_ns);
  }
}

void Worker::read(Connection& connection) {
  const ssize_t n = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (connection.tls) {
    if (const auto received = connection.tls->receive(bytes, connection.in); !received) {
      stop(received.error().detail);
      return lose(connection);
    }
    (void)connection.tls->send({}, connection.out);
    if (!connection.out.empty()) write(connection);
    if (connection.fd < 0) return;
  } else {
    connection.in += bytes;
  }
  bool ended = n <= 0;
  client::Answer answer;
  std::size_t at = 0;
  while (at < connection.in.size()) {
    const client::Read read = client::read_answer(std::string_view(connection.in).substr(at), ended, answer);
    if (read == client::Read::more || (read == client::Read::malformed && ended)) break;
    if (read == client::Read::malformed || connection.in_flight.empty()) {
      stop("what was answered is no answer: " + connection.in.substr(at, 100));
      return lose(connection);
    }
    at += answer.size;
    take(connection, answer);
    if (!answer.keep_alive) ended = true;
    if (ended) break;
  }
  connection.in.erase(0, at);
  if (ended || (options_.reconnect && connection.in_flight.empty())) lose(connection);
  if (connection.in_flight.empty() || !options_.open_loop) rest(connection);
}

int Worker::wait_ms() {
  if (!options_.open_loop || !sending_) return 50;
  const auto due = traffic_.due();
  if (!due) return 0;
  const std::int64_t left = *due - now_ns() - kSpinNs;
  return left <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left / 1'000'000, 50));
}

void Worker::run() {
  std::this_thread::sleep_until(begin_);
  for (Connection& connection : connections_) rest(connection);
  std::array<epoll_event, 256> events{};
  std::int64_t stopped_ns = 0;
  while (true) {
    const std::int64_t now = now_ns();
    // What was due in time is sent, be it late.
    if (now >= end_ns_ + (options_.open_loop ? patience_ns_ : 0)) sending_ = false;
    if (!sending_ && stopped_ns == 0) stopped_ns = now;
    if (!sending_ && (in_flight_ == 0 || now > stopped_ns + patience_ns_)) break;
    if (options_.open_loop) dispatch();
    const int ready = epoll_wait(set_, events.data(), static_cast<int>(events.size()), wait_ms());
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      Connection& connection = *static_cast<Connection*>(event.data.ptr);
      if (connection.fd < 0) continue;
      if (connection.connecting && (event.events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
          stop(std::string("cannot connect: ") + std::strerror(error));
          lose(connection);
          continue;
        }
        connection.connecting = false;
      }
      if ((event.events & EPOLLOUT) != 0) write(connection);
      if (connection.fd >= 0 && (event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read(connection);
    }
  }
  for (Connection& connection : connections_) {
    if (connection.fd >= 0) lose(connection);
  }
  settle();
}

// What the schedule had in time, and what became of the rest of it.
void Worker::settle() {
  const std::int64_t now = now_ns();
  result_.seconds = static_cast<double>(now) / 1e9;
  result_.offered_s = std::min(options_.seconds, result_.seconds);
  result_.due = result_.hits;
  if (!options_.open_loop) return;
  auto due = traffic_.due();
  const bool to_the_end = due.has_value();
  for (; due && *due < end_ns_; due = traffic_.due()) {
    request_.clear();
    result_.unsent += traffic_.append(request_);
    never_answered_.push_back(*due);
  }
  result_.due += result_.unsent;
  if (!to_the_end) result_.offered_s = std::min(options_.seconds, static_cast<double>(last_due_ns_) / 1e9);
  for (const std::int64_t due_ns : never_answered_)
    result_.latency.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now - due_ns, 0)));
}

}  // namespace

void Generated::merge(const Generated& other) {
  requests += other.requests;
  hits += other.hits;
  due += other.due;
  unsent += other.unsent;
  in_time += other.in_time;
  unanswered += other.unanswered;
  acknowledged += other.acknowledged;
  undecided += other.undecided;
  bots += other.bots;
  for (const auto& [reason, count] : other.rejected) rejected[reason] += count;
  for (const auto& [status, count] : other.statuses) statuses[status] += count;
  connects += other.connects;
  tls_connects += other.tls_connects;
  tls_resumed += other.tls_resumed;
  behind += other.behind;
  bytes_sent += other.bytes_sent;
  late_ns_max = std::max(late_ns_max, other.late_ns_max);
  seconds = std::max(seconds, other.seconds);
  offered_s = std::max(offered_s, other.offered_s);
  if (trouble.empty()) trouble = other.trouble;
  latency.merge(other.latency);
}

base::Result<Generated> generate(const GeneratorOptions& asked, const TrafficOptions& traffic) {
  GeneratorOptions options = asked;
  std::optional<base::TlsContext> tls;
  if (!options.tls_name.empty()) {
    auto made = base::TlsContext::for_clients(options.tls_authorities);
    if (!made) return made.error();
    tls.emplace(*std::move(made));
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {  // as many connections as may be
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  if (files.rlim_cur > kOtherFiles)
    options.connections_max =
        static_cast<unsigned>(std::min<rlim_t>(options.connections_max, files.rlim_cur - kOtherFiles));
  const Clock::time_point begin = Clock::now() + std::chrono::milliseconds(5);  // all threads are there by then
  std::deque<Worker> workers;
  std::vector<std::thread> threads;
  threads.reserve(options.threads);
  for (unsigned thread = 0; thread < options.threads; ++thread)
    workers.emplace_back(options, traffic, thread, begin, tls ? &*tls : nullptr);
  for (Worker& worker : workers) threads.emplace_back([&worker] { worker.run(); });
  for (std::thread& thread : threads) thread.join();
  Generated all;
  for (const Worker& worker : workers) {
    if (const auto outcome = worker.outcome(); !outcome) return outcome.error();
    all.merge(worker.result());
  }
  return all;
}

}  // namespace footfall::load
