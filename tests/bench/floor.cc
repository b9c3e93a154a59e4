// SPDX-License-Identifier: Apache-2.0
// floor: the least that a program can do per hit on this machine. A bare epoll loop that answers complete GETs with the
// very bytes that footfalld sends, and does nothing else: one recv per ready connection, one send for all the
// requests that it held.
//
//   floor PORT FILE        each request gets what is in FILE; see answer_file.h
//
// It checks nothing, counts nothing and never arms EPOLLOUT: a yardstick, not a server. 127.0.0.1 only.
// Run by tests/bench/pass_ways.py and by the benchmark scripts.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "answer_file.h"

namespace {

int listen_on(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr generic{};
  std::memcpy(&generic, &address, sizeof generic);
  if (bind(listener, &generic, sizeof generic) != 0 || listen(listener, 1024) != 0) {
    std::perror("floor: bind");
    std::exit(1);
  }
  return listener;
}

// Appends the answer for each complete request in `bytes`; gives the length of what is left over.
std::size_t answer(std::string_view bytes, const std::string& with, std::string& out) {
  for (;;) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return bytes.size();
    out += with;
    bytes.remove_prefix(end + 4);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: floor PORT FILE\n", stderr);
    return 2;
  }
  const std::string with = answer_of(argv[2]);
  const int listener = listen_on(static_cast<std::uint16_t>(std::atoi(argv[1])));
  const int set = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
  std::vector<char> in(128U << 10U);
  std::vector<std::string> held;  // descriptor -> the beginning of a request
  std::string out;
  epoll_event events[256];
  for (;;) {
    const int ready = epoll_wait(set, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (accepted < 0) continue;
        const int on = 1;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (held.size() <= static_cast<std::size_t>(accepted)) held.resize(static_cast<std::size_t>(accepted) + 1);
        held[static_cast<std::size_t>(accepted)].clear();
        event.data.fd = accepted;
        epoll_ctl(set, EPOLL_CTL_ADD, accepted, &event);
        continue;
      }
      std::string& before = held[static_cast<std::size_t>(fd)];
      const ssize_t got = recv(fd, in.data(), in.size(), 0);
      if (got <= 0) {
        close(fd);
        continue;
      }
      std::string_view bytes(in.data(), static_cast<std::size_t>(got));
      if (!before.empty()) bytes = before.append(bytes);
      out.clear();
      const std::size_t left = answer(bytes, with, out);
      if (left != 0 || !before.empty()) before = std::string(bytes.substr(bytes.size() - left));
      if (!out.empty() && send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) close(fd);
    }
  }
}
