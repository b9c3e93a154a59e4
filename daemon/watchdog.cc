// SPDX-License-Identifier: Apache-2.0
#include "watchdog.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "base/log.h"

namespace footfall {
namespace {

constexpr int kRounds = 2;  // of half the time each

}  // namespace

struct Watchdog::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& on, std::vector<Thread> of, std::chrono::microseconds half, std::function<void()> told)
      : control(on), threads(std::move(of)), every(half), tell(std::move(told)), timer(on) {}

  void ask() {
    missing.assign(threads.size(), true);
    for (std::size_t i = 0; i < threads.size(); ++i) {
      threads[i].post(
          [self = shared_from_this(), i] { boost::asio::post(self->control, [self, i] { self->answered(i); }); });
    }
  }
  void answered(std::size_t thread) {
    if (const std::string late = stuck(); !late.empty() && late == threads[thread].name)
      base::log::warning("thread_goes_on", late + " goes on");
    missing[thread] = false;
    if (all_came() && !ended) tell();
  }
  bool all_came() const { return std::ranges::find(missing, true) == missing.end(); }
  std::string stuck() const {
    if (rounds_missed < kRounds || all_came()) return {};
    return threads[static_cast<std::size_t>(std::ranges::find(missing, true) - missing.begin())].name;
  }
  void look() {
    if (all_came()) {
      rounds_missed = 0;
      ask();
    } else if (++rounds_missed == kRounds) {
      base::log::error("thread_stuck", stuck() + " does not come to its tasks: it is in a loop, or waits for the disk");
    }
  }
  void wait() {
    timer.expires_after(every);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->ended) return;
      self->look();
      self->wait();
    });
  }

  boost::asio::io_context& control;
  const std::vector<Thread> threads;
  const std::chrono::microseconds every;
  const std::function<void()> tell;
  boost::asio::steady_timer timer;
  std::vector<bool> missing;  // of each thread: it has not come to its task
  int rounds_missed = 0;
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

std::string Watchdog::stuck() const {
  return state_->stuck();
}

}  // namespace footfall
