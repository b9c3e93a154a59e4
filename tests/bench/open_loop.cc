// SPDX-License-Identifier: Apache-2.0
// open_loop: sends pings at a fixed rate whatever the server does, and prints how long each took from the moment at
// which it was due. So a server that stalls is charged for all that came meanwhile, which a client that waits for
// answers hides.
//
//   open_loop PORT SITE RATE SECONDS CONNECTIONS
//
// One thread; a ping goes to the connection that has been idle longest, or behind another one's if none is. Prints
// JSON: sent, answered, microseconds p50, p99, p999 and max. Used by durability.py.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int fd = -1;
  std::deque<Clock::time_point> due;  // of the pings in flight
  std::string received;
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("open_loop: connect");
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

std::string request(const char* site, std::uint64_t n) {
  return std::string("GET /hit?site=") + site + "&path=/page/" + std::to_string(n % 100) +
         " HTTP/1.1\r\nHost: stats.example\r\nX-Forwarded-For: 10.9." + std::to_string(n / 250 % 4) + "." +
         std::to_string(n % 250) +
         "\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0 Safari/537.36\r\n\r\n";
}

// Answers of 204 have no body; anything else ends the program.
void take(Connection& from, std::vector<float>& taken_us) {
  char buffer[16384];
  const ssize_t n = recv(from.fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n == 0) fail("open_loop: the server closed a connection");
  if (n < 0) {
    if (errno == EAGAIN) return;
    fail("open_loop: recv");
  }
  from.received.append(buffer, static_cast<std::size_t>(n));
  const auto now = Clock::now();
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = from.received.find("\r\n\r\n", begin)) != std::string::npos; begin = end + 4) {
    if (from.received.compare(begin, 12, "HTTP/1.1 204") != 0 || from.due.empty()) {
      std::fprintf(stderr, "open_loop: unexpected answer: %s\n", from.received.substr(begin, 300).c_str());
      std::exit(1);
    }
    taken_us.push_back(std::chrono::duration<float, std::micro>(now - from.due.front()).count());
    from.due.pop_front();
  }
  from.received.erase(0, begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: open_loop PORT SITE RATE SECONDS CONNECTIONS\n");
    return 2;
  }
  const double rate = std::strtod(argv[3], nullptr);
  const auto total = static_cast<std::uint64_t>(rate * std::strtod(argv[4], nullptr));
  std::vector<Connection> connections(std::strtoul(argv[5], nullptr, 10));
  const int set = epoll_create1(EPOLL_CLOEXEC);
  std::deque<std::size_t> idle;
  for (std::size_t i = 0; i < connections.size(); ++i) {
    connections[i].fd = connect_to(static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10)));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    if (epoll_ctl(set, EPOLL_CTL_ADD, connections[i].fd, &event) != 0) fail("open_loop: epoll_ctl");
    idle.push_back(i);
  }
  std::vector<float> taken_us;
  taken_us.reserve(total);
  std::vector<epoll_event> events(512);
  const auto begin = Clock::now();
  const auto due = [&](std::uint64_t n) {
    return begin + std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(n) * 1e9 / rate));
  };
  std::uint64_t sent = 0;
  std::uint64_t behind = 0;  // sent behind another
  while (taken_us.size() < total) {
    const auto now = Clock::now();
    if (now > due(total) + std::chrono::seconds(10)) break;  // what is not answered by then is missing
    for (; sent < total && due(sent) <= now; ++sent) {
      std::size_t to = behind % connections.size();
      if (idle.empty()) {
        ++behind;
      } else {
        to = idle.front();
        idle.pop_front();
      }
      const std::string bytes = request(argv[2], sent);
      if (send(connections[to].fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
        fail("open_loop: send");
      connections[to].due.push_back(due(sent));
    }
    // It does not sleep: a wake-up would be charged to the server.
    const int ready = epoll_wait(set, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < ready; ++i) {
      const std::size_t from = events[static_cast<std::size_t>(i)].data.u64;
      const bool busy = !connections[from].due.empty();
      take(connections[from], taken_us);
      if (busy && connections[from].due.empty()) idle.push_back(from);
    }
  }
  std::sort(taken_us.begin(), taken_us.end());
  const auto at = [&](double part) {
    if (taken_us.empty()) return 0.0;
    const auto index = static_cast<std::size_t>(part * static_cast<double>(taken_us.size()));
    return static_cast<double>(taken_us[std::min(index, taken_us.size() - 1)]);
  };
  std::printf(R"({"sent":%llu,"answered":%zu,"behind":%llu,"p50_us":%.1f,"p99_us":%.1f,"p999_us":%.1f,"max_us":%.1f})"
              "\n",
              static_cast<unsigned long long>(sent), taken_us.size(), static_cast<unsigned long long>(behind), at(0.5),
              at(0.99), at(0.999), at(1));
  return 0;
}
