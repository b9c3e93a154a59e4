// SPDX-License-Identifier: Apache-2.0
// Control: the thread beside the shards. It serves the admin listener, writes the control stream, applies changes and
// hands their result to every shard, and turns the salts.
//
//   change -> check -> control stream (fsync) -> registry -> directory -> every shard has it -> answer
//   slots of other nodes -> nodes stream (fsync) -> each site
//
// Ownership  owns its io_context, Loop, Admin, the control stream's Writer and the NodesStream; the Registry is the
//            server's.
// Threading  everything runs on its own thread; run() and the constructor's caller may be any other.
// Tested by tests/integration/.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/admin.h"
#include "base/clock_watch.h"
#include "base/counter.h"
#include "http/loop.h"
#include "http/response.h"
#include "ingest/failed_attempts.h"
#include "ingest/salts.h"
#include "journal/writer.h"
#include "live_moment.h"
#include "redis_link.h"
#include "sites/registry.h"
#include "store/history.h"
#include "store/nodes_stream.h"

namespace footfall {

// What the server gives it.
struct ControlEnvironment {
  const base::Clock& clock;
  sites::Registry& registry;
  ingest::Salts& salts;
  store::History& history;
  std::uint32_t sites_max = 0;
  std::string strict_transport;  // a complete line of answers over TLS: http::strict_transport_field()
  http::LoopLimits loop_limits;
  http::ParserLimits parser_limits;
  // Every shard has it when these return.
  std::function<void(std::shared_ptr<const sites::Directory>)> publish_directory;
  std::function<void(std::shared_ptr<const ingest::SaltKeys>)> publish_salts;
  // Stops the shards for it, and what it could not journal goes back to them.
  std::function<base::Result<LiveMoment>()> take_moment;
  std::function<void(const std::vector<std::pair<sites::SiteId, counting::Observation>>&)> journal_again;
  std::function<base::Result<api::BackupStatus>(std::string, std::string)> begin_backup;
  std::function<api::BackupStatus()> backup_status;
  std::function<api::Readiness()> readiness;
  std::function<RedisLink*()> redis;  // nullptr: none
  std::function<std::string()> metrics_text;
  std::function<base::Result<api::ReloadOutcome>()> reload;
  std::function<api::Retention()> retention;
  // Pings so far with a forwarding field from a peer that is not trusted.
  std::function<std::uint64_t()> untrusted_forwards;
};

// Which listener a connection came by (http::Peer::listener).
inline constexpr std::uint8_t kPublicListener = 0;
inline constexpr std::uint8_t kAdminListener = 1;
inline constexpr std::uint8_t kMetricsListener = 2;

class Control final : public api::ControlPlane, public http::LoopHandler {
 public:
  // `replayed`: the changes since the last checkpoint, for the audit.
  Control(const ControlEnvironment& environment, std::unique_ptr<journal::Writer> writer,
          std::unique_ptr<store::NodesStream> nodes, const std::vector<sites::Change>& replayed);
  ~Control() override;
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void start();
  void stop(std::int32_t drain_s);
  // Runs `task` on the control thread and waits for it; what it throws is thrown here. REQUIRES: another thread; it
  // runs.
  void run(const std::function<void()>& task);
  boost::asio::io_context& context() { return context_; }
  http::Loop& loop() { return *loop_; }
  const ingest::FailedAttempts& attempts() const { return attempts_; }  // its counters: any thread
  // The control stream takes no changes at present. Any thread.
  bool journal_failed() const { return journal_failed_.get() != 0; }
  const base::ClockWatch& clock_watch() const { return clock_watch_; }  // REQUIRES: the control thread

  // On the control thread, or before start().
  journal::Writer& writer() { return *writer_; }
  store::NodesStream& nodes_stream() { return *nodes_; }
  base::Result<void> commit(sites::Change change) override;
  // The same, but shards know it only when publish() was called: for many at once.
  base::Result<void> take(sites::Change change);
  // What other nodes counted: what came of each slot, in order. unavailable: none was applied; try again later.
  base::Result<std::vector<counting::Learnt>> learn(const std::vector<store::SlotOfSite>& slots);
  // For a process that takes over, and until thaw(): nothing is written any more.
  void freeze() { frozen_ = true; }
  void thaw() { frozen_ = false; }
  // Gives shards what is in force. REQUIRES: the shards run.
  void publish();

  sites::Registry& registry() override { return environment_.registry; }
  std::int64_t now_ms() override { return environment_.clock.utc_ms(); }
  std::optional<std::string> page_path(std::string_view raw) override;
  api::Retention retention() override { return environment_.retention(); }
  base::Result<std::vector<store::AuditEntry>> audit(std::size_t limit) override;
  base::Result<store::Moment> moment() override;
  base::Result<api::BackupStatus> begin_backup(std::string id, std::string path) override {
    return environment_.begin_backup(std::move(id), std::move(path));
  }
  api::BackupStatus backup_status() override { return environment_.backup_status(); }
  api::SnapshotStore* snapshots() override;
  api::NodeList* nodes() override { return node_link(); }
  api::Readiness readiness() override { return environment_.readiness(); }
  std::string metrics_text() override { return environment_.metrics_text(); }
  bool shut_out() override { return attempts_.shut_out(asker_, loop_->now_ms()); }
  bool failed_attempt() override { return attempts_.failed(asker_, loop_->now_ms()); }
  base::Result<api::ReloadOutcome> reload() override { return environment_.reload(); }

  void on_requests(http::ConnectionRef connection, const http::Peer& peer, http::Requests& requests) override;
  void on_refused(const http::Peer& peer, http::ParseError error, const http::Request* request,
                  std::string& answer) override;
  void end_of_pass(std::int64_t) override {}
  void on_tick(std::int64_t now_ms) override;
  // A line in the log, when there are new ones, at most one a minute.
  void tell_untrusted_forwards(std::int64_t now_ms);
  void on_close(http::ConnectionRef) override {}

 private:
  // The last change that is durable: an append whose sync failed moved the writer's position, and is void.
  std::uint64_t in_force() const { return writer_->durable_through(); }
  NodeLink* node_link();  // nullptr: this node counts for itself
  void look_at_clocks();
  void end_idle_imports(std::int64_t now_s);
  // Appends a block of the control stream, and makes it durable.
  base::Result<void> write(std::string_view payload);

  const ControlEnvironment& environment_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<journal::Writer> writer_;
  std::unique_ptr<store::NodesStream> nodes_;
  std::unique_ptr<http::Loop> loop_;
  api::Admin admin_;
  ingest::FailedAttempts attempts_;
  ingest::Asker asker_;                   // of the request that is being answered
  std::deque<store::AuditEntry> recent_;  // newest first; what the history may not have yet, and some that it has
  std::thread thread_;
  base::Counter journal_failed_;  // 0 or 1
  bool frozen_ = false;
  bool nodes_failed_ = false;  // and it was told
  base::ClockWatch clock_watch_;
  std::uint64_t told_forwards_ = 0;
  std::int64_t next_told_ms_ = 0;
  std::int64_t salts_due_s_ = 0;  // when they are looked at again
  std::int64_t imports_due_s_ = 0;
};

}  // namespace footfall
