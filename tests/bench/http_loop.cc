// SPDX-License-Identifier: Apache-2.0
// http_loop: the http module alone. The daemon's own loop and parser, a handler that writes one block of 32 bytes a hit
// per pass and answers it; nothing is decided or counted. What it costs above pass_ways' epoll way is the price of
// strict parsing, deadlines and limits.
//
//   http_loop PORT FILE        127.0.0.1 only
//
// Run by tests/bench/pass_ways.py.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/listener.h"
#include "http/loop.h"
#include "http/response.h"

namespace {

using namespace footfall;

class Handler final : public http::LoopHandler {
 public:
  explicit Handler(const char* path) : fd_(open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)) {
    if (fd_ < 0 || posix_fallocate(fd_, 0, kFile) != 0) {
      std::perror("http_loop: block file");
      std::exit(1);
    }
  }
  void on_requests(http::ConnectionRef connection, const http::Peer&, http::Requests& requests) override {
    while (const http::Request* request = requests.next()) {
      block_.append(32, 'r');
      due_.push_back({connection, request->path == "/hit.gif", !request->keep_alive});
    }
  }
  void end_of_pass(std::int64_t now_ms) override {
    answers_.set_second(now_ms / 1000);
    if (at_ + static_cast<off_t>(block_.size()) > kFile) at_ = 0;
    const ssize_t put = pwrite(fd_, block_.data(), block_.size(), at_);
    if (put < 0) std::abort();
    at_ += put;
    block_.clear();
    for (const Due& due : due_) {
      std::string& out = loop->begin_answer(due.connection);
      due.gif ? answers_.write_gif(out, {}, !due.close) : answers_.write_no_content(out, {}, !due.close);
      loop->finish_answer(due.connection, due.close);
    }
    due_.clear();
  }
  void on_refused(const http::Peer&, http::ParseError error, const http::Request*, std::string& answer) override {
    http::write_problem(answer, http::status_of(error), "refused", http::describe(error), {}, answers_.date(), false);
  }
  void on_tick(std::int64_t) override {}
  void on_close(http::ConnectionRef) override {}

  http::Loop* loop = nullptr;

 private:
  struct Due {
    http::ConnectionRef connection;
    bool gif;
    bool close;
  };
  static constexpr off_t kFile = 64 << 20;
  int fd_;
  off_t at_ = 0;
  std::string block_;
  std::vector<Due> due_;
  http::HitAnswers answers_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: http_loop PORT FILE\n", stderr);
    return 2;
  }
  boost::asio::io_context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO);
  const base::SystemClock clock;
  const http::ParserLimits parser_limits;
  Handler handler(argv[2]);
  http::Loop loop(context, clock, handler, parser_limits, {});
  handler.loop = &loop;
  const auto address = http::parse_listen_address(std::string("127.0.0.1:") + argv[1]);
  if (!address) return 2;
  const auto listener = http::Listener::open(context, address.value(), 0, {&loop});
  if (!listener) {
    std::fprintf(stderr, "http_loop: %s\n", to_string(listener.error()).c_str());
    return 1;
  }
  context.run();
}
