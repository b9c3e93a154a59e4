// SPDX-License-Identifier: Apache-2.0
// A Loop over socket pairs, with a clock that the test sets, and the peers of its connections, with TLS or without. The
// handler answers "PATH\n", so that order shows.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/tls.h"
#include "http/loop.h"
#include "http/response.h"
#include "support/certificate.h"
#include "support/temporary_directory.h"

namespace footfall::http {

inline std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

// The peer's end of a connection, with TLS or without.
class Client {
 public:
  explicit Client(int fd, std::optional<base::TlsFilter> tls = {}) : fd_(fd), tls_(std::move(tls)) {}
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)), unsent_(std::move(other.unsent_)) {}
  Client& operator=(Client&&) = delete;
  ~Client() { leave(); }

  void says(const std::string& text) {
    std::string bytes = text;
    if (tls_) {
      bytes = std::exchange(unsent_, {});
      ASSERT_TRUE(tls_->send(text, bytes));
    }
    ASSERT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // As much as goes; gives how much.
  std::size_t tries_to_say(std::string_view text) {
    if (!tls_) return sends(text);
    constexpr std::size_t kRecord = 16'000;
    std::size_t said = 0;
    while (sends_unsent() && said < text.size()) {
      const std::string_view some = text.substr(said, kRecord);
      EXPECT_TRUE(tls_->send(some, unsent_));
      said += some.size();
    }
    return said;
  }
  // What has come since; with TLS, of so many bytes.
  std::string hears(std::size_t size_max = SIZE_MAX) {
    std::string out;
    char buffer[65536];
    for (std::size_t heard = 0; heard < size_max;) {
      const ssize_t got = recv(fd_, buffer, std::min(sizeof buffer, size_max - heard), MSG_DONTWAIT);
      if (got <= 0) {
        ended_ = got == 0;
        was_reset_ = got < 0 && errno == ECONNRESET;
        break;
      }
      heard += static_cast<std::size_t>(got);
      hears_bytes({buffer, static_cast<std::size_t>(got)}, out);
    }
    if (tls_) sends_unsent();
    return out;
  }
  // Bytes as they are, whatever TLS would make of them.
  std::size_t sends(std::string_view bytes) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  }
  // The other side has closed, or half closed; call after hears().
  bool sees_the_end() {
    hears();
    return ended_;
  }
  bool was_reset() const { return was_reset_; }
  // The other side has said so in TLS, where there is any.
  bool was_told_the_end() const { return !tls_ || tls_->peer_ended(); }
  base::TlsFilter& tls() { return *tls_; }
  const std::string& tls_trouble() const { return tls_trouble_; }
  void says_no_more() {
    if (tls_) {
      tls_->end(unsent_);
      sends_unsent();
    }
    shutdown(fd_, SHUT_WR);
  }
  void leave() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  void hears_bytes(std::string_view bytes, std::string& out) {
    if (!tls_) {
      out += bytes;
    } else if (const auto done = tls_->receive(bytes, out); !done) {
      tls_trouble_ = done.error().detail;
    }
  }
  bool sends_unsent() {
    (void)tls_->send({}, unsent_);
    unsent_.erase(0, sends(unsent_));
    return unsent_.empty();
  }

  int fd_;
  std::optional<base::TlsFilter> tls_;
  std::string unsent_;  // of TLS
  std::string tls_trouble_;
  bool ended_ = false;
  bool was_reset_ = false;
};

// Takes bodies; what it took stays when it goes.
class Taker : public BodySink {
 public:
  explicit Taker(std::string& taken) : taken_(taken) {}
  void take(std::string_view bytes) override { taken_ += bytes; }
  std::size_t memory() const override { return 0; }

 private:
  std::string& taken_;
};

// Answers each request with its path and body, at the end of the pass or when told.
class EchoHandler final : public LoopHandler {
 public:
  struct Due {
    ConnectionRef ref;
    std::string text;
    bool close;
  };

  void on_requests(ConnectionRef ref, const Peer& peer, Requests& requests) override {
    if (clock != nullptr) clock->advance_ms(cost_ms);
    last_ref = ref;
    last_peer = peer;
    ++calls;
    if (loop->sheds_ahead()) to_shed.push_back(ref);
    while (const Request* request = requests.next()) {
      std::string text = std::string(request->path) + std::string(request->body) + "\n";
      if (request->path.starts_with("/big")) text = std::string(1U << 20U, 'b');
      if (request->path == "/pause") requests.pause();
      due.push_back({ref, std::move(text), !request->keep_alive});
      if (request->path == "/now") answer(1);
      if (request->path == "/stream") {
        answer(due.size());
        loop->start_stream(ref);
      }
      if (request->path == "/hang-up") {
        answer(due.size());
        loop->close(ref);
      }
    }
  }
  bool on_head(const Peer&, const Request& head, std::string& answer, std::unique_ptr<BodySink>& sink) override {
    heads.push_back(std::string(head.path) + " " + std::string(head.field(Field::authorization)));
    if (head.path == "/taken") sink = std::make_unique<Taker>(taken);
    if (head.path != "/unwanted") return true;
    answer = "unwanted\n";
    return false;
  }
  void on_refused(const Peer&, ParseError error, const Request* request, std::string& answer) override {
    refused.push_back({error, request == nullptr ? "" : std::string(request->path)});
    write_problem(answer, status_of(error), "refused", "refused", name_of(error), "", false);
  }
  void end_of_pass(std::int64_t) override {
    ++passes;
    if (!held) answer(due.size());
  }
  void on_tick(std::int64_t now_ms) override {
    ++ticks;
    tick_ms = now_ms;
  }
  void on_close(ConnectionRef ref) override { closed.push_back(ref); }

