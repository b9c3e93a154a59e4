// SPDX-License-Identifier: Apache-2.0
#include "cpp/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace footfall::client {
namespace {

std::string text_of(int error) {
  return std::generic_category().message(error);
}

}  // namespace

Connection::Connection(Address address, std::chrono::milliseconds connect_timeout,
                       std::chrono::milliseconds answer_timeout)
    : address_(std::move(address)),
      connect_timeout_(connect_timeout),
      answer_timeout_(answer_timeout),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Connection::~Connection() {
  disconnect();
  ::close(wake_);
}

void Connection::disconnect() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void Connection::interrupt() {
  interrupted_ = true;
  const std::uint64_t one = 1;
  // It can only fail where it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

short Connection::wait_for(short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (interrupted_ || left <= 0) return 0;
    std::array<pollfd, 2> waited{{{socket_, events, 0}, {wake_, POLLIN, 0}}};
    const int ready = ::poll(waited.data(), waited.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return 0;
    if (ready > 0 && waited[0].revents != 0) return waited[0].revents;
  }
}

std::string Connection::connect_to(int family, const void* to, unsigned size) {
  socket_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return text_of(errno);
  int error = 0;
  if (::connect(socket_, static_cast<const sockaddr*>(to), size) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      if (wait_for(POLLOUT, Clock::now() + connect_timeout_) == 0) {
        error = ETIMEDOUT;
      } else {
        socklen_t length = sizeof error;
        ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &length);
      }
    }
  }
  if (error != 0) {
    disconnect();
    return text_of(error);
  }
  if (family != AF_UNIX) {
    const int one = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  return {};
}

std::string Connection::connect() {
  received_.clear();
  if (!address_.path.empty()) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (address_.path.size() >= sizeof to.sun_path) return "the path of a socket has at most 107 bytes";
    std::memcpy(to.sun_path, address_.path.data(), address_.path.size());
    return connect_to(AF_UNIX, &to, sizeof to);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(address_.host.c_str(), address_.port.c_str(), &hints, &found); error != 0)
    return ::gai_strerror(error);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  std::string trouble = "the name has no address";
  for (const addrinfo* to = found; to != nullptr; to = to->ai_next) {
    trouble = connect_to(to->ai_family, to->ai_addr, to->ai_addrlen);
    if (trouble.empty() || interrupted_) break;
  }
  return trouble;
}

bool Connection::closed_meanwhile() const {
  pollfd looked{socket_, POLLIN | POLLRDHUP, 0};
  return ::poll(&looked, 1, 0) > 0;  // nothing was asked, so what is readable is an end, or no answer
}

Connection::Exchange Connection::exchange(std::string_view head, std::string_view body, Answer& answer) {
  if (interrupted_) return {Try::End::not_sent, "the client is closing"};
  if (socket_ >= 0 && closed_meanwhile()) disconnect();
  if (socket_ < 0) {
    if (std::string trouble = connect(); !trouble.empty())
      return {Try::End::not_sent, "cannot reach " + address_.text + ": " + trouble};
  }
  received_.clear();
  const auto deadline = Clock::now() + answer_timeout_;
  std::size_t sent = 0;
  const std::size_t whole = head.size() + body.size();
  const auto broken = [&](const std::string& why) {
    disconnect();
    return Exchange{sent < whole ? Try::End::not_sent : Try::End::cut, "no answer from " + address_.text + ": " + why};
  };
  std::array<char, 16384> buffer{};
  bool send_failed = false;
  while (true) {
    const bool sending = sent < whole && !send_failed;
    const short ready = wait_for(static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), deadline);
    if (ready == 0) return broken(interrupted_ ? "the client is closing" : "none came in time");
    if (sending && (ready & POLLOUT) != 0) {
      const std::string_view part = sent < head.size() ? head.substr(sent) : body.substr(sent - head.size());
      const int more = sent < head.size() && !body.empty() ? MSG_MORE : 0;  // one packet for both
      const ssize_t n = ::send(socket_, part.data(), part.size(), MSG_NOSIGNAL | more);
      if (n > 0) sent += static_cast<std::size_t>(n);
      // A refusal may have come before the connection was closed: it is read all the same.
      if (n < 0 && errno != EAGAIN && errno != EINTR) send_failed = true;
    }
    if ((ready & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    const ssize_t n = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) return broken(text_of(errno));
    received_.append(buffer.data(), static_cast<std::size_t>(n));
    switch (read_answer(received_, n == 0, answer)) {
      case Read::more:
        break;
      case Read::malformed:
        return broken(n == 0 ? "the connection was closed" : "what came is no HTTP");
      case Read::complete:
        if (!answer.keep_alive || sent < whole || answer.size != received_.size()) disconnect();
        return {Try::End::answered, {}};
    }
  }
}

}  // namespace footfall::client
