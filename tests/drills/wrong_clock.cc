// SPDX-License-Identifier: Apache-2.0
// To be preloaded into a daemon: its wall clock is wrong by WRONG_CLOCK_S seconds. The clocks that never step, and all
// timers, are as they are.
//
// libfaketime moves absolute timers too, and those of CLOCK_MONOTONIC with them: Asio arms one that is due as {0 s,
// 1 ns}, which in a process that is a day behind was due a day after the machine had booted. Its loop stood still.
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace {

time_t wrong_s() {
  static const time_t by_s = [] {
    const char* given = std::getenv("WRONG_CLOCK_S");
    return given == nullptr ? 0 : static_cast<time_t>(std::strtoll(given, nullptr, 10));
  }();
  return by_s;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  const auto failed = static_cast<int>(syscall(SYS_clock_gettime, clock, out));
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += wrong_s();
  return failed;
}

int gettimeofday(timeval* out, void* /*zone*/) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = static_cast<suseconds_t>(now.tv_nsec / 1000);
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
}