  void answer(std::size_t count) {
    for (; count != 0; --count) {
      loop->begin_answer(due.front().ref).append(due.front().text);
      loop->finish_answer(due.front().ref, due.front().close);
      due.pop_front();
    }
  }

  Loop* loop = nullptr;
  base::ManualClock* clock = nullptr;  // what it takes time of
  std::int64_t cost_ms = 0;            // each read
  std::string taken;                   // of bodies
  bool held = false;                   // answers wait for the test
  std::deque<Due> due;
  ConnectionRef last_ref;
  Peer last_peer;
  std::vector<std::string> heads;                           // path and token that on_head() was asked about
  std::vector<std::pair<ParseError, std::string>> refused;  // error and path
  std::vector<ConnectionRef> to_shed;                       // each time when what was sent ahead is to be
  int calls = 0, passes = 0, ticks = 0;
  std::int64_t tick_ms = 0;
  std::vector<ConnectionRef> closed;
};

// The certificate of all tests of this process.
inline const testing::Certificate& certificate() {
  static const testing::TemporaryDirectory directory;
  static const testing::Certificate made(directory.file("certificate.pem"), directory.file("key.pem"));
  return made;
}

class LoopFixture : public ::testing::Test {
 protected:
  explicit LoopFixture(bool tls) {
    if (tls) renew();
    start({});
  }

  void start(LoopLimits limits) {
    limits.tick_ms = 1;
    loop_.reset();
    handler_ = std::make_unique<EchoHandler>();
    loop_ = std::make_unique<Loop>(context_, clock_, *handler_, parser_limits_, limits);
    handler_->loop = loop_.get();
  }
  ~LoopFixture() override { loop_.reset(); }

  int socket_pair(int& ours) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours = ends[0];
    return ends[1];
  }
  void renew() {
    server_ = std::make_shared<const base::TlsContext>(
        *base::TlsContext::for_servers(certificate().certificate(), certificate().key()));
    client_ = std::make_unique<base::TlsContext>(*base::TlsContext::for_clients(certificate().certificate()));
  }
  // The end of a connection of which the loop has the other; nothing is said yet.
  int socket_to_loop() {
    int ours = -1;
    const int theirs = socket_pair(ours);
    EXPECT_EQ(fcntl_nonblocking(theirs), 0);
    Peer peer;
    peer.listener = 3;
    loop_->adopt(theirs, peer, server_);
    settle();
    return ours;
  }
  Client connect(const base::TlsSession& session = nullptr) {
    const int ours = socket_to_loop();
    if (!server_) return Client(ours);
    Client client(ours, base::TlsFilter::connect(*client_, "localhost", session));
    for (int i = 0; i < 4; ++i) {
      client.hears();  // and says what TLS has to
      settle();
    }
    EXPECT_TRUE(client.tls().established());
    return client;
  }
  static int fcntl_nonblocking(int fd) { return fcntl(fd, F_SETFL, O_NONBLOCK); }

  // Runs all that is ready.
  void settle() {
    for (int i = 0; i < 3; ++i) {
      context_.restart();
      context_.poll();
    }
  }
  // Behind the end of its answers a client goes on, and leaves: it sees no reset.
  void lingers(Client& client) {
    client.says("and some more");
    settle();
    EXPECT_FALSE(client.was_reset());
    client.leave();
    settle();
  }
  // Lets time pass, and the loop's clock tick.
  void pass_time(std::int64_t ms) {
    clock_.advance_ms(ms);
    const int before = handler_->ticks;
    while (handler_->ticks < before + 2) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    settle();
  }
  const LoopCounters& counters() const { return loop_->counters(); }

  std::shared_ptr<const base::TlsContext> server_;  // null: without TLS
  std::unique_ptr<base::TlsContext> client_;
  boost::asio::io_context context_;
  base::ManualClock clock_{1'000'000'000'000};
  ParserLimits parser_limits_;
  std::unique_ptr<EchoHandler> handler_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace footfall::http
