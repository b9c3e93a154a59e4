// SPDX-License-Identifier: Apache-2.0
// QueueDelay: how long a connection that becomes readable waits for its turn, and whether that is too long.
//
//   pass took all that was ready     delay = how long the pass lasts: who comes meanwhile waits as long
//   pass took as much as it may      a marker goes to the end of the set's ready list, behind all that waits;
//                                    delay = until the set gives the marker
//
// The marker is a descriptor that is always readable and watched once (EPOLLONESHOT): Linux appends it to the list
// that level-triggered connections rotate through. Without a full pass it costs nothing but a look at the clock.
//
// Threading  one thread, that of the loop. Tested by tests/unit/http/loop_test.cc.
#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace footfall::http {

// Overload begins at a delay of kOverloadMs and is over below kWellMs. A ping waits as long only behind 27,000 others
// of 9 us each, more than a thread has connections: what else is done is to blame.
inline constexpr std::int64_t kOverloadMs = 250;
inline constexpr std::int64_t kWellMs = 125;

class QueueDelay {
 public:
  // Events of `set` that bear `mark` are the marker's. The set outlives it. Throws std::system_error.
  QueueDelay(int set, std::uint32_t mark) : set_(set), marker_(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)) {
    event_.data.u32 = mark;
    if (marker_ < 0 || epoll_ctl(set_, EPOLL_CTL_ADD, marker_, &event_) != 0)
      throw std::system_error(errno, std::generic_category(), "the marker of an epoll set");
  }
  ~QueueDelay() { close(marker_); }
  QueueDelay(const QueueDelay&) = delete;
  QueueDelay& operator=(const QueueDelay&) = delete;

  // Before anything else of a pass or a tick: after an idle while nobody waits.
  void on_turn(std::int64_t now_ms) {
    if (marked_ms_ == kNone && now_ms - noted_ms_ > kWellMs) note(0, now_ms);
  }
  // What was ready at `now_ms` was more than the pass takes.
  void on_full(std::int64_t now_ms) {
    if (marked_ms_ != kNone) return;
    event_.events = EPOLLIN | EPOLLONESHOT;
    if (epoll_ctl(set_, EPOLL_CTL_MOD, marker_, &event_) == 0) marked_ms_ = now_ms;
  }
  void on_marker(std::int64_t now_ms) {
    note(now_ms - marked_ms_, now_ms);
    marked_ms_ = kNone;
  }
  // At the end of a pass.
  void on_pass(std::int64_t begin_ms, std::int64_t end_ms) {
    const std::int64_t ms = end_ms - (marked_ms_ == kNone ? begin_ms : marked_ms_);
    if (marked_ms_ == kNone || ms >= kOverloadMs) note(ms, end_ms);
  }

  std::int64_t ms() const { return ms_; }
  bool overloaded() const { return overloaded_; }

 private:
  static constexpr std::int64_t kNone = -1;

  void note(std::int64_t ms, std::int64_t now_ms) {
    ms_ = ms;
    noted_ms_ = now_ms;
    if (ms >= kOverloadMs) overloaded_ = true;
    if (ms < kWellMs) overloaded_ = false;
  }

  int set_;
  int marker_;
  epoll_event event_{};
  std::int64_t marked_ms_ = kNone;  // since when the marker waits
  std::int64_t ms_ = 0;
  std::int64_t noted_ms_ = 0;
  bool overloaded_ = false;
};

}  // namespace footfall::http
