// SPDX-License-Identifier: Apache-2.0
// SyncThread: carries out the sync jobs of one stream beside the thread that appends to it, so that a group of blocks
// waits for the device while the next one gathers.
//
//   shard         append* begin_sync --start()--> append* ...            finish_sync  begin_sync --start()--> ...
//   sync thread                       carry_out ---- done() posts to the shard ---^
//
// Ownership  keeps a pointer to the job from start() to done().
// Threading  start() by the stream's thread; done() is called on this one. Errors: those of carry_out(), given to
// done(). Tested by tests/unit/journal/sync_thread_test.cc.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/counter.h"
#include "journal/writer.h"

namespace footfall::journal {

class SyncThread {
 public:
  using Done = std::function<void(const base::Result<void>& outcome)>;

  SyncThread(base::FileSystem& files, Done done);
  ~SyncThread();  // a job under way is finished, and told
  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  // REQUIRES: no job is under way; the job stays as it is until done().
  void start(const SyncJob& job);

  // Any thread.
  std::uint64_t jobs() const { return jobs_.get(); }
  std::uint64_t failures() const { return failures_.get(); }
  std::uint64_t busy_us() const { return busy_us_.get(); }  // in carry_out(), summed

 private:
  void loop();

  base::FileSystem& files_;
  const Done done_;
  std::mutex mutex_;  // guards job_ and ending_
  std::condition_variable wake_;
  const SyncJob* job_ = nullptr;
  bool ending_ = false;
  base::Counter jobs_, failures_, busy_us_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace footfall::journal
