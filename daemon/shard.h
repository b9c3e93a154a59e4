// SPDX-License-Identifier: Apache-2.0
// Shard: one thread with its io_context, its connections and its stream of the journal; and the pass over them.
//
//   on_requests*  parse to a ping, judge, hash           (views into the receive buffer; texts go to the arena)
//   end_of_pass   decide (site locks) -> one journal block -> apply (site locks) -> answers, in request order
//
// In `disk` durability apply and answers wait for the sync, which runs beside the loop:
//
//   end_of_pass   decide -> one journal block ................... -> Block and answers are held
//   sync thread                     fdatasync of all blocks so far
//   on_synced                                                     -> the next sync begins; apply, answer
//   on_tick       each second: clocks of the active sites, what was observed, live streams
//
// A syslog socket that has something is a pass of its own: datagrams -> decide -> one journal block -> apply; nobody
// waits for an answer. While hits cannot be counted nothing is read of it, and what comes stays in its buffer.
//
// A read that is queued behind a hit renders after the hit was applied: what is read is never behind an
// acknowledgement.
//
// Ownership  owns its Loop, Writer, caches and buffers; Sites belong to the Registry.
// Threading  everything runs on the shard's own thread; post() and the set_ functions may be called by any.
// Tested by tests/integration/, over ten million hits against an oracle.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "answer_queue.h"
#include "api/assets.h"
#include "api/live.h"
#include "api/router.h"
#include "api/widget_cache.h"
#include "base/clock.h"
#include "batch_intake.h"
#include "durability.h"
#include "epoch_fields.h"
#include "history_thread.h"
#include "hit_limits.h"
#include "http/listener.h"
#include "http/loop.h"
#include "http/response.h"
#include "ingest/arena.h"
#include "ingest/failed_attempts.h"
#include "ingest/rate_limit.h"
#include "ingest/rules.h"
#include "journal/sync_thread.h"
#include "journal/writer.h"
#include "local_sites.h"
#include "lookup/client_lookup.h"
#include "metrics/shard_counters.h"
#include "pool.h"
#include "sites/decide.h"
#include "sites/registry.h"
#include "store/ledger.h"
#include "syslog_intake.h"
#include "syslog_socket.h"

namespace footfall {

// What all shards are given; immutable, outlives them, but for the counters that are atomic.
struct ShardEnvironment {
  const base::Clock& clock;
  base::FileSystem& files;
  Durability durability = Durability::disk;
  std::shared_ptr<const lookup::AgentDatabase> agents;
  std::string node;  // incarnation, 32 hex digits: the Footfall-Node field
  // A complete line of answers over TLS, but of pings, batches and live streams: http::strict_transport_field().
  std::string strict_transport;
  std::string base_path;
  std::string script_name;
  http::LoopLimits loop_limits;  // of the start
  http::ParserLimits parser_limits;
  // Gives a site that woke up to the shard that ticks it.
  std::function<void(sites::Site*)> activated;
  // (visitor, page) pairs of all shards' active sites, as of their last ticks.
  std::function<std::uint64_t()> online_pairs;
  std::function<bool()> ready;  // what /readyz says
  // Requests of all shards with a forwarding field from a peer that is not trusted.
  std::function<std::uint64_t()> untrusted_forwards;
  HistoryThread& history;
  // For what a stop writes, from the reserve.
  std::function<void()> make_room;
  // Marks of imports and keys of batches, of all shards.
  sites::Imports& imports;
  sites::BatchKeys& batch_keys;
  // Of hits of all sites, and shards.
  sites::HitLimit& hit_limit;
};

// What a reload may change, in one piece.
struct ShardSettings {
  std::int32_t sync_interval_s = 1;
  ingest::CidrSet trusted_proxies;
  std::uint32_t rate_limit = 100;
  std::uint32_t rate_burst = 500;
  std::uint32_t hits_per_second_max = 0;  // of all sites, and shards
  std::uint64_t online_pairs_max = 0;
  std::size_t connections_max = 0, body_memory_max = 0;  // see http::LoopLimits
  SyslogOptions syslog;
  std::shared_ptr<const lookup::CountryDatabase> countries;  // null: there is none
};

class Shard final : public http::LoopHandler {
 public:
  // `applied_hits`: of its stream, in the sites' states already.
  Shard(unsigned index, const ShardEnvironment& environment, std::shared_ptr<const ShardSettings> settings,
        std::unique_ptr<journal::Writer> writer, std::uint64_t applied_hits);
  ~Shard() override;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  void start();
  // Runs `task` on the shard's thread, in the order of the calls.
  void post(std::function<void()> task);
  // The same, and waits for it. REQUIRES: not called on the shard's thread, and the shard runs.
  void run(const std::function<void()>& task);

