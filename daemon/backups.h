// SPDX-License-Identifier: Apache-2.0
// Backups: one backup at a time, on a thread of its own, and what became of the latest.
//
// The thread is not the control thread, since a checkpoint waits for that one.
//
// Threading  any thread; begin() and status() do not wait for a backup.
// Errors     conflict: one is under way; unavailable: the daemon is being stopped. What fails later is in the status.
// Tested by tests/integration/backup_test.py.
#pragma once

#include <mutex>
#include <string>
#include <thread>

#include "api/admin.h"
#include "base/clock.h"
#include "store/checkpointer.h"

namespace footfall {

class Backups {
 public:
  // REQUIRES: both outlive it.
  Backups(store::Checkpointer& checkpointer, const base::Clock& clock) : checkpointer_(checkpointer), clock_(clock) {}
  ~Backups() { stop(); }
  Backups(const Backups&) = delete;
  Backups& operator=(const Backups&) = delete;

  // The same id as the latest one's begins nothing, and answers how that one stands.
  base::Result<api::BackupStatus> begin(std::string id, std::string path);
  api::BackupStatus status() const;
  // None begins any more; waits for the one under way, which the checkpointer's stop() ends.
  void stop();

 private:
  void run(const std::string& path);

  store::Checkpointer& checkpointer_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;  // guards what follows
  api::BackupStatus latest_;
  std::thread thread_;  // of the latest
  bool stopped_ = false;
};

}  // namespace footfall
