// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <chrono>
#include <csignal>
#include <future>
#include <utility>

#include "api/auth.h"
#include "base/hash.h"
#include "base/log.h"
#include "journal/departed.h"
#include "lookup/time_zones.h"
#include "store/set_aside.h"
#include "version.h"

namespace footfall {
namespace {

using journal::StreamId;

// The secret of a token: 32 random bytes, base64url without padding (43 characters).
std::string random_secret() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, 33> bytes{};
  base::random_bytes(bytes.data(), 32);
  std::string out;
  for (std::size_t i = 0; i < 33; i += 3) {
    const std::uint32_t triple =
        std::uint32_t{bytes.at(i)} << 16U | std::uint32_t{bytes.at(i + 1)} << 8U | bytes.at(i + 2);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) out.push_back(kAlphabet[triple >> shift & 63U]);
  }
  out.resize(43);
  return out;
}

StreamId stream_of_shard(std::size_t index) {
  return StreamId{static_cast<std::uint16_t>(index + 1)};
}

// Of a shard: two batches as large as they may be, and some pings.
constexpr std::uint64_t kBodyMemoryMin = 40U << 20U;

http::LoopLimits loop_limits(const Config& config) {
  http::LoopLimits limits;
  limits.connections_max = config.connections_max;
  limits.body_memory_max = std::max<std::uint64_t>(config.body_memory_max / config.threads, kBodyMemoryMin);
  return limits;
}

counting::Limits counting_limits(const Config& config) {
  counting::Limits limits;
  limits.pages_max = config.pages_max;
  limits.labels_max = config.labels_max;
  return limits;
}

// What wait_for_signal() takes.
sigset_t taken_signals() {
  sigset_t taken;
  sigemptyset(&taken);
  sigaddset(&taken, SIGTERM);
  sigaddset(&taken, SIGINT);
  sigaddset(&taken, SIGHUP);
  return taken;
}

http::ParserLimits parser_limits(std::string_view batch_path) {
  http::ParserLimits limits;
  limits.batch_path = batch_path;
  return limits;
}

}  // namespace

Server::Server(const Config& config) : config_(config), batch_path_(config.base_path + "/v1/hits") {}
Server::~Server() {
  base::log::stop();  // after a start that failed: its thread must not outlive main()
}

void Server::start() {
  base::log::start(config_.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may grow no more is a write that fails, as on a full disk
  // The threads inherit this; only wait_for_signal() takes them.
  const sigset_t taken = taken_signals();
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);

  open_state();
  open_threads();
  open_listeners();  // what comes in waits until the threads run
  for (const auto& shard : shards_) shard->start();
  control_->start();
  try {
    first_start();
  } catch (...) {
    stop();
    throw;
  }
  checkpointer_->start();
  started_ = true;
}

void Server::open_state() {
  directory_ = store::DataDirectory::open(base::posix_file_system(), config_.data_dir).value();
  recover();
  for (const std::string& warning : recovered_.warnings) base::log::warning(warning);
  base::log::info("data directory " + config_.data_dir + ": " + std::to_string(recovered_.registry->entries().size()) +
                  " sites, " + std::to_string(recovered_.replayed_hits) + " hits replayed onto checkpoint " +
                  std::to_string(recovered_.checkpoint));

  // Time goes on where it was: what was counted under a clock that was ahead stays in the past.
  clock_ = std::make_unique<base::SystemClock>(recovered_.newest_s * 1000);
  if (base::SystemClock().utc_s() < recovered_.newest_s) {
    base::log::warning(
        "the system's clock is behind the latest hit; time stands at that hit's second until the clock has caught up");
  }
  warn_of_missing_files();
  history_ = store::History::open(directory_->file("history.sqlite")).value();
  history_->forget_beyond(recovered_.checkpoint).value();
  history_writer_ = store::History::open(directory_->file("history.sqlite")).value();
  salts_ = ingest::Salts::open(directory_->files(), directory_->file("salts"), clock_->utc_s()).value();
}

// Of a directory that was in use: the daemon goes on without them, and its owner should know.
void Server::warn_of_missing_files() const {
  if (directory_->fresh()) return;
  const auto missing = [this](const std::string& name) {
    const auto there = directory_->files().exists(directory_->file(name));
    return there && !*there;
  };
  if (missing("history.sqlite")) {
    base::log::warning(
        directory_->file("history.sqlite") +
        " is missing and is made anew: rankings of closed days and the older audit are gone; no total is");
  }
  if (missing("salts")) {
    base::log::warning(directory_->file("salts") +
                       " is missing and is made anew: nobody is known again, so that today's visitors and those online "
                       "are counted anew; no total is touched");
  }
  if (missing("admin-token") && !recovered_.registry->tokens().empty()) {
    base::log::warning(directory_->file("admin-token") +
                       " is missing: its token stays in force, and is not written again");
  }
}

