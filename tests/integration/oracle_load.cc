// SPDX-License-Identifier: Apache-2.0
// oracle_load: sends hits over many connections, keeps the brute-force truth beside them, and prints it as JSON.
//
// Every hit is a page and a visitor drawn from a seed. What was sent and what was acknowledged (answered 204) is kept
// per page, what was acknowledged by the epoch that its answer named (Footfall-Epoch), and which visitors were
// acknowledged where in a plain bitmap. Meanwhile a second thread reads /pages and checks that every answer adds up. If
// the daemon goes away (the test kills it), what is known so far is printed. A 503 is counted as refused: whether such
// a hit was counted is unknown. At SIGTERM no more is sent, and what is in flight is waited for.
//
//   oracle_load PORT SITE HITS CONNECTIONS PIPELINE PAGES VISITORS SEED [in-turn] [progress=FILE]
//
// in-turn: the n-th hit goes to page n % PAGES. While fewer hits than pages are in flight, what a page counts then
// tells about each of its hits alone.
// progress: what was attempted (raised before it is sent) and acknowledged so far, two u64 little-endian in FILE, which
// is there, 16 bytes long: whoever maps it can hold each read to them.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
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
  // Footfall-Epoch of the answer -> acknowledged hits
  std::map<std::string, std::uint64_t, std::less<>> epochs;
};

std::atomic<bool> enough{false};

struct Progress {
  std::uint64_t attempted, acknowledged;
};
static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

// `own` where there is no FILE; nullptr: it cannot be mapped.
Progress* map_progress(const char* file, Progress& own) {
  if (file == nullptr) return &own;
  const int fd = open(file, O_RDWR | O_CLOEXEC);
  void* mapped = fd < 0 ? MAP_FAILED : mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) std::perror(file);
  if (fd >= 0) close(fd);
  return mapped == MAP_FAILED ? nullptr : static_cast<Progress*>(mapped);
}

void tell(std::uint64_t& of, std::uint64_t now) {
  std::atomic_ref(of).store(now, std::memory_order_release);
}

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

// The value of a field of this head; empty: it is not there.
std::string_view field(std::string_view head, std::string_view name) {
  const std::size_t at = head.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view value = head.substr(at + name.size());
  return value.substr(0, value.find('\r'));
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
    const std::string_view epoch =
        field(std::string_view(client.received).substr(begin, end - begin), "\r\nFootfall-Epoch: ");
    const auto counted = truth.epochs.find(epoch);
    ++(counted != truth.epochs.end() ? counted->second : truth.epochs[std::string(epoch)]);
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
  bool in_turn = false;
  const char* progress_file = nullptr;
  bool usage = argc < 9;
  for (int i = 9; i < argc; ++i) {
    if (std::strcmp(argv[i], "in-turn") == 0) {
      in_turn = true;
    } else if (std::strncmp(argv[i], "progress=", 9) == 0) {
      progress_file = argv[i] + 9;
    } else {
      usage = true;
    }
  }
  if (usage) {
    std::fprintf(
        stderr,
        "usage: oracle_load PORT SITE HITS CONNECTIONS PIPELINE PAGES VISITORS SEED [in-turn] [progress=FILE]\n");
    return 2;
  }
  Progress own{};
  Progress* const progress = map_progress(progress_file, own);
  if (progress == nullptr) return 2;
  struct sigaction on_term {};
  on_term.sa_handler = [](int) { enough = true; };
  on_term.sa_flags = SA_RESTART;  // of the reads of the other thread
  sigaction(SIGTERM, &on_term, nullptr);
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
    while (client.in_flight.size() < pipeline && sent < hits && !enough) {
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
    tell(progress->attempted, sent);
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
  while (acknowledged + refused < (enough ? sent : hits) && !gone && !bad) {
    const int ready = epoll_wait(set, events, 256, 30'000);
    if (ready < 0 && errno == EINTR) continue;
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
      tell(progress->acknowledged, acknowledged);
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
  std::printf("],\"epochs\":{");
  const char* comma = "";
  for (const auto& [epoch, count] : truth.epochs) {
    std::printf("%s\"%s\":%llu", std::exchange(comma, ","), epoch.c_str(), static_cast<unsigned long long>(count));
  }
  // Visitor 0 is the lowest bit of the first digit.
  std::printf("},\"seen\":\"");
  for (std::uint32_t first = 0; first < visitors; first += 4) {
    unsigned digit = 0;
    for (std::uint32_t i = 0; i < 4 && first + i < visitors; ++i)
      digit |= (truth.seen_anywhere[first + i] ? 1U : 0U) << i;
    std::printf("%x", digit);
  }
  std::printf("\"}\n");
  return bad ? 1 : 0;
}
