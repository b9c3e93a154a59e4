// SPDX-License-Identifier: Apache-2.0
// HistoryThread: reads rankings for the shards, beside them: a year of a large site is a second of SQLite's work, and a
// shard waits for no file.
//
//     shard:  ask(work, done) --> queue --> work(reader) --> post(done(answer)) --> shard: writes the answer
//
// Ownership  owns its connection to the history. Threading: ask() from any thread; `work` runs on its own, and `done`
//            there too: whoever asks posts from it to itself.
// Errors     unavailable past kWaitingMax questions, and after stop().
// Tested by tests/unit/server/history_thread_test.cc.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "store/ranking_reader.h"

namespace footfall {

class HistoryThread {
 public:
  static constexpr std::size_t kWaitingMax = 64;
  using Work = std::function<base::Result<std::string>(store::RankingReader&)>;
  using Done = std::function<void(base::Result<std::string>)>;

  // `closed` outlives it.
  HistoryThread(std::unique_ptr<store::History> history, const store::ClosedDays& closed);
  ~HistoryThread();  // stops
  HistoryThread(const HistoryThread&) = delete;
  HistoryThread& operator=(const HistoryThread&) = delete;

  // Then `done` is called, once. On an error it is not.
  base::Result<void> ask(Work work, Done done);
  // What waits is answered unavailable; what is under way is waited for.
  void stop();
  // For a process that takes over: waits for what is under way, and lets go of the file; what is asked waits.
  void pause();
  base::Result<void> resume();

 private:
  void loop();

  std::unique_ptr<store::History> history_;
  store::RankingReader reader_;  // the thread's
  std::mutex mutex_;             // guards what follows
  std::condition_variable wake_;
  std::deque<std::pair<Work, Done>> waiting_;
  bool stopping_ = false;
  bool paused_ = false;
  bool busy_ = false;
  std::thread thread_;
};

}  // namespace footfall
