// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace footfall::base {
namespace {

struct Tally {
  Mutex mutex;
  std::uint64_t value GUARDED_BY(mutex) = 0;
};

void raise(Tally& tally, int times) {
  for (int i = 0; i < times; ++i) {
    const MutexLock lock(tally.mutex);
    ++tally.value;
  }
}

TEST(MutexTest, NoIncrementIsLostBetweenThreads) {
  Tally tally;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) threads.emplace_back(raise, std::ref(tally), 50'000);
  for (std::thread& thread : threads) thread.join();
  const MutexLock lock(tally.mutex);
  EXPECT_EQ(tally.value, 400'000U);
}

// Holds the lock far longer than anybody spins, so that the others sleep and must be woken one by one.
TEST(MutexTest, SleepersAreAllWoken) {
  Tally tally;
  std::vector<std::thread> threads;
  {
    const MutexLock lock(tally.mutex);
    for (int i = 0; i < 6; ++i) threads.emplace_back(raise, std::ref(tally), 100);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_EQ(tally.value, 0U);
  }
  for (std::thread& thread : threads) thread.join();
  const MutexLock lock(tally.mutex);
  EXPECT_EQ(tally.value, 600U);
}

TEST(MutexTest, AHeldLockIsNotTakenAgain) {
  Mutex mutex;
  mutex.lock();
  bool taken = false;
  std::thread([&] {
    if (mutex.try_lock()) {
      taken = true;
      mutex.unlock();
    }
  }).join();
  EXPECT_FALSE(taken);
  mutex.unlock();
  if (mutex.try_lock()) {
    mutex.unlock();
  } else {
    ADD_FAILURE() << "a free lock was refused";
  }
}

}  // namespace
}  // namespace footfall::base
