// SPDX-License-Identifier: Apache-2.0
// Server: as the successor of a process that runs, and as the predecessor of one (take_over.h).
//
//   freeze   listeners pause -> requests that had begun are answered -> what was observed is journaled, all is durable,
//            segments are closed -> Redis is quiet -> the history is closed. thaw() goes on from there.
//
// Tested by tests/integration/take_over_test.py, tests/drills/takeover_drill.py.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <future>
#include <thread>
#include <utility>

#include "base/log.h"
#include "server.h"
#include "version.h"

namespace footfall {
namespace {

using std::chrono::milliseconds;

// For requests that are on their way, and for connections with TLS to send one more.
constexpr std::int32_t kFreezeMs = 250;
constexpr milliseconds kQuietWait{300};  // for Redis
constexpr milliseconds kManagerWait{2000};

// Begins it on all of them at once, each by its number, and waits until all are done.
template <class Begin>
void all_of(const std::vector<std::unique_ptr<Shard>>& shards, const Begin& begin) {
  std::vector<std::promise<void>> done(shards.size());
  for (std::size_t i = 0; i < shards.size(); ++i)
    shards[i]->post([&, i] { begin(i, [&, i] { done[i].set_value(); }); });
  for (std::promise<void>& one : done) one.get_future().wait();
}

}  // namespace

// ---- The successor

void Server::begin_take_over() {
  auto begun = Successor::begin(config_.data_dir + "/take-over", std::string(kVersion), inherited_);
  if (!begun) {
    if (begun.error().code != base::Errc::not_found) throw base::Failure(begun.error());
    base::log::info("take_over_nobody", "there is no daemon to take over from: " + begun.error().detail);
    return;
  }
  successor_ = *std::move(begun);
  // What can fail fails now.
  inherited_.bind(config_.admin, SOCK_STREAM).value();
  inherited_.bind(config_.metrics_listen, SOCK_STREAM).value();
  inherited_.bind(config_.listen, SOCK_STREAM).value();
  inherited_.bind(config_.syslog.listen, SOCK_DGRAM).value();
}

void Server::take_estate() {
  estate_ = successor_->take().value();
  directory_->take_lock(base::adopt_file(estate_.lock.release(), directory_->file("LOCK")));
}

void Server::adopt_connections() {
  std::size_t next = 0;
  for (Successor::Connection& connection : estate_.connections) {
    const bool of_control = connection.peer.listener != kPublicListener;
    http::Loop& loop = of_control ? control_->loop() : shards_[next++ % shards_.size()]->loop();
    if (connection.tls && !tls_) continue;  // it is closed
    loop.adopt(connection.descriptor.release(), connection.peer, connection.tls ? tls_ : nullptr);
  }
  if (successor_) {
    const auto pause = std::chrono::steady_clock::now() - estate_.paused;
    base::log::info("take_over_done",
                    "took over, with " + std::to_string(estate_.connections.size()) +
                        " connections; nobody was accepted for " +
                        std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(pause).count()) + " us");
  }
  estate_.connections.clear();
}

// Whoever waits where nobody listens any more is answered, and nobody else comes.
void Server::leave_rest() {
  for (http::BoundSocket& socket : inherited_.take_rest()) {
    base::log::info("listener_left", "no longer on " + socket.address());
    if (socket.type() == SOCK_DGRAM) {
      SyslogSocket::open(std::move(socket), config_.syslog.buffer_bytes)->close();
      continue;
    }
    Shard& shard = *shards_.front();
    shard.run([&] {
      const auto listener =
          http::Listener::open(shard.context(), std::move(socket), kPublicListener, loops_from(0), nullptr);
      if (listener) (*listener)->stop();
    });
  }
  successor_->wait_for_end(kManagerWait);
  successor_.reset();
}

// ---- The predecessor

void Server::expect_successor() {
  Predecessor::Ways ways;
  ways.sockets = [this] { return sockets_to_hand_over(); };
  ways.prepare = [this] { return prepare_to_hand_over(); };
  ways.freeze = [this] { return freeze(); };
  ways.thaw = [this] { thaw(); };
  ways.hand_over = [this](pid_t successor) { hand_over(successor); };
  try {
    predecessor_ = std::make_unique<Predecessor>(directory_->file("take-over"), std::move(ways));
  } catch (const base::Failure& failure) {
    base::log::warning("take_over_impossible",
                       "no other process can take over from this one: " + failure.error().detail);
  }
}

// SIGUSR2: of the same command, with the binary that is there now.
void Server::start_successor() {
  if (started_successor_ != 0) {
    base::log::warning("signal_take_over",
                       "received SIGUSR2: process " + std::to_string(started_successor_) + " is about to take over");
    return;
  }
  if (getpid() == 1) {
    base::log::error("signal_take_over_refused",
                     "received SIGUSR2: this is process 1 of a container, which would end with it; start a new one");
    return;
  }
  std::vector<char*> words;
  for (const std::string& word : command_) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  std::vector<std::string> variables{"FOOTFALL_TAKE_OVER=true"};
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string variable = *at;
    if (!variable.starts_with("FOOTFALL_TAKE_OVER=") && !variable.starts_with("WATCHDOG_PID="))
      variables.push_back(variable);
  }
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  pid_t process = 0;
  const int failed = posix_spawnp(&process, words.front(), &files, &attributes, words.data(), environment.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    base::log::error("signal_take_over_failed", "received SIGUSR2: " + command_.front() +
                                                    " cannot be started: " + std::generic_category().message(failed));
    return;
  }
  started_successor_ = process;
  base::log::info("successor_started",
                  "received SIGUSR2: process " + std::to_string(process) + " was started to take over");
}