void Server::recover() {
  std::vector<http::ListenAddress> addresses = config_.admin;
  addresses.insert(addresses.end(), config_.metrics_listen.begin(), config_.metrics_listen.end());
  startup_ = std::make_unique<StartupListener>(addresses, recovery_progress_);
  const auto began = std::chrono::steady_clock::now();
  store::StartOptions start;
  start.accept_loss = config_.accept_loss;
  start.progress = &recovery_progress_;
  recovered_ = store::recover(*directory_, counting_limits(config_), start).value();
  recovery_duration_s_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  for (const store::LostTail& lost : recovered_.lost) {
    base::log::error(lost.loss.what + "; --accept-loss: going on without it; " + describe(lost.loss, lost.stream) +
                     "; the files are kept in " + directory_->damaged_directory());
  }
  store::set_aside(*directory_, recovered_).value();
}

base::Result<std::unique_ptr<journal::Writer>> Server::open_writer(StreamId stream) {
  journal::WriterOptions options;
  options.directory = directory_->stream_directory(stream);
  options.stream = stream;
  options.incarnation = directory_->incarnation();
  options.segment_bytes = stream == journal::kControlStream ? std::min<std::uint64_t>(config_.segment_bytes, 1U << 20U)
                                                            : config_.segment_bytes;
  options.write_behind = stream != journal::kControlStream && config_.durability == Durability::memory;
  const auto position = recovered_.positions.find(stream);
  return journal::Writer::open(directory_->files(), options,
                               position == recovered_.positions.end() ? journal::Position{} : position->second);
}

void Server::open_threads() {
  shard_environment_ = std::make_unique<ShardEnvironment>(ShardEnvironment{
      *clock_, directory_->files(), config_.durability, config_.sync_interval_s, lookup::AgentDatabase::load({}),
      directory_->incarnation_text(), config_.base_path, config_.trusted_proxies, config_.rate_limit,
      config_.rate_burst, config_.online_pairs_max, loop_limits(config_), parser_limits(batch_path_),
      [this](sites::Site* site) {
        Shard& shard = *shards_[site->id().value % shards_.size()];
        shard.post([&shard, site] { shard.add_active(site); });
      },
      [this] {
        std::uint64_t pairs = 0;
        for (const auto& shard : shards_) pairs += shard->online_pairs();
        return pairs;
      },
      [this] { return started_.load() && !draining_.load(); }, recovered_.registry->imports()});
  base::log::info("agents: " + shard_environment_->agents->description());

  control_environment_ = std::make_unique<ControlEnvironment>(ControlEnvironment{
      *clock_,
      *recovered_.registry,
      *salts_,
      *history_,
      config_.sites_max,
      loop_limits(config_),
      {},
      [this](const std::shared_ptr<const sites::Directory>& sites) {
        for (const auto& shard : shards_) shard->run([&] { shard->set_directory(sites); });
      },
      [this](const std::shared_ptr<const ingest::SaltKeys>& keys) {
        for (const auto& shard : shards_) shard->run([&] { shard->set_salts(keys); });
      },
      [this](std::string id, std::string path) { return backups_->begin(std::move(id), std::move(path)); },
      [this] { return backups_->status(); },
      [this] { return readiness(); },
      [this] { return exposition_->text(); },
      [this] {
        std::uint64_t forwards = 0;
        for (const auto& shard : shards_) forwards += shard->counters().untrusted_forwards.get();
        return forwards;
      }});
  control_ = std::make_unique<Control>(*control_environment_, open_writer(journal::kControlStream).value(),
                                       recovered_.changes);
  recovered_.changes.clear();

  std::vector<const metrics::ShardCounters*> counters;
  const auto sites = recovered_.registry->directory(control_->writer().position().sequence);
  for (unsigned i = 0; i < config_.threads; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, *shard_environment_, open_writer(stream_of_shard(i)).value()));
    shards_.back()->set_salts(salts_->keys());
    shards_.back()->set_directory(sites);
    counters.push_back(&shards_.back()->counters());
  }
  // Who was online before the restart still is: their sites are ticked again, from now on.
  const std::int64_t now_s = clock_->utc_s();
  for (sites::Site* site : recovered_.registry->all_sites()) {
    const auto zone = lookup::TimeZone::find(recovered_.registry->last_settings(site->id())->timezone);
    base::MutexLock lock(site->mutex());
    site->state().advance(now_s, zone ? (*zone)->offset_at(now_s) : 0);
    if (site->state().online(now_s) > 0 && site->activate()) {
      shards_[site->id().value % shards_.size()]->add_active(site);
    }
  }
  exposition_ = std::make_unique<metrics::Exposition>(counters, [this] { return facts(); });
  checkpointer_ = std::make_unique<store::Checkpointer>(*directory_, counting_limits(config_), *history_writer_,
                                                        *clock_, live_side(), config_.checkpoint_interval_s);
  backups_ = std::make_unique<Backups>(*checkpointer_, *clock_);
}

