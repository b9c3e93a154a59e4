// SPDX-License-Identifier: Apache-2.0
// pass_ways: two ways to get a pass out of an io_context, reduced to what differs between them. Each reads what is
// ready, writes one block of 32 bytes a hit to a file, and only then answers.
//
//   pass_ways asio PORT FILE ANSWER    Asio sockets: async_wait, one non-blocking recv, and a flush that the first hit
//                                      of a pass posts behind the handlers that are already queued
//   pass_ways epoll PORT FILE ANSWER   a private level-triggered epoll set whose descriptor the io_context waits on:
//                                      one handler is one pass, with one shared receive buffer
//
// ANSWER is what each request gets (answer_file.h). The figures and the choice are in daemon/ARCHITECTURE.md, "The
// pass". Run by tests/bench/pass_ways.py.
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "answer_file.h"

#include <fcntl.h>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Context = asio::io_context;
using Socket = asio::basic_stream_socket<tcp, Context::executor_type>;
using Acceptor = asio::basic_socket_acceptor<tcp, Context::executor_type>;
using Descriptor = asio::posix::basic_stream_descriptor<Context::executor_type>;

std::string with;  // each request is answered so
constexpr std::size_t kRecord = 32;
constexpr std::size_t kBuffer = 128U << 10U;

// The journal of both ways: records gathered, one pwrite per pass, the file recycled at 64 MiB.
class Block {
 public:
  explicit Block(const char* path) : fd_(open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)) {
    if (fd_ < 0 || posix_fallocate(fd_, 0, kFile) != 0) {
      std::perror("pass_ways: block file");
      std::exit(1);
    }
  }
  void record(unsigned hits) { bytes_.append(hits * kRecord, 'r'); }
  void write() {
    if (bytes_.empty()) return;
    if (at_ + static_cast<off_t>(bytes_.size()) > kFile) at_ = 0;
    const ssize_t put = pwrite(fd_, bytes_.data(), bytes_.size(), at_);
    if (put < 0) std::abort();
    at_ += put;
    bytes_.clear();
  }

 private:
  static constexpr off_t kFile = 64 << 20;
  int fd_;
  off_t at_ = 0;
  std::string bytes_;
};

// Complete requests in `bytes`; what is left over goes to `held`.
unsigned count_requests(std::string_view bytes, std::string& held) {
  std::string joined;
  if (!held.empty()) {
    joined = held.append(bytes);
    bytes = joined;
    held.clear();
  }
  unsigned n = 0;
  for (std::size_t end; (end = bytes.find("\r\n\r\n")) != std::string_view::npos; bytes.remove_prefix(end + 4)) ++n;
  held.assign(bytes);
  return n;
}

struct Answers {
  std::string out;
  void send(int fd, unsigned count) {
    out.clear();
    for (unsigned i = 0; i < count; ++i) out += with;
    [[maybe_unused]] const ssize_t put = ::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
  }
};

// (a)
class AsioWay {
 public:
  AsioWay(Context& context, Block& block) : context_(context), block_(block), in_(kBuffer) {}

  void adopt(Socket socket) {
    auto client = std::make_unique<Client>(std::move(socket));
    wait(client.release());
  }

 private:
  struct Client {
    explicit Client(Socket s) : socket(std::move(s)) {}
    Socket socket;
    std::string held;
    unsigned owed = 0;
  };

  void wait(Client* client) {
    client->socket.async_wait(Socket::wait_read, [this, client](boost::system::error_code error) {
      if (!error) read(client);
    });
  }
  void read(Client* client) {
    const ssize_t got = recv(client->socket.native_handle(), in_.data(), in_.size(), 0);
    if (got <= 0) {
      delete client;
      return;
    }
    client->owed = count_requests({in_.data(), static_cast<std::size_t>(got)}, client->held);
    if (client->owed == 0) return wait(client);
    block_.record(client->owed);
    due_.push_back(client);
    if (due_.size() == 1) asio::post(context_, [this] { flush(); });
  }
  void flush() {
    block_.write();
    for (Client* client : due_) {
      answers_.send(client->socket.native_handle(), client->owed);
      wait(client);
    }
    due_.clear();
  }

  Context& context_;
  Block& block_;
  std::vector<char> in_;
  std::vector<Client*> due_;
  Answers answers_;
};

// (b)
class EpollWay {
 public:
  EpollWay(Context& context, Block& block) : block_(block), in_(kBuffer), set_(context, epoll_create1(0)) { wait(); }

  void adopt(Socket socket) {
    const int fd = socket.release();
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (held_.size() <= static_cast<std::size_t>(fd)) held_.resize(static_cast<std::size_t>(fd) + 1);
    held_[static_cast<std::size_t>(fd)].clear();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd, &event);
  }

 private:
  void wait() {
    set_.async_wait(Descriptor::wait_read, [this](boost::system::error_code error) {
      if (error) return;
      pass();
      wait();
    });
  }
  void pass() {
    epoll_event events[512];
    const int ready = epoll_wait(set_.native_handle(), events, 512, 0);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      const ssize_t got = recv(fd, in_.data(), in_.size(), 0);
      if (got <= 0) {
        close(fd);
        continue;
      }
      const unsigned owed =
          count_requests({in_.data(), static_cast<std::size_t>(got)}, held_[static_cast<std::size_t>(fd)]);
      block_.record(owed);
      if (owed != 0) due_.push_back({fd, owed});
    }
    block_.write();
    for (const Due& due : due_) answers_.send(due.fd, due.owed);
    due_.clear();
  }

  struct Due {
    int fd;
    unsigned owed;
  };
  Block& block_;
  std::vector<char> in_;
  std::vector<std::string> held_;  // descriptor -> the beginning of a request
  std::vector<Due> due_;
  Descriptor set_;
  Answers answers_;
};

template <class Way>
void serve(std::uint16_t port, const char* path) {
  Context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO);
  Block block(path);
  Way way(context, block);
  Acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), port));
  struct Accept {
    Acceptor& acceptor;
    Way& way;
    void operator()() const {
      acceptor.async_accept([self = *this](boost::system::error_code error, Socket socket) {
        if (!error) {
          socket.set_option(tcp::no_delay(true));
          socket.non_blocking(true);
          self.way.adopt(std::move(socket));
        }
        self();
      });
    }
  };
  Accept{acceptor, way}();
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: pass_ways asio|epoll PORT FILE ANSWER\n", stderr);
    return 2;
  }
  with = answer_of(argv[4]);
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  if (std::string_view(argv[1]) == "asio") serve<AsioWay>(port, argv[3]);
  if (std::string_view(argv[1]) == "epoll") serve<EpollWay>(port, argv[3]);
  return 0;
}
