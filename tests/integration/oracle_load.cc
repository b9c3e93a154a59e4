// SPDX-License-Identifier: Apache-2.0
// oracle_load: sends hits over many connections, keeps the brute-force truth beside them, and prints it as JSON.
//
// Every hit is a page and a visitor drawn from a seed. What was sent and what was acknowledged (answered 204) is kept
// per page, and which visitors were acknowledged where in a plain bitmap. Meanwhile a second thread reads /pages and
// checks that every answer adds up. If the daemon goes away (the test kills it), what is known so far is printed.
// A 503 is counted as refused: whether such a hit was counted is unknown.
//
//   oracle_load PORT SITE HITS CONNECTIONS PIPELINE PAGES VISITORS SEED [in-turn]
//
// in-turn: the n-th hit goes to page n % PAGES. While fewer hits than pages are in flight, what a page counts then
// tells about each of its hits alone.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

// -1 if nobody listens.
int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

struct Sent {
  std::uint32_t page, visitor;
};

struct Client {
  int fd = -1;
  std::deque<Sent> in_flight;
  std::string received;
};

struct Truth {
  std::vector<std::uint64_t> sent, acknowledged;  // page -> hits
  std::vector<std::vector<bool>> seen;            // page -> visitor -> acknowledged there
  std::vector<bool> seen_anywhere;                // visitor -> acknowledged
};

std::string request_of(const std::string& site, Sent hit) {
  return "GET /hit?site=" + site + "&path=/page/" + std::to_string(hit.page) +
         " HTTP/1.1\r\nHost: stats.example\r\nX-Forwarded-For: 10." + std::to_string(hit.visitor >> 16U & 255U) + "." +
         std::to_string(hit.visitor >> 8U & 255U) + "." + std::to_string(hit.visitor & 255U) +
         "\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" +
         std::to_string(100 + hit.visitor % 5) + ".0.0.0 Safari/537.36\r\n\r\n";
}

std::uint64_t number_after(const std::string& text, const char* key, std::size_t from = 0) {
  const std::size_t at = text.find(key, from);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + std::strlen(key), nullptr, 10);
}

// A 204 has no body, a 503 says how long its is; false: something else came.
bool take_answers(Client& client, Truth& truth, std::uint64_t& acknowledged, std::uint64_t& refused) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = client.received.find("\r\n\r\n", begin);
    if (end == std::string::npos) break;
    if (client.received.compare(begin, 12, "HTTP/1.1 503") == 0 && !client.in_flight.empty()) {
      const std::size_t body = number_after(client.received.substr(begin, end - begin), "Content-Length: ");
      if (client.received.size() < end + 4 + body) break;
      client.in_flight.pop_front();
      ++refused;
      begin = end + 4 + body;
      continue;
    }
    if (client.received.compare(begin, 12, "HTTP/1.1 204") != 0 || client.in_flight.empty()) {
      std::fprintf(stderr, "oracle_load: unexpected answer: %s\n", client.received.substr(begin, 300).c_str());
      return false;
    }
    const Sent hit = client.in_flight.front();
    client.in_flight.pop_front();
    ++truth.acknowledged[hit.page];
    truth.seen[hit.page][hit.visitor] = true;
    truth.seen_anywhere[hit.visitor] = true;
    ++acknowledged;
    begin = end + 4;
  }
  client.received.erase(0, begin);
  return true;
}