void Server::first_start() {
  // A restored directory's checkpoint has read no stream yet, and nobody has its admin token.
  const bool restored = recovered_.checkpoint > 0 && recovered_.checkpoint_positions.empty();
  const std::string restored_id = "restored-" + directory_->incarnation_text();
  if (restored ? recovered_.registry->knows(restored_id) : !recovered_.registry->tokens().empty()) return;
  const std::string secret = random_secret();
  const std::string path = directory_->file("admin-token");
  base::replace_file(directory_->files(), path, secret + "\n").value();
  sites::TokenAdded token;
  token.id = restored ? "admin-" + directory_->incarnation_text().substr(0, 8) : "admin";
  token.digest = api::digest_of(secret);
  token.scopes = sites::kAllScopes;
  sites::Change change;
  change.id = restored ? restored_id : "first-start";
  change.at_s = clock_->utc_s();
  change.actor = "footfalld";
  change.reason = restored ? "first start after a restore" : "first start";
  change.action = token;
  control_->run([&] { control_->commit(change).value(); });
  base::log::info("the admin token is in " + path);
}

void Server::open_listeners() {
  startup_.reset();  // frees the addresses
  std::vector<http::Loop*> shard_loops;
  for (const auto& shard : shards_) shard_loops.push_back(&shard->loop());
  const auto open = [&](const std::vector<http::ListenAddress>& addresses, std::uint8_t which,
                        const std::vector<http::Loop*>& loops, std::string_view what) {
    for (const http::ListenAddress& address : addresses) {
      listeners_.push_back(http::Listener::open(control_->context(), address, which, loops).value());
      base::log::info(std::string(what) + " on " + listeners_.back()->address());
    }
  };
  open(config_.admin, kAdminListener, {&control_->loop()}, "admin interface");
  open(config_.metrics_listen, kMetricsListener, {&control_->loop()}, "metrics");
  open(config_.listen, kPublicListener, shard_loops, "listening");
  base::log::info(
      "footfalld " + std::string(kVersion) + ", " + std::to_string(shards_.size()) + " shards, durability " +
      std::string(name_of(config_.durability)) + ": " + std::string(describe(config_.durability)) +
      (config_.durability == Durability::kernel ? " " + std::to_string(config_.sync_interval_s) + " s" : ""));
}

void Server::wait_for_signal() {
  const sigset_t taken = taken_signals();
  int which = 0;
  sigwait(&taken, &which);
  while (which == SIGHUP) {
    base::log::warning("received SIGHUP: nothing can be reloaded yet; options are read at the start alone");
    sigwait(&taken, &which);
  }
  base::log::info(std::string("received ") + (which == SIGTERM ? "SIGTERM" : "SIGINT") + ", draining");
}

void Server::stop() {
  draining_ = true;
  control_->run([&] {
    for (const auto& listener : listeners_) listener->stop();
  });
  checkpointer_->stop();
  backups_->stop();
  for (const auto& shard : shards_) shard->begin_stop(config_.drain_s);
  control_->stop(config_.drain_s);  // before the shards' threads end: it waits for them when it publishes
  for (const auto& shard : shards_) shard->wait_for_drain();
  for (const auto& shard : shards_) shard->finish_stop();
  listeners_.clear();
  base::log::info("stopped");
  base::log::stop();
}

// --- the checkpointer's way to the live side ---

store::LiveSide Server::live_side() {
  return {[this] { return roll_streams(); },
          [this](const std::vector<store::ClosedDay>& days) {
            for (const store::ClosedDay& closed : days) {
              control_->run([&] {  // whose the registry is
                sites::Site* site = recovered_.registry->find(closed.site);
                if (site == nullptr) return;
                base::MutexLock lock(site->mutex());
                site->state().close_day(closed.epoch, closed.day);
              });
            }
          },
          [this](const std::map<StreamId, std::uint64_t>& through) { recycle_segments(through); }};
}

