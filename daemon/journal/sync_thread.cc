// SPDX-License-Identifier: Apache-2.0
#include "journal/sync_thread.h"

#include <sched.h>

#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"

namespace footfall::journal {
namespace {

// It runs for microseconds at a time, and all that gathered waits for it: it does not queue behind the thread that it
// works for. Scheduled like that one it waited longer for the processor than for the device, where both share one.
void go_first() {
  sched_param param{};
  param.sched_priority = sched_get_priority_min(SCHED_FIFO);
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) != 0)
    base::log::debug("sync_thread_priority",
                     "the sync thread is scheduled as any thread; RLIMIT_RTPRIO of 1 lets it go first");
}

}  // namespace

SyncThread::SyncThread(base::FileSystem& files, Done done)
    : files_(files), done_(std::move(done)), thread_([this] { loop(); }) {}

SyncThread::~SyncThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void SyncThread::start(const SyncJob& job) {
  {
    const std::lock_guard lock(mutex_);
    job_ = &job;
  }
  wake_.notify_one();
}

void SyncThread::loop() {
  base::name_this_thread("sync");
  go_first();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return job_ != nullptr || ending_; });
    if (job_ == nullptr) return;
    const SyncJob& job = *std::exchange(job_, nullptr);
    lock.unlock();
    const auto begin = std::chrono::steady_clock::now();
    const base::Result<void> outcome = job.carry_out(files_);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
    busy_us_.add(static_cast<std::uint64_t>(took.count()));
    jobs_.add();
    if (!outcome) failures_.add();
    done_(outcome);
    lock.lock();
  }
}

}  // namespace footfall::journal
