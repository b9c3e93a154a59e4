// SPDX-License-Identifier: Apache-2.0
// The slow paths of Mutex: spin for about 60 us, then sleep on the futex. See mutex.h.
#include "base/mutex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

namespace footfall::base {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4 && std::atomic<std::uint32_t>::is_always_lock_free,
              "the kernel reads the atomic's four bytes");

constexpr std::chrono::nanoseconds kSpin{60'000};  // two holds of a hot site; tests/bench/shards.cc
constexpr int kPausesPerLook = 8;                  // between two looks at the lock

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) noexcept {
  return syscall(SYS_futex, static_cast<void*>(&word), operation, value, nullptr, nullptr, 0);
}

}  // namespace

void Mutex::lock_slow() noexcept {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kPausesPerLook; ++i) pause();
    std::uint32_t expected = 0;
    if (state_.load(std::memory_order_relaxed) == 0 &&
        state_.compare_exchange_weak(expected, 1, std::memory_order_acquire, std::memory_order_relaxed)) {
      return;
    }
  } while (std::chrono::steady_clock::now() < deadline);
  // Whoever takes the lock here takes it as 2, since others may sleep too: at worst one needless wake.
  while (state_.exchange(2, std::memory_order_acquire) != 0) futex(state_, FUTEX_WAIT_PRIVATE, 2);
}

void Mutex::wake_one() noexcept {
  futex(state_, FUTEX_WAKE_PRIVATE, 1);
}

}  // namespace footfall::base