  // On the shard's thread, by post() or run(), or before start():
  void set_settings(std::shared_ptr<const ShardSettings> settings);
  void set_directory(std::shared_ptr<const sites::Directory> directory);
  void set_salts(std::shared_ptr<const ingest::SaltKeys> salts);
  void add_active(sites::Site* site);
  void add_syslog(std::unique_ptr<SyslogSocket> socket);
  // On the shard's io_context, for its loop first.
  void add_listener(std::unique_ptr<http::Listener> listener) { listeners_.push_back(std::move(listener)); }
  void renew(const std::shared_ptr<const base::TlsContext>& tls);  // of the listeners
  // Closes the segment, and calls `closed` (on the shard's thread) when it is durable. A stream that cannot begin
  // another segment, or has failed, answers the last one that is closed and holds nothing unacknowledged.
  void roll(std::function<void(store::ClosedStream)> closed);
  // The paths of files to be removed, on another thread.
  base::Result<std::vector<std::string>> recycle(std::uint64_t through_segment);
  // Between two passes: how far the sites' states include its stream.
  struct Standing {
    journal::StreamId stream;
    std::uint64_t applied_through = 0;  // block
    // In the states, and in no block up to that one: in blocks beyond, or in none yet.
    std::vector<std::pair<sites::SiteId, counting::Observation>> observations;
    std::optional<base::Error> failure;  // what it has counted in `memory` durability cannot be written
  };
  Standing standing();
  // They go into the next block.
  void journal_again(const std::vector<std::pair<sites::SiteId, counting::Observation>>& observations);
  // Calls `done` on the shard's thread when all that is applied now is durable (`memory`: at once), or will not be.
  void when_durable(std::function<void(base::Result<void>)> done);

  // For a process that takes over, one after the other, each on the shard's thread:
  //   pause     nobody is accepted, no syslog is read
  //   freeze    no request is begun; `done` when all that had begun are answered, or after `wait_ms`
  //   rest      what was observed is journaled, the present second included; `done` when all is durable. From here on
  //             nothing is journaled, and hits are answered 503
  //   let_go    what others have now is closed here, without a word. REQUIRES: rest.  Or:
  //   thaw      as if nothing had happened
  void pause();
  void freeze(std::int32_t wait_ms, std::function<void()> done) { loop_->freeze(wait_ms, std::move(done)); }
  void rest(std::function<void(base::Result<void>)> done);
  void let_go();
  void thaw();
  const std::vector<std::unique_ptr<http::Listener>>& listeners() const { return listeners_; }
  std::vector<SyslogSocket*> syslog_sockets() const;

  // Takes no more input but what was begun, for at most `drain_s`. Returns at once.
  void begin_stop(std::int32_t drain_s);
  void wait_for_drain();
  // Writes what was observed, the present second included, and ends the thread; in the room of the reserve if there is
  // no other. REQUIRES: every shard is drained, and nobody calls post() or run() any more.
  void finish_stop();
  // The same where a successor has the stream: nothing is written.
  void end();

  http::Loop& loop() { return *loop_; }
  boost::asio::io_context& context() { return context_; }
  // Any thread:
  const metrics::ShardCounters& counters() const { return counters_; }
  const ingest::FailedAttempts& attempts() const { return attempts_; }  // its counters
  const api::LiveCounters& live_counters() const { return live_.counters(); }
  const metrics::SyslogCounters& syslog_counters() const { return syslog_counters_; }
  std::uint64_t journal_bytes() const { return writer_->bytes_written(); }
  const journal::SyncThread& sync_thread() const { return *sync_thread_; }
  // Hits that wait for the disk at a time; past it pings are answered 503. About 20 MB.
  static constexpr std::uint64_t kUnsyncedHitsMax = 1U << 17U;
  std::uint64_t durable_hits() const { return durable_hits_.get(); }  // since the start
  std::uint64_t unsynced_hits() const {                               // in blocks that are written, and not durable
    const std::uint64_t durable = durable_hits_.get();
    return std::max(written_hits_.get(), durable) - durable;
  }
  bool journal_failed() const { return journal_failed_.get() != 0; }
  // The longest that the thread worked at once on anything but requests, in its CPU time.
  std::uint64_t slice_ns_max() const { return slice_ns_max_.get(); }
  std::uint64_t online() const { return online_.get(); }              // of the sites that it ticks, as of the last tick
  std::uint64_t online_pairs() const { return online_pairs_.get(); }  // the same

