// SPDX-License-Identifier: Apache-2.0
#include "backups.h"

#include <utility>

#include "base/log.h"
#include "base/thread_name.h"

namespace footfall {

using State = api::BackupStatus::State;

base::Result<api::BackupStatus> Backups::begin(std::string id, std::string path) {
  std::lock_guard lock(mutex_);
  if (latest_.state != State::none && latest_.id == id) {
    if (latest_.path == path) return latest_;
    return base::Error{base::Errc::conflict, "the id " + id + " was used for a backup to " + latest_.path};
  }
  if (stopped_) return base::Error{base::Errc::unavailable, "the daemon is being stopped"};
  if (latest_.state == State::running) {
    return base::Error{base::Errc::conflict,
                       "a backup to " + latest_.path + " is under way; wait until it is done, and try again"};
  }
  if (thread_.joinable()) thread_.join();  // it has ended, or is about to: run() touches nothing after its last lock
  latest_ = {};
  latest_.state = State::running;
  latest_.id = std::move(id);
  latest_.path = path;
  latest_.began_s = clock_.utc_s();
  thread_ = std::thread([this, path = std::move(path)] {
    base::name_this_thread("backup");
    run(path);
  });
  return latest_;
}

api::BackupStatus Backups::status() const {
  std::lock_guard lock(mutex_);
  return latest_;
}

void Backups::stop() {
  std::thread thread;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void Backups::run(const std::string& path) {
  store::lower_priority();
  const auto made = checkpointer_.backup(path);
  if (made) {
    base::log::info("backup_made", "backup: " + std::to_string(made->bytes) + " bytes to " + path);
  } else {
    base::log::error("backup_failed", "backup: " + base::to_string(made.error()));
  }
  std::lock_guard lock(mutex_);
  latest_.state = made ? State::done : State::failed;
  latest_.ended_s = clock_.utc_s();
  if (made) latest_.summary = *made;
  if (!made) latest_.error = made.error().detail;
}

}  // namespace footfall
