// SPDX-License-Identifier: Apache-2.0
#include "history_thread.h"

#include "base/thread_name.h"

namespace footfall {
namespace {

base::Error unavailable(const char* detail) {
  return {base::Errc::unavailable, detail};
}

}  // namespace

HistoryThread::HistoryThread(std::unique_ptr<store::History> history, const store::ClosedDays& closed)
    : history_(std::move(history)), reader_(*history_, closed), thread_([this] { loop(); }) {}

HistoryThread::~HistoryThread() {
  stop();
}

base::Result<void> HistoryThread::ask(Work work, Done done) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return unavailable("the daemon is being stopped");
  if (waiting_.size() >= kWaitingMax) return unavailable("more rankings are asked for than can be read; try again");
  waiting_.emplace_back(std::move(work), std::move(done));
  wake_.notify_all();
  return {};
}

void HistoryThread::stop() {
  std::deque<std::pair<Work, Done>> left;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    left.swap(waiting_);
  }
  wake_.notify_all();
  for (const auto& [work, done] : left) done(unavailable("the daemon is being stopped"));
  if (thread_.joinable()) thread_.join();
}

void HistoryThread::pause() {
  std::unique_lock lock(mutex_);
  paused_ = true;
  wake_.wait(lock, [this] { return !busy_; });
  history_->close();
}

base::Result<void> HistoryThread::resume() {
  const std::lock_guard lock(mutex_);
  auto opened = history_->reopen();
  paused_ = false;
  wake_.notify_all();
  return opened;
}

void HistoryThread::loop() {
  base::name_this_thread("history");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || (!waiting_.empty() && !paused_); });
    if (stopping_) return;
    const auto [work, done] = std::move(waiting_.front());
    waiting_.pop_front();
    busy_ = true;
    lock.unlock();
    done(work(reader_));
    lock.lock();
    busy_ = false;
    wake_.notify_all();
  }
}

}  // namespace footfall
