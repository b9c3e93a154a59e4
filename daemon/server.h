// SPDX-License-Identifier: Apache-2.0
// Server: composes the parts, starts them, and stops them in mirrored order.
//
//   start   (what a predecessor gives) -> directory -> startup listener -> recovery -> clock, history, salts ->
//   listeners -> shards -> control -> checkpointer stop    listeners -> checkpointer -> shards drain -> control ->
//   shards end (last block)
//
// Errors: start() throws base::Failure. Threads: start(), wait_for_signal() and stop() on the main thread.
// Tested by tests/integration/.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backups.h"
#include "base/clock.h"
#include "config.h"
#include "control.h"
#include "history_thread.h"
#include "http/listener.h"
#include "inherited_sockets.h"
#include "metrics/exposition.h"
#include "redis_link.h"
#include "reload.h"
#include "service_manager.h"
#include "shard.h"
#include "startup.h"
#include "store/checkpointer.h"
#include "store/data_directory.h"
#include "store/history.h"
#include "store/own_slot.h"
#include "store/ranking_reader.h"
#include "store/recovery.h"
#include "store/reserve.h"
#include "take_over.h"
#include "watchdog.h"

namespace footfall {

// Of reloads since the start.
struct ReloadStats {
  std::uint64_t failures = 0;
  bool last_succeeded = true;
  std::int64_t last_success_s = 0;  // UTC; that of the start, until there is one
};

class Server {
 public:
  // `read_again` gives the configuration as it is at that moment; throws base::Failure where it is wrong.
  // `command`: by which this process was started, for a successor.
  Server(const Config& config, std::function<Config()> read_again, std::vector<std::string> command);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  // SIGTERM or SIGINT, or that a successor has taken over; SIGHUP reloads, SIGUSR2 starts a successor. SIGPIPE and
  // SIGXFSZ are ignored.
  void wait_for_signal();
  void stop();

 private:
  void open_all();
  void open_state();  // directory, recovery, clock, history, salts
  void recover();
  void warn_of_missing_files() const;
  void begin_slot(store::NodesStream& nodes);
  void leave_ticket();
  std::string tickets_key() const;
  void open_redis();
  void open_threads();  // control, shards, checkpointer
  void first_start();   // the admin token, also of a restored directory
  void begin_watchdog();
  std::string status_line() const;  // before the threads run: they may change what it is made of
  void open_listeners();
  void tell_of_certificates() const;
  void tell_of_descriptors() const;
  base::Result<api::ReloadOutcome> reload();      // on the control thread
  base::Result<api::ReloadOutcome> try_reload();  // leaves all as it was, or changes it
  void apply_settings();                          // of config_, what a reload may have changed
  std::shared_ptr<const ShardSettings> shard_settings() const;
  // As a successor, and for one: server_take_over.cc.
  void begin_take_over();
  void take_estate();
  void adopt_connections();
  void leave_rest();
  void expect_successor();
  void start_successor();
  void look_at_children();
  std::vector<Predecessor::Socket> sockets_to_hand_over();
  base::Result<ClosedSegments> prepare_to_hand_over();
  base::Result<Predecessor::Estate> freeze();
  void thaw();
  void hand_over(pid_t successor);
  void end_handed_over();

  void check_inherited() const;
  void check_reach(const http::ListenAddress& address, const http::BoundSocket& socket, bool allowed,
                   const char* option) const;
  void listen_with_shards(http::ListenAddress address);
  void listen_on(const http::ListenAddress& address, std::vector<http::BoundSocket> sockets);
  std::vector<http::Loop*> loops_from(std::size_t shard) const;
  void open_syslog();
  base::Error no_room_to_start(const base::Error& cause) const;
  journal::WriterOptions writer_options(journal::StreamId stream) const;
  base::Result<std::unique_ptr<journal::Writer>> open_writer(journal::StreamId stream);
  base::Result<LiveMoment> take_moment();
  store::LiveSide live_side();
  base::Result<store::ClosedStreams> roll_streams();
  void close_days(std::uint64_t checkpoint, std::span<const store::ClosedDay> days);
  std::uint64_t journal_bytes() const;       // appended since the start
  std::uint64_t untrusted_forwards() const;  // any thread
  bool takes_hits() const;                   // any thread, as the next
  bool hit_stream_failed() const;
  void recycle_segments(const std::map<journal::StreamId, std::uint64_t>& through);
  metrics::Facts facts() const;
  api::Readiness readiness() const;

  Config config_;  // a reload changes it, on the control thread: others read what that leaves alone
  const std::function<Config()> read_again_;
  const std::vector<std::string> command_;
  const ServiceManager manager_ = ServiceManager::of_environment();
  const std::string batch_path_;  // where large bodies are taken
  std::unique_ptr<store::DataDirectory> directory_;
  std::unique_ptr<store::Reserve> reserve_;
  store::RecoveryProgress recovery_progress_;
  std::unique_ptr<StartupListener> startup_;  // until the real listeners open
  store::RecoveredState recovered_;           // the registry is the live one
  sites::HitLimit hit_limit_;                 // of all sites, and shards
  store::Ledger ledger_at_start_;
  double recovery_duration_s_ = 0;
  std::size_t pages_most_at_start_ = 0;  // of a site
  store::ClosedDays closed_days_;        // the control thread writes
  std::unique_ptr<base::Clock> clock_;
  std::unique_ptr<store::History> history_;         // the control thread's connection
  std::unique_ptr<store::History> history_writer_;  // the checkpointer's
  std::unique_ptr<HistoryThread> history_thread_;   // has one of its own
  std::unique_ptr<ingest::Salts> salts_;

  std::unique_ptr<ShardEnvironment> shard_environment_;
  std::unique_ptr<ControlEnvironment> control_environment_;
  std::unique_ptr<Control> control_;
  std::optional<store::OwnSlot> slot_;  // as one of many nodes
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<RedisLink> redis_;  // on the control thread; null without --redis
  std::unique_ptr<store::Checkpointer> checkpointer_;
  std::unique_ptr<Backups> backups_;
  std::unique_ptr<metrics::Exposition> exposition_;
  std::unique_ptr<Watchdog> watchdog_;           // of the control thread; null: nobody watches
  std::shared_ptr<const base::TlsContext> tls_;  // null: no listener is with TLS; replaced by the control thread
  std::uint64_t descriptors_ = 0;                // that the process may have
  InheritedSockets inherited_;
  std::unique_ptr<Successor> successor_;  // we are one; null: a start as any
  Successor::Estate estate_;
  std::unique_ptr<Predecessor> predecessor_;     // we may become one
  std::unique_lock<std::mutex> no_checkpoints_;  // its thread's
  bool frozen_ = false;                          // its thread's
  std::atomic<bool> handed_over_{false};         // all is a successor's
  pid_t started_successor_ = 0;                  // by SIGUSR2; the main thread's
  std::shared_ptr<const lookup::AgentDatabase> agents_;
  std::shared_ptr<const lookup::CountryDatabase> countries_;  // null: none; replaced by the control thread
  std::vector<std::unique_ptr<http::Listener>> listeners_;    // of control; those of the shards are theirs

  std::vector<std::string> public_addresses_;  // as bound
  std::string status_;                         // for the service manager
  std::uint64_t syslog_buffer_bytes_ = 0;      // of all sockets
  ReloadStats reloads_;                        // the control thread's
  std::atomic<bool> started_{false}, draining_{false};
};

}  // namespace footfall