// Reads /pages again and again; counts answers, and those in which pages and rest do not add up to counted.
void read_pages(std::uint16_t port, const std::string& site, const std::atomic<bool>& stop, std::uint64_t& reads,
                std::uint64_t& wrong) {
  while (!stop.load()) {
    const int fd = connect_to(port);
    const std::string request =
        "GET /v1/sites/" + site + "/pages?limit=50 HTTP/1.1\r\nHost: stats.example\r\nConnection: close\r\n\r\n";
    std::string answer;
    if (write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
      char buffer[65536];
      for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(n));
    }
    close(fd);
    const std::size_t pages = answer.find("\"pages\":[");
    if (answer.compare(0, 12, "HTTP/1.1 200") != 0 || pages == std::string::npos) {
      if (!stop.load() && !answer.empty()) ++wrong;
      continue;
    }
    const std::size_t rows_end = answer.find(']', pages);
    std::uint64_t sum = number_after(answer, "\"rest\":");
    for (std::size_t at = pages; (at = answer.find("\"counted\":", at)) != std::string::npos && at < rows_end; ++at) {
      sum += number_after(answer, "\"counted\":", at);
    }
    ++reads;
    if (sum != number_after(answer, "\"counted\":")) {
      ++wrong;
      std::fprintf(stderr, "oracle_load: pages add up to %llu: %s\n", static_cast<unsigned long long>(sum),
                   answer.substr(0, 600).c_str());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool in_turn = argc == 10 && std::strcmp(argv[9], "in-turn") == 0;
  if (argc != 9 && !in_turn) {
    std::fprintf(stderr, "usage: oracle_load PORT SITE HITS CONNECTIONS PIPELINE PAGES VISITORS SEED [in-turn]\n");
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const std::string site = argv[2];
  const std::uint64_t hits = std::strtoull(argv[3], nullptr, 10);
  const auto connections = static_cast<std::size_t>(std::atoi(argv[4]));
  const auto pipeline = static_cast<std::size_t>(std::atoi(argv[5]));
  const auto pages = static_cast<std::uint32_t>(std::atoi(argv[6]));
  const auto visitors = static_cast<std::uint32_t>(std::atoi(argv[7]));
  std::mt19937_64 random(std::strtoull(argv[8], nullptr, 10));

  Truth truth;
  truth.sent.resize(pages);
  truth.acknowledged.resize(pages);
  truth.seen.assign(pages, std::vector<bool>(visitors));
  truth.seen_anywhere.resize(visitors);

  std::atomic<bool> stop{false};
  std::uint64_t reads = 0;
  std::uint64_t wrong = 0;
  std::thread reader([&] { read_pages(port, site, stop, reads, wrong); });

  const int set = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Client> clients(connections);
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  bool gone = false;
  const auto send_more = [&](Client& client) {
    std::string out;
    // Half of the pipeline is refilled at once, so that requests travel in groups.
    if (client.in_flight.size() > pipeline / 2) return;
    while (client.in_flight.size() < pipeline && sent < hits) {
      // Pages are drawn so that low numbers are frequent, as on a real site.
      const std::uint64_t draw = random();
      const std::uint64_t drawn = (draw & 0xffffU) * (draw >> 16U & 0xffffU) % (std::uint64_t{pages} << 16U) >> 16U;
      const auto page = static_cast<std::uint32_t>((in_turn ? sent : drawn) % pages);
      const Sent hit{page, static_cast<std::uint32_t>((draw >> 32U) % visitors)};
      client.in_flight.push_back(hit);
      ++truth.sent[hit.page];
      ++sent;
      out += request_of(site, hit);
    }
    if (!out.empty() && send(client.fd, out.data(), out.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out.size()))
      gone = true;
  };
  for (std::size_t i = 0; i < connections; ++i) {
    clients[i].fd = connect_to(port);
    if (clients[i].fd < 0) {
      std::perror("oracle_load: connect");
      gone = true;
      break;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(set, EPOLL_CTL_ADD, clients[i].fd, &event);
    send_more(clients[i]);
  }
  std::vector<char> buffer(1U << 16U);
  epoll_event events[256];
  bool bad = false;
  while (acknowledged + refused < hits && !gone && !bad) {
    const int ready = epoll_wait(set, events, 256, 30'000);
    if (ready <= 0) {
      std::fprintf(stderr, "oracle_load: nothing came for 30 s\n");
      bad = true;
    }
    for (int i = 0; i < ready && !gone && !bad; ++i) {
      Client& client = clients[events[i].data.u64];
      const ssize_t n = recv(client.fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) {
        gone = true;
        break;
      }
      client.received.append(buffer.data(), static_cast<std::size_t>(n));
      bad = !take_answers(client, truth, acknowledged, refused);
      send_more(client);
    }
  }
  stop = true;
  reader.join();

  std::uint64_t distinct = 0;
  for (const bool seen : truth.seen_anywhere) distinct += seen ? 1U : 0U;
  std::printf(
      "{\"sent\":%llu,\"acknowledged\":%llu,\"refused\":%llu,\"gone\":%s,\"visitors\":%llu,\"reads\":%llu,\"wrong_"
      "reads\":%llu,"
      "\"pages\":[",
      static_cast<unsigned long long>(sent), static_cast<unsigned long long>(acknowledged),
      static_cast<unsigned long long>(refused), gone ? "true" : "false", static_cast<unsigned long long>(distinct),
      static_cast<unsigned long long>(reads), static_cast<unsigned long long>(wrong));
  for (std::uint32_t page = 0; page < pages; ++page) {
    std::uint64_t online = 0;
    for (const bool seen : truth.seen[page]) online += seen ? 1U : 0U;
    std::printf("%s[%llu,%llu,%llu]", page == 0 ? "" : ",", static_cast<unsigned long long>(truth.sent[page]),
                static_cast<unsigned long long>(truth.acknowledged[page]), static_cast<unsigned long long>(online));
  }
  std::printf("]}\n");
  return bad ? 1 : 0;
}
