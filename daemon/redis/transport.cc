// SPDX-License-Identifier: Apache-2.0
#include "redis/transport.h"

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

namespace footfall::redis {
namespace asio = boost::asio;
using boost::system::error_code;

// Handlers hold it, and `open_` tells them that the Transport is gone.
class Transport::Sockets : public std::enable_shared_from_this<Transport::Sockets> {
 public:
  Sockets(const asio::any_io_executor& executor, Client& client, const base::Clock& clock,
          std::optional<base::TlsContext> tls, std::function<void()> on_answers)
      : executor_(executor),
        client_(client),
        clock_(clock),
        tls_(std::move(tls)),
        on_answers_(std::move(on_answers)),
        timer_(executor) {}

  void end() {
    open_ = false;
    timer_.cancel();
    for (auto& [id, socket] : sockets_) socket->close();
    sockets_.clear();
  }

  void carry_out() {
    if (!open_ || carrying_out_) return;  // on_answers_ below submits: the loop sees to it
    carrying_out_ = true;
    for (bool more = true; more;) {
      more = false;
      while (const auto action = client_.take_action()) {
        more = true;
        if (action->what == Client::Action::What::open) {
          open(action->link, action->to);
        } else {
          close(action->link);
        }
      }
      for (const Client::LinkId link : client_.take_dirty()) {
        more = true;
        pump(link);
      }
      if (client_.has_answers()) {
        more = true;
        on_answers_();
      }
    }
    carrying_out_ = false;
    wait();
  }

 private:
  struct Socket {
    explicit Socket(const asio::any_io_executor& executor) : stream(executor), resolver(executor) {}
    void close() {
      error_code ignored;
      resolver.cancel();
      stream.close(ignored);
      closed = true;
    }
    asio::generic::stream_protocol::socket stream;
    asio::ip::tcp::resolver resolver;
    std::array<char, 64U << 10U> in;
    std::string out;      // to be sent
    std::string sending;  // being sent
    std::optional<base::TlsFilter> tls;
    bool connected = false;
    bool closed = false;
  };
  using SocketPtr = std::shared_ptr<Socket>;

  void open(Client::LinkId id, const Address& to) {
    const auto socket = std::make_shared<Socket>(executor_);
    sockets_[id] = socket;
    const auto on_connected = [self = shared_from_this(), id, socket, host = to.host](const error_code& failed) {
      if (self->open_ && !socket->closed) self->connected(id, *socket, host, failed);
    };
    if (to.is_unix()) {
      socket->stream.async_connect(asio::local::stream_protocol::endpoint(to.host), on_connected);
      return;
    }
    socket->resolver.async_resolve(
        to.host, std::to_string(to.port),
        [self = shared_from_this(), id, socket, on_connected](const error_code& failed, const auto& found) {
          if (!self->open_ || socket->closed) return;
          if (failed) return self->lost(id, failed.message());
          std::vector<asio::generic::stream_protocol::endpoint> endpoints;
          for (const auto& entry : found) endpoints.emplace_back(entry.endpoint());
          asio::async_connect(socket->stream, endpoints,
                              [on_connected](const error_code& refused, const auto&) { on_connected(refused); });
        });
  }

  void connected(Client::LinkId id, Socket& socket, const std::string& host, const error_code& failed) {
    if (failed) return lost(id, failed.message());
    socket.connected = true;
    error_code ignored;
    socket.stream.set_option(asio::ip::tcp::no_delay(true), ignored);  // a unix socket has none
    if (tls_) socket.tls.emplace(base::TlsFilter::connect(*tls_, host));
    client_.opened(id, clock_.utc_ms());
    flush(id);
    read(id);
    carry_out();
  }

  void read(Client::LinkId id) {
    const SocketPtr socket = sockets_.at(id);
    socket->stream.async_read_some(
        asio::buffer(socket->in), [self = shared_from_this(), id, socket](const error_code& failed, std::size_t size) {
          if (!self->open_ || socket->closed) return;
          if (failed) return self->lost(id, failed == asio::error::eof ? "it closed the connection" : failed.message());
          self->received(id, *socket, std::string_view(socket->in.data(), size));
        });
  }

  void received(Client::LinkId id, Socket& socket, std::string_view bytes) {
    std::string plain;
    if (socket.tls) {
      const auto done = socket.tls->receive(bytes, plain);
      flush(id);
      if (!done) return lost(id, done.error().detail);
      bytes = plain;
    }
    if (!bytes.empty()) client_.received(id, bytes, clock_.utc_ms());
    carry_out();
    if (sockets_.contains(id)) read(id);
  }

  void lost(Client::LinkId id, const std::string& why) {
    client_.closed(id, why, clock_.utc_ms());
    close(id);  // where the client did not know it any more
    carry_out();
  }

  void close(Client::LinkId id) {
    const auto at = sockets_.find(id);
    if (at == sockets_.end()) return;
    at->second->close();
    sockets_.erase(at);
  }

  // What the client has to say on this link.
  void pump(Client::LinkId id) {
    std::string* unsent = client_.unsent(id);
    const auto at = sockets_.find(id);
    if (unsent == nullptr || unsent->empty() || at == sockets_.end()) return;
    Socket& socket = *at->second;
    if (socket.tls) {
      const auto done = socket.tls->send(*unsent, socket.out);
      unsent->clear();
      if (!done) return lost(id, done.error().detail);
    } else {
      socket.out += *unsent;
      unsent->clear();
    }
    flush(id);
  }

  void flush(Client::LinkId id) {
    const SocketPtr socket = sockets_.at(id);
    if (socket->tls) (void)socket->tls->send({}, socket->out);
    if (!socket->connected || !socket->sending.empty() || socket->out.empty()) return;
    socket->sending.swap(socket->out);
    asio::async_write(socket->stream, asio::buffer(socket->sending),
                      [self = shared_from_this(), id, socket](const error_code& failed, std::size_t) {
                        socket->sending.clear();
                        if (!self->open_ || socket->closed) return;
                        if (failed) return self->lost(id, failed.message());
                        self->flush(id);
                      });
  }

  void wait() {
    const std::int64_t due_ms = client_.deadline_ms();
    if (due_ms == due_ms_) return;
    due_ms_ = due_ms;
    timer_.cancel();
    if (due_ms == INT64_MAX) return;
    timer_.expires_after(std::chrono::milliseconds(std::max<std::int64_t>(due_ms - clock_.utc_ms(), 0)));
    timer_.async_wait([self = shared_from_this()](const error_code& failed) {
      if (failed || !self->open_) return;
      self->due_ms_ = INT64_MIN;
      self->client_.advance(self->clock_.utc_ms());
      self->carry_out();
    });
  }

  asio::any_io_executor executor_;
  Client& client_;
  const base::Clock& clock_;
  std::optional<base::TlsContext> tls_;
  std::function<void()> on_answers_;
  asio::steady_timer timer_;
  std::int64_t due_ms_ = INT64_MIN;  // what the timer waits for
  std::unordered_map<Client::LinkId, SocketPtr> sockets_;
  bool open_ = true;
  bool carrying_out_ = false;
};

Transport::Transport(const asio::any_io_executor& executor, Client& client, const base::Clock& clock,
                     std::optional<base::TlsContext> tls, std::function<void()> on_answers)
    : sockets_(std::make_shared<Sockets>(executor, client, clock, std::move(tls), std::move(on_answers))) {
  asio::post(executor, [sockets = sockets_] { sockets->carry_out(); });
}

Transport::~Transport() {
  sockets_->end();
}

void Transport::carry_out() {
  sockets_->carry_out();
}

}  // namespace footfall::redis