void Server::look_at_children() {
  int status = 0;
  for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (ended != started_successor_) continue;
    started_successor_ = 0;
    base::log::error("successor_ended", "process " + std::to_string(ended) + " ended " +
                                            (WIFEXITED(status) ? "with " + std::to_string(WEXITSTATUS(status))
                                                               : "by signal " + std::to_string(WTERMSIG(status))) +
                                            " before it took over; this one goes on");
  }
}

std::vector<Predecessor::Socket> Server::sockets_to_hand_over() {
  std::vector<Predecessor::Socket> out;
  control_->run([&] {
    for (const auto& listener : listeners_) out.push_back({listener->descriptor(), listener->name()});
  });
  for (const auto& shard : shards_) {
    shard->run([&] {
      for (const auto& listener : shard->listeners()) out.push_back({listener->descriptor(), listener->name()});
      for (SyslogSocket* socket : shard->syslog_sockets()) out.push_back({socket->descriptor(), socket->name()});
    });
  }
  return out;
}

base::Result<ClosedSegments> Server::prepare_to_hand_over() {
  no_checkpoints_ = checkpointer_->pause();
  auto closed = roll_streams();
  if (!closed) return closed.error();
  ClosedSegments out;
  for (const auto& [stream, segment] : *closed) out[stream] = segment.segment;
  // Streams of shards that an earlier start had: all of it.
  for (const auto& [stream, position] : recovered_.positions) out.emplace(stream, position.segment);
  return out;
}

base::Result<Predecessor::Estate> Server::freeze() {
  frozen_ = true;
  const auto began = std::chrono::steady_clock::now();
  std::promise<void> control_rests;
  control_->run([&] {
    for (const auto& listener : listeners_) listener->pause();
    if (redis_) redis_->pause();
  });
  for (const auto& shard : shards_) shard->run([&] { shard->pause(); });
  control_->run([&] { control_->loop().freeze(kFreezeMs, [&] { control_rests.set_value(); }); });
  all_of(shards_, [&](std::size_t i, std::function<void()> done) { shards_[i]->freeze(kFreezeMs, std::move(done)); });
  control_rests.get_future().wait();

  std::vector<base::Result<void>> durable(shards_.size());
  all_of(shards_, [&](std::size_t i, std::function<void()> done) {
    shards_[i]->rest([&durable, i, done = std::move(done)](const base::Result<void>& outcome) {
      durable[i] = outcome;
      done();
    });
  });
  for (const base::Result<void>& outcome : durable) {
    if (!outcome) return outcome.error();
  }
  // The next segments' headers say that all is on the device, and are empty.
  if (auto closed = roll_streams(); !closed) return closed.error();

  Predecessor::Estate estate;
  bool quiet = true;
  const auto until = std::chrono::steady_clock::now() + kQuietWait;
  const auto look = [&] {
    control_->run([&] { quiet = redis_ == nullptr || redis_->quiet(); });
    return quiet;
  };
  while (!look() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(milliseconds(5));
  control_->run([&] {
    control_->freeze();
    estate.connections = control_->loop().resting();
    const bool conflict = redis_ && redis_->nodes() != nullptr && redis_->nodes()->replicator().conflict();
    estate.same_slot = slot_ && quiet && !conflict;
    history_->close();
  });
  history_writer_->close();
  history_thread_->pause();
  for (const auto& shard : shards_) {
    shard->run([&] {
      const auto resting = shard->loop().resting();
      estate.connections.insert(estate.connections.end(), resting.begin(), resting.end());
    });
  }
  estate.lock = directory_->lock_descriptor();
  estate.paused = began;
  base::log::info(
      "at_rest",
      "at rest after " +
          std::to_string(
              std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count()) +
          " us, with " + std::to_string(estate.connections.size()) + " connections to hand over");
  return estate;
}

void Server::thaw() {
  if (std::exchange(frozen_, false)) {
    for (auto* history : {history_.get(), history_writer_.get()}) {
      if (const auto opened = history->reopen(); !opened)
        base::log::error("history_not_reopened", "the history cannot be read again: " + opened.error().detail);
    }
    if (const auto opened = history_thread_->resume(); !opened)
      base::log::error("history_not_reopened", "the history cannot be read again: " + opened.error().detail);
    control_->run([&] {
      control_->thaw();
      control_->loop().thaw();
      for (const auto& listener : listeners_) listener->resume();
      if (redis_) redis_->resume();
    });
    for (const auto& shard : shards_) shard->run([&] { shard->thaw(); });
  }
  if (no_checkpoints_.owns_lock()) no_checkpoints_.unlock();
}

void Server::hand_over(pid_t successor) {
  handed_over_ = true;
  draining_ = true;
  base::log::info("handed_over", "process " + std::to_string(successor) + " has taken over");
  manager_.new_main(successor);
  manager_.wait_until_read(kManagerWait);
  checkpointer_->begin_stop();
  no_checkpoints_.unlock();
  kill(getpid(), SIGUSR1);
}

// The directory is a successor's: nothing of it is written, and no file of a socket removed.
void Server::end_handed_over() {
  std::int32_t drain_s = 0;
  control_->run([&] {
    drain_s = config_.drain_s;
    watchdog_.reset();
    for (const auto& listener : listeners_) listener->leave();
    control_->loop().let_go();
  });
  checkpointer_->stop();
  backups_->stop();
  history_thread_->stop();
  for (const auto& shard : shards_) shard->run([&] { shard->let_go(); });
  for (const auto& shard : shards_) shard->begin_stop(drain_s);
  control_->stop(drain_s);
  for (const auto& shard : shards_) shard->wait_for_drain();
  for (const auto& shard : shards_) shard->end();
  listeners_.clear();
  base::log::info("handed_over_ended", "ended");
  base::log::stop();
}

}  // namespace footfall