base::Result<std::map<StreamId, std::uint64_t>> Server::roll_streams() {
  std::map<StreamId, std::uint64_t> closed;
  base::Result<journal::Position> rolled = journal::Position{};
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    std::promise<base::Result<journal::Position>> closed_and_durable;
    shards_[i]->post([&] {
      shards_[i]->roll(
          [&](base::Result<journal::Position> closed_at) { closed_and_durable.set_value(std::move(closed_at)); });
    });
    rolled = closed_and_durable.get_future().get();
    if (!rolled) return rolled.error();
    closed[stream_of_shard(i)] = rolled->segment;
  }
  control_->run([&] { rolled = control_->writer().roll(); });
  if (!rolled) return rolled.error();
  closed[journal::kControlStream] = rolled->segment;
  return closed;
}

void Server::recycle_segments(const std::map<StreamId, std::uint64_t>& through) {
  for (const auto& [stream, segment] : through) {
    base::Result<void> done;
    if (stream == journal::kControlStream) {
      control_->run([&, last = segment] { done = control_->writer().recycle(last); });
    } else if (stream.value <= shards_.size()) {
      Shard& shard = *shards_[stream.value - 1U];
      shard.run([&, last = segment] { done = shard.recycle(last); });
    } else {  // of a shard that an earlier start had
      done = journal::remove_segments(directory_->files(), directory_->stream_directory(stream), segment);
    }
    if (!done) base::log::warning("old segments could not be recycled: " + done.error().detail);
  }
}

// --- what is told about it ---

api::Readiness Server::readiness() const {
  api::Readiness facts;
  facts.recovered = started_.load();
  facts.draining = draining_.load();
  facts.durability = name_of(config_.durability);
  facts.journal_open = true;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (!shards_[i]->journal_failed()) continue;
    facts.journal_open = false;
    facts.journal_detail = "the stream of shard " + std::to_string(i) + " cannot be written";
  }
  const store::CheckpointStats checkpoints = checkpointer_->stats();
  // Until this process made one: that which it began with, as old as the latest that it holds.
  facts.last_checkpoint_s = checkpoints.last_utc_s != 0 ? checkpoints.last_utc_s : recovered_.checkpoint_s;
  facts.checkpoints_fail = checkpoints.failures > 0 && checkpoints.last_utc_s == 0;
  facts.sites = recovered_.registry->entries().size();
  return facts;
}

metrics::Facts Server::facts() const {
  metrics::Facts facts;
  facts.version = kVersion;
  facts.revision = kRevision;
  facts.durability = name_of(config_.durability);
  for (const auto& shard : shards_) {
    const http::LoopCounters& loop = shard->loop().counters();
    facts.connections += loop.accepted.get() - loop.closed.get();
    facts.connections_accepted += loop.accepted.get();
    facts.body_memory += loop.body_memory.get();
    for (std::size_t i = 0; i < facts.parse_errors.size(); ++i)
      facts.parse_errors.at(i) += loop.parse_errors.at(i).get();
    const api::LiveCounters& live = shard->live_counters();
    facts.subscribers += live.subscribers.get();
    facts.live_events += live.events.get();
    facts.live_evicted += live.evicted.get();
    facts.journal_bytes += shard->journal_bytes();
    facts.journal_syncs += shard->sync_thread().jobs();
    facts.journal_sync_failures += shard->sync_thread().failures();
    facts.journal_sync_seconds += static_cast<double>(shard->sync_thread().busy_us()) / 1e6;
    facts.unsynced_hits += shard->unsynced_hits();
    facts.journal_streams_failed += shard->journal_failed() ? 1U : 0U;
    facts.online_pairs += shard->online_pairs();
    facts.online += shard->online();
  }
  facts.journal_bytes += control_->writer().bytes_written();
  facts.sites = recovered_.registry->entries().size();
  const store::CheckpointStats checkpoints = checkpointer_->stats();
  facts.checkpoints = checkpoints.checkpoints;
  facts.checkpoint_failures = checkpoints.failures;
  facts.checkpoint_duration_s = checkpoints.last_duration_s;
  facts.checkpoint_last_s = checkpoints.last_utc_s;
  facts.recovery_duration_s = recovery_duration_s_;
  facts.recovery_blocks = recovered_.replayed_blocks;
  facts.recovery_hits = recovered_.replayed_hits;
  facts.recovery_torn_bytes = recovered_.torn_bytes;
  for (const store::LostTail& lost : recovered_.lost) {
    facts.recovery_lost_blocks += lost.loss.blocks;
    facts.recovery_lost_hits += lost.loss.hits;
  }
  facts.admin_failed_attempts = control_->admin().failed_attempts().get();
  facts.log_lines_dropped = base::log::dropped();
  facts.ready = started_.load() && !draining_.load() && facts.journal_streams_failed == 0;
  return facts;
}

}  // namespace footfall