  void on_requests(http::ConnectionRef connection, const http::Peer& peer, http::Requests& requests) override;
  bool on_head(const http::Peer& peer, const http::Request& head, std::string& answer,
               std::unique_ptr<http::BodySink>& sink) override;
  void on_refused(const http::Peer& peer, http::ParseError error, const http::Request* request,
                  std::string& answer) override;
  void end_of_pass(std::int64_t now_ms) override;
  void on_tick(std::int64_t now_ms) override;
  void on_close(http::ConnectionRef connection) override;

 private:
  // What is no request's work: measures it.
  template <class Work>
  void aside(const Work& work);
  void each_second(std::int64_t now_ms);
  struct Read;     // a request for something to be rendered when what stands before it is applied
  struct Refusal;  // a ping that was not accepted
  struct Batch;    // what came of a batch
  struct Block;    // what was decided together, and is not applied yet
  enum class Answer : std::uint8_t { no_content, gif, hit_json, refusal, read, batch };
  struct Pending {
    http::ConnectionRef connection;
    Answer answer;
    bool keep_alive;
    bool committed = false;   // what it answers is in a block, if it is to be in one
    std::uint32_t index = 0;  // in reads_, refusals_ or batches_
    std::uint64_t block = 0;  // sequence of the block that must be applied before; 0: none
    bool durable = false;     // must be on the device, whatever the mode is
    counting::Epoch epoch{};  // of a hit that is committed: under which it counts
  };
  struct Waiter {
    std::uint64_t sequence;
    std::function<void(base::Result<void>)> done;
  };

  // True: the loop is overloaded, or, of a batch, by what its sender sends ahead, or enough reads wait: it is to be
  // refused before anything is done for it.
  enum class Shed : std::uint8_t { batch, read };
  bool shed(Shed what);
  api::Target route_of(const http::Request& request) const;
  // False: no other request of the connection until this one is answered.
  bool take(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request);
  void on_hit(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request, bool gif);
  // False: as take().
  bool on_batch(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request);
  // A socket, of an index in syslog_, has something.
  void on_syslog(std::size_t index);
  // Reads once; false: there was nothing.
  bool read_syslog(SyslogSocket& socket);
  // Those that waited until hits can be counted.
  void resume_syslog();
  void hold_bodies();
  void on_read(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request,
               const api::Target& target);
  void refuse(http::ConnectionRef connection, const http::Request& request, ingest::Rejection reason,
              std::string detail, bool gif);
  // The same, and the site's owner can see it.
  void refuse(http::ConnectionRef connection, const http::Request& request, ingest::Rejection reason,
              std::string detail, bool gif, const LocalSite& site, const ingest::Ping& ping);

  // The client that the rules, and the limits, are for.
  ingest::ClientAddress client_of(const http::Peer& peer, const http::Request& request) const;
  // The token that a request bears, if it is in force; of the directory. A wrong one is counted.
  struct Bearer {
    const sites::Token* token = nullptr;
    bool limited = false;  // too many wrong ones: no token of the client is looked at, or this one is told to wait
  };
  Bearer bearer_of(const http::Peer& peer, const http::Request& request);
  // Decides and journals; the block's sequence, 0 if the journal failed. Applied at once where the write is enough.
  // `claim`: its record goes into the same block. Not `answered`: nobody waits for an answer to them, and they are as
  // good as acknowledged when they are applied.
  std::uint64_t commit(std::span<const sites::Candidate> candidates, std::span<LocalSite* const> owners,
                       sites::BatchClaim claim, bool answered = true);
  void commit_pass();
  // Of the last block's sites, if they have one epoch.
  std::optional<counting::Epoch> epoch_of_touched() const;
  bool holds_answers() const { return environment_.durability == Durability::disk; }
  // Somebody waits for the device.
  bool waited_for() const { return holds_answers() || !waiters_.empty() || !held_.empty(); }
  // Nothing is on its way to be acknowledged.
  bool settled() const { return blocks_.empty() && held_.empty(); }
  // The last block that was, or will be.
  std::uint64_t acknowledged() const {
    return holds_answers() ? writer_->durable_through() : writer_->position().sequence;
  }
  // Writes payload_ as the block that begin_block() gave.
  std::uint64_t write_block(Block& block);
  void apply(Block& block);
  void count_applied(std::span<const counting::Hit> hits);
  void apply_through(std::uint64_t sequence);
  void give_up_blocks(std::uint64_t beyond);
  void settle_parts(std::uint64_t through);  // of undurable_parts_
  void forget(Block& block);
  // Those of the pass; what has to wait is held.
  void answer_pass();
  void answer_in_turn(const Pending& pending);
  void answer_costly();
  void answer_one(const Pending& pending);
  void refuse_pending(Pending& pending);
  void start_sync();
  void on_synced(const base::Result<void>& outcome);
  void settle_waiters();
  // True: the answer became a stream, or the history's thread makes it; it is not finished here.
  bool answer_read(std::string& out, const Read& read, const Pending& pending, bool keep_alive);
  // The history's thread does it, and the answer follows when it has.
  bool ask_history(const Read& read, const Pending& pending, bool keep_alive, const api::ReadContext& context,
                   HistoryThread::Work work);
  void answer_refusal(std::string& out, const Refusal& refusal, bool keep_alive);
  std::string node_field() const { return "Footfall-Node: " + environment_.node + "\r\n"; }
  void answer_batch(std::string& out, const Batch& batch, bool keep_alive);
  void tick_sites(std::int64_t now_s);
  void drain(std::int32_t drain_s);
  void time_through(std::uint64_t sequence);
  std::uint64_t append(std::uint32_t hits);
  void fail_journal(const base::Error& cause);
  void reopen_journal();
  // Waits until what was observed, and all else, is on the disk. Not on the shard's thread.
  base::Result<void> write_last();
  Block& begin_block();

