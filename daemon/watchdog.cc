// SPDX-License-Identifier: Apache-2.0
#include "watchdog.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace footfall {

struct Watchdog::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& on, std::vector<Thread> of, std::chrono::microseconds half, std::function<void()> told)
      : control(on), threads(std::move(of)), every(half), tell(std::move(told)), timer(on) {}

  void ask() {
    missing = threads.size();
    for (const Thread& thread : threads) {
      thread([self = shared_from_this()] { boost::asio::post(self->control, [self] { self->answered(); }); });
    }
  }
  void answered() {
    if (--missing == 0 && !ended) tell();
  }
  void wait() {
    timer.expires_after(every);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->ended) return;
      if (self->missing == 0) self->ask();
      self->wait();
    });
  }

  boost::asio::io_context& control;
  const std::vector<Thread> threads;
  const std::chrono::microseconds every;
  const std::function<void()> tell;
  boost::asio::steady_timer timer;
  std::size_t missing = 0;  // that have not come to their task
  bool ended = false;
};

Watchdog::Watchdog(boost::asio::io_context& control, std::vector<Thread> threads, std::chrono::microseconds within,
                   std::function<void()> tell)
    : state_(std::make_shared<State>(control, std::move(threads), within / 2, std::move(tell))) {
  state_->tell();
  state_->wait();
}

Watchdog::~Watchdog() {
  state_->ended = true;
  state_->timer.cancel();
}

}  // namespace footfall