  const unsigned index_;
  const ShardEnvironment& environment_;
  std::int64_t began_s_ = 0;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<journal::Writer> writer_;
  std::unique_ptr<http::Loop> loop_;
  std::vector<std::unique_ptr<http::Listener>> listeners_;
  api::LoopSink<http::Loop> sink_;
  api::LiveHub live_;
  api::WidgetCache widgets_;
  const api::DashboardPages dashboard_;
  std::thread thread_;
  std::promise<void> drained_;

  std::shared_ptr<const ShardSettings> settings_;
  std::shared_ptr<const sites::Directory> directory_;
  std::shared_ptr<const ingest::SaltKeys> salts_;
  LocalSites sites_;
  std::vector<sites::Site*> active_;  // those that this shard ticks

  lookup::ClientLookup lookup_;
  ingest::RateLimit rate_limit_;
  ingest::FailedAttempts attempts_;
  HitLimits hit_limits_;
  http::HitAnswers hit_answers_;
  EpochFields epoch_fields_;

  // Of the pass; capacity is kept.
  ingest::Arena arena_;
  std::vector<sites::Candidate> candidates_;
  std::vector<LocalSite*> owners_;  // candidate index -> its site
  std::vector<LocalSite*> touched_;
  std::string payload_;
  std::vector<Pending> pending_;

  Pool<Read> reads_;
  Pool<Refusal> refusals_;
  Pool<Batch> batches_;
  BatchIntake intake_;

  struct SyslogSource {
    std::unique_ptr<SyslogSocket> socket;
    bool held = false;  // it has something that is not read for the present
  };
  std::vector<SyslogSource> syslog_;
  SyslogIntake syslog_intake_;

  // What is on its way to the disk.
  std::deque<std::unique_ptr<Block>> blocks_;  // in the order of their sequences
  std::vector<std::unique_ptr<Block>> spare_blocks_;
  AnswerQueue<Pending> held_;
  std::deque<Pending> costly_;      // reads, whose connections wait for them
  std::size_t costly_waiting_ = 0;  // in it, in pending_ and in held_
  std::vector<Waiter> waiters_;
  // In `kernel` mode: of parts of imports that are applied, with their blocks; until these are durable nobody is told
  // that they are counted.
  std::deque<std::pair<std::uint64_t, sites::BatchClaim>> undurable_parts_;
  std::vector<sites::BatchClaim> given_up_;  // of blocks that will not be applied, but may still be replayed
  std::vector<std::pair<sites::SiteId, counting::Observation>> lost_observations_;  // to be journaled again
  journal::SyncJob sync_job_;
  std::uint64_t sync_job_hits_ = 0;  // written_hits_ as of its begin
  bool syncing_ = false;
  bool draining_ = false;
  bool paused_ = false;                // pause()
  bool at_rest_ = false;               // rest(): no hit is taken
  std::int64_t last_sync_ms_ = 0;      // when the last one began
  std::uint64_t applied_through_ = 0;  // sequence of the last block that was applied
  std::uint64_t applied_hits_ = 0;     // in all blocks of the stream up to it, also of earlier starts
  std::uint64_t writes_ = 0;           // in the modes that hold no answers
  std::uint64_t synced_through_ = 0;   // through which the last sync that succeeded went
  std::unique_ptr<journal::SyncThread> sync_thread_;

  metrics::ShardCounters counters_;
  metrics::SyslogCounters syslog_counters_;
  base::Counter journal_failed_;  // 0 or 1
  std::string reopen_problem_;    // the last one that was told
  base::Counter unsynced_hits_;   // decided, and neither applied nor given up
  // Since the start: in blocks that were written and not given up; of them, on the device.
  base::Counter written_hits_, durable_hits_;
  base::Counter slice_ns_max_;
  base::Counter online_, online_pairs_;
};

}  // namespace footfall
