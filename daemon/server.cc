// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <set>
#include <system_error>
#include <utility>

#include "api/auth.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/tls.h"
#include "certificates.h"
#include "descriptors.h"
#include "journal/departed.h"
#include "lookup/time_zones.h"
#include "redis/command.h"
#include "redis_once.h"
#include "site_series.h"
#include "store/set_aside.h"
#include "store/token_request.h"
#include "version.h"

namespace footfall {
namespace {

using journal::StreamId;

StreamId stream_of_shard(std::size_t index) {
  return StreamId{static_cast<std::uint16_t>(index + 1)};
}

// Of a shard: two batches as large as they may be, and some pings.
constexpr std::uint64_t kBodyMemoryMin = 40U << 20U;

// `descriptors`: of the process.
http::LoopLimits loop_limits(const Config& config, std::uint64_t descriptors) {
  http::LoopLimits limits;
  limits.connections_max = std::min<std::size_t>(config.connections_max, connections_for(descriptors, config.threads));
  limits.body_memory_max = std::max<std::uint64_t>(config.body_memory_max / config.threads, kBodyMemoryMin);
  return limits;
}

// Of a segment of the control stream, or of what other nodes said: changes are few, and slots small.
constexpr std::uint64_t kControlSegmentBytes = 1U << 20U;
// The part of the reserve that does not depend on the checkpoints: for what a stop and a start write, and for the first
// checkpoint, a segment.
constexpr std::uint64_t kReserveBytes = 4U << 20U;
// What a start or a stop takes of it: a write-ahead log of the history, and small segments. Less than a segment each,
// or a stream that waits for room would have it.
constexpr std::uint64_t kStartRoomBytes = 512U << 10U;
constexpr std::uint64_t kStopRoomBytes = 512U << 10U;  // each shard's
// What a stop takes beyond --drain, as told to the service manager: the last syncs of a slow disk.
constexpr std::chrono::seconds kStopWait{50};
// How long a start and a stop wait for Redis, where a slot is handed on. Without an answer the next run has another.
constexpr std::chrono::milliseconds kTicketWait{1000};
// For how long a thread may not come to its tasks until /livez says so, where no service manager says (WatchdogSec=).
constexpr std::chrono::seconds kStuckAfter{10};

store::CheckpointLimits checkpoint_limits(const Config& config) {
  return {config.checkpoint_interval_s, config.checkpoint_journal_bytes, config.keep_rankings_days,
          config.keep_audit_days};
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
  sigaddset(&taken, SIGUSR1);  // of this process: a successor has taken over
  sigaddset(&taken, SIGUSR2);
  sigaddset(&taken, SIGCHLD);
  return taken;
}

http::ParserLimits parser_limits(std::string_view batch_path) {
  http::ParserLimits limits;
  limits.batch_path = batch_path;
  return limits;
}

// For the log.
std::string inherited_name(const http::BoundSocket& socket) {
  return socket.name().empty() ? "" : ", the service manager's socket " + socket.name();
}

// Those that were handed out, and those that were refused before.
std::uint64_t requests_begun(const http::LoopCounters& loop) {
  std::uint64_t begun = loop.requests.get() + loop.heads_refused.get();
  for (const base::Counter& refused : loop.parse_errors) begun += refused.get();
  return begun;
}

void add_tls(metrics::Facts& facts, const http::LoopCounters& loop) {
  facts.tls_handshakes += loop.tls_handshakes.get();
  facts.tls_resumed += loop.tls_resumed.get();
  for (std::size_t i = 0; i < facts.tls_failures.size(); ++i) facts.tls_failures.at(i) += loop.tls_failures.at(i).get();
}

void add_refusals(metrics::Facts& facts, Shard& shard) {
  const http::LoopCounters& loop = shard.loop().counters();
  facts.refused_by_limit += loop.refused.get();
  for (const auto& listener : shard.listeners()) facts.refused_without_descriptor += listener->turned_away();
  facts.head_timeouts += loop.head_timeouts.get();
  facts.body_timeouts += loop.body_timeouts.get();
  facts.idle_timeouts += loop.idle_timeouts.get();
  facts.send_timeouts += loop.send_timeouts.get();
}

// invalid_config. Null: no countries are looked up.
base::Result<std::shared_ptr<const lookup::CountryDatabase>> read_countries(const Config& config) {
  if (config.country_database.empty()) return std::shared_ptr<const lookup::CountryDatabase>();
  auto countries = lookup::CountryDatabase::open(config.country_database);
  if (countries) base::log::info("countries_read", "countries: " + (*countries)->description());
  return countries;
}

}  // namespace

Server::Server(const Config& config, std::function<Config()> read_again, std::vector<std::string> command)
    : config_(config),
      read_again_(std::move(read_again)),
      command_(std::move(command)),
      batch_path_(config.base_path + "/v1/hits") {}
Server::~Server() {
  base::log::stop();  // after a start that failed: its thread must not outlive main()
}

void Server::start() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may grow no more is a write that fails, as on a full disk
  // The threads inherit this, that of the log too; only wait_for_signal() takes them.
  const sigset_t taken = taken_signals();
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);
  base::log::start(config_.log_level, config_.log_format, config_.log_rate_max);
  try {
    open_all();
  } catch (const base::Failure& failure) {
    if (failure.error().code != base::Errc::no_room) throw;
    throw base::Failure(no_room_to_start(failure.error()));
  }
}

void Server::open_all() {
  descriptors_ = raise_descriptor_limit();
  inherited_ = InheritedSockets::of_environment().value();
  if (config_.take_over) begin_take_over();
  check_inherited();
  tls_ = read_certificates(config_).value();
  tell_of_certificates();
  tell_of_descriptors();
  countries_ = read_countries(config_).value();
  agents_ = lookup::AgentDatabase::load(config_.agent_files);  // takes a while
  open_state();
  open_threads();
  open_redis();
  open_listeners();  // what comes in waits until the threads run
  status_ = status_line();
  for (const auto& shard : shards_) shard->start();
  control_->start();
  adopt_connections();
  try {
    first_start();
  } catch (...) {
    stop();
    throw;
  }
  checkpointer_->start();
  started_ = true;
  if (successor_) leave_rest();
  manager_.ready(status_);
  begin_watchdog();
  expect_successor();
}

std::string Server::status_line() const {
  std::string out = "counting on";
  for (const std::string& address : public_addresses_) out.append(" ").append(address);
  return out + ", durability " + std::string(name_of(config_.durability));
}

void Server::begin_watchdog() {
  const bool managed = manager_.watchdog().count() > 0;
  std::vector<Watchdog::Thread> threads;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    threads.push_back({"shard-" + std::to_string(i),
                       [&shard = *shards_[i]](std::function<void()> task) { shard.post(std::move(task)); }});
  }
  control_->run([&] {
    watchdog_ = std::make_unique<Watchdog>(control_->context(), std::move(threads),
                                           managed ? manager_.watchdog() : kStuckAfter, [this, managed] {
                                             if (managed) manager_.tell("WATCHDOG=1");
                                           });
  });
}

base::Error Server::no_room_to_start(const base::Error& cause) const {
  // Each stream's first segment, and the reserve; a directory that was used has them, and needs the little that its
  // history and a new day's salt take.
  const bool first = recovered_.registry == nullptr || recovered_.registry->tokens().empty();
  const std::uint64_t needed =
      first ? (config_.threads + 1) * config_.segment_bytes + kControlSegmentBytes + kReserveBytes : kStartRoomBytes;
  std::error_code ignored;
  const std::filesystem::space_info space = std::filesystem::space(config_.data_dir, ignored);
  const std::string free = ignored ? "" : ", where " + std::to_string(space.available) + " are free";
  return {cause.code, cause.detail + "; " + (first ? "the first start" : "a start") + " needs " +
                          std::to_string(needed) + " bytes on the file system of " + config_.data_dir + free +
                          ": remove what else is there" +
                          (first ? "" : " (of the data directory's own files none may go)") + ", or enlarge it"};
}

void Server::open_state() {
  base::FileSystem& files = base::posix_file_system();
  directory_ = (successor_ ? store::DataDirectory::open_beside(files, config_.data_dir)
                           : store::DataDirectory::open(files, config_.data_dir))
                   .value();
  reserve_ = std::make_unique<store::Reserve>(*directory_, kReserveBytes + config_.segment_bytes);
  recover();
  for (const std::string& warning : recovered_.warnings) base::log::warning("recovery_warning", warning);
  for (const auto& segment : recovered_.cut_off) base::log::warning("journal_cut_off", journal::describe(segment));
  base::log::info("data_directory_read", "data directory " + config_.data_dir + ": " +
                                             std::to_string(recovered_.registry->size()) + " sites, " +
                                             std::to_string(recovered_.replayed_hits) +
                                             " hits replayed onto checkpoint " + std::to_string(recovered_.checkpoint));

  // Time goes on where it was: what was counted under a clock that was ahead stays in the past.
  clock_ = std::make_unique<base::SystemClock>(recovered_.newest_s * 1000);
  if (base::SystemClock().utc_s() < recovered_.newest_s) {
    base::log::warning(
        "clock_behind",
        "the system's clock is behind the latest hit; time stands at that hit's second until the clock has caught up");
  }
  warn_of_missing_files();
  // A full disk has no room for a write-ahead log or a new day's salt, but in the reserve.
  const auto with_room = [this](const auto& open) {
    auto opened = open();
    if (!opened && opened.error().code == base::Errc::no_room && reserve_->give(kStartRoomBytes)) opened = open();
    return opened;
  };
  const std::string history = directory_->file("history.sqlite");
  with_room([&] { return store::History::write_log_anew(directory_->files(), history); }).value();
  history_ = with_room([&] { return store::History::open(history); }).value();
  with_room([&] { return history_->forget_beyond(recovered_.checkpoint); }).value();
  history_writer_ = with_room([&] { return store::History::open(history); }).value();
  auto history_read = with_room([&] { return store::History::open(history); });
  history_thread_ = std::make_unique<HistoryThread>(std::move(history_read).value(), closed_days_);
  salts_ = with_room([&] {
             return ingest::Salts::open(directory_->files(), directory_->file("salts"), clock_->utc_s());
           }).value();
  if (salts_->is_new() && !directory_->fresh()) {
    base::log::warning(
        "salts_made_anew",
        directory_->file("salts") +
            " was absent or of no use, and was made anew: nobody is known again, so today's visitors and "
            "those online are counted anew; totals are not touched");
  }
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
        "history_missing",
        directory_->file("history.sqlite") +
            " is missing and is made anew: rankings of closed days and the older audit are gone; no total is");
  }
  const bool restored = recovered_.checkpoint > 0 && recovered_.checkpoint_positions.empty();  // it gets a new one
  if (missing("admin-token") && !recovered_.registry->tokens().empty() && !restored) {
    base::log::warning(
        "admin_token_missing",
        directory_->file("admin-token") +
            " is missing: its token stays in force, and is not written again; `footfall token recover` makes "
            "another");
  }
}

void Server::recover() {
  std::vector<http::ListenAddress> addresses = config_.admin;
  addresses.insert(addresses.end(), config_.metrics_listen.begin(), config_.metrics_listen.end());
  if (!successor_)
    startup_ = std::make_unique<StartupListener>(addresses, recovery_progress_, tls_, manager_, inherited_);
  const auto began = std::chrono::steady_clock::now();
  store::StartOptions start;
  start.accept_loss = config_.accept_loss;
  start.progress = &recovery_progress_;
  if (successor_) {
    recovered_ = store::recover(*directory_, counting_limits(config_), &successor_->closed()).value();
    take_estate();
    store::recover_rest(*directory_, start, recovered_).value();
    successor_->taken().value();
  } else {
    recovered_ = store::recover(*directory_, counting_limits(config_), start).value();
  }
  closed_days_.end(recovered_.checkpoint);
  ledger_at_start_ = store::check_ledger(recovered_);
  store::tell(ledger_at_start_);
  recovery_duration_s_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  for (const store::LostTail& lost : recovered_.lost) {
    base::log::error("loss_accepted", lost.loss.what + "; --accept-loss: going on without it; " +
                                          describe(lost.loss, lost.stream) + "; the files are kept in " +
                                          directory_->damaged_directory());
  }
  store::set_aside(*directory_, recovered_).value();
}

journal::WriterOptions Server::writer_options(StreamId stream) const {
  const bool of_shard = stream != journal::kControlStream && stream != journal::kNodesStream;
  journal::WriterOptions options;
  options.directory = directory_->stream_directory(stream);
  options.stream = stream;
  options.incarnation = directory_->incarnation();
  options.segment_bytes = of_shard ? config_.segment_bytes : std::min(config_.segment_bytes, kControlSegmentBytes);
  options.write_behind = of_shard && config_.durability == Durability::memory;
  return options;
}

base::Result<std::unique_ptr<journal::Writer>> Server::open_writer(StreamId stream) {
  const journal::WriterOptions options = writer_options(stream);
  const auto position = recovered_.positions.find(stream);
  auto writer = journal::Writer::open(directory_->files(), options,
                                      position == recovered_.positions.end() ? journal::Position{} : position->second);
  if (writer && (*writer)->failed()) {
    base::log::error("journal_stream_failed", (*writer)->failure()->detail + "; what " + options.directory +
                                                  " should take is answered 503 until there is room");
  }
  return writer;
}

void Server::open_threads() {
  recovered_.registry->batch_keys().set_limits({config_.batch_keys_max, config_.batch_key_memory_max});
  const auto settings = shard_settings();
  shard_environment_ = std::make_unique<ShardEnvironment>(
      ShardEnvironment{*clock_, directory_->files(), config_.durability, agents_, directory_->incarnation_text(),
                       http::strict_transport_field(config_.hsts_max_age_s), config_.base_path, config_.script_name,
                       loop_limits(config_, descriptors_), parser_limits(batch_path_),
                       [this](sites::Site* site) {
                         Shard& shard = *shards_[site->id().value % shards_.size()];
                         shard.post([&shard, site] { shard.add_active(site); });
                       },
                       [this] {
                         std::uint64_t pairs = 0;
                         for (const auto& shard : shards_) pairs += shard->online_pairs();
                         return pairs;
                       },
                       [this] { return takes_hits(); }, [this] { return untrusted_forwards(); }, *history_thread_,
                       [this] {
                         if (reserve_->give(kStopRoomBytes))
                           base::log::warning("reserve_given", "the stop takes room of the reserve: the disk is full");
                       },
                       recovered_.registry->imports(), recovered_.registry->batch_keys(), hit_limit_});
  base::log::info("agents_read", "agents: " + shard_environment_->agents->description());

  control_environment_ = std::make_unique<ControlEnvironment>(ControlEnvironment{
      *clock_,
      *recovered_.registry,
      *salts_,
      *history_,
      config_.sites_max,
      http::strict_transport_field(config_.hsts_max_age_s),
      loop_limits(config_, descriptors_),
      {},
      [this](const std::shared_ptr<const sites::Directory>& sites) {
        for (const auto& shard : shards_) shard->run([&] { shard->set_directory(sites); });
      },
      [this](const std::shared_ptr<const ingest::SaltKeys>& keys) {
        for (const auto& shard : shards_) shard->run([&] { shard->set_salts(keys); });
      },
      [this] { return take_moment(); },
      [this](const std::vector<std::pair<sites::SiteId, counting::Observation>>& observations) {
        Shard& shard = *shards_.front();
        shard.post([&shard, observations] { shard.journal_again(observations); });
      },
      [this](std::string id, std::string path) { return backups_->begin(std::move(id), std::move(path)); },
      [this] { return backups_->status(); },
      [this] { return readiness(); },
      [this] { return redis_.get(); },
      [this] { return exposition_->text(); },
      [this] { return reload(); },
      [this] {
        return api::Retention{config_.keep_rankings_days, config_.keep_audit_days, config_.undo_days};
      },
      [this] { return untrusted_forwards(); }});
  std::unique_ptr<journal::Writer> control = open_writer(journal::kControlStream).value();
  if (control->failed()) (void)store::begin_segment(*control, *reserve_, [&] { return control->reopen(); });
  auto nodes =
      store::NodesStream::open(directory_->files(), writer_options(journal::kNodesStream), recovered_.positions)
          .value();
  if (directory_->restored_from() && recovered_.stream_hits.empty()) {
    nodes
        ->inherit(recovered_.registry->all_sites(), *directory_->restored_from(),
                  recovered_.positions[journal::kControlStream].sequence)
        .value();
  }
  control_ = std::make_unique<Control>(*control_environment_, std::move(control), std::move(nodes), recovered_.changes);
  recovered_.changes.clear();

  std::vector<const metrics::ShardCounters*> counters;
  const auto sites = recovered_.registry->directory(control_->writer().durable_through());
  for (unsigned i = 0; i < config_.threads; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, *shard_environment_, settings, open_writer(stream_of_shard(i)).value(),
                                              recovered_.stream_hits[stream_of_shard(i)]));
    shards_.back()->set_salts(salts_->keys());
    shards_.back()->set_directory(sites);
    counters.push_back(&shards_.back()->counters());
  }
  store::make_departed_durable(*directory_, recovered_.positions, shards_.size()).value();
  begin_slot(control_->nodes_stream());  // what was recovered is on the disk now
  // Who was online before the restart still is: their sites are ticked again, from now on.
  const std::int64_t now_s = clock_->utc_s();
  for (sites::Site* site : recovered_.registry->all_sites()) {
    const auto zone = lookup::TimeZone::find(recovered_.registry->last_settings(site->id())->timezone);
    base::MutexLock lock(site->mutex());
    pages_most_at_start_ = std::max(pages_most_at_start_, site->state().pages_known());
    site->state().advance(now_s, zone ? (*zone)->offset_at(now_s) : 0);
    if (site->state().online(now_s) > 0 && site->activate()) {
      shards_[site->id().value % shards_.size()]->add_active(site);
    }
  }
  exposition_ = std::make_unique<metrics::Exposition>(counters, [this] { return facts(); });
  reloads_.last_success_s = now_s;
  checkpointer_ = std::make_unique<store::Checkpointer>(*directory_, counting_limits(config_), *history_writer_,
                                                        *reserve_, *clock_, live_side(), checkpoint_limits(config_));
  backups_ = std::make_unique<Backups>(*checkpointer_, *clock_);
}

// A directory that once was one of many nodes, and counts for itself now, goes by the same rules: it may be again.
void Server::begin_slot(store::NodesStream& nodes) {
  const bool is_node = config_.redis.target && !config_.redis.node.empty();
  if (!is_node && !directory_->among_nodes()) return;
  const auto ticket = directory_->ticket();
  bool taken = successor_ && estate_.same_slot;
  if (!successor_ && is_node && ticket && recovered_.lost.empty()) {
    const auto answer = call_once(config_.redis, *clock_, {"HDEL", tickets_key(), base::to_text(*ticket)}, kTicketWait);
    taken = answer && answer->integer == 1;
  }
  slot_ = store::slot_of_start(*directory_, taken);
  const auto begin = [&] {
    return store::begin_slot(*directory_, nodes, recovered_.registry->all_sites(),
                             recovered_.positions[journal::kControlStream].sequence, *slot_);
  };
  auto begun = begin();
  // Now, or as the stream was opened.
  const bool no_room = !begun && (begun.error().code == base::Errc::no_room || nodes.failed());
  if (no_room && reserve_->give(kControlSegmentBytes + kStartRoomBytes)) {
    nodes.mend();
    begun = begin();
  }
  begun.value();
  base::log::info("slot", "slot " + base::to_text(slot_->id) +
                              (taken           ? ", as before"
                               : slot_->before ? ", a new one: what was counted is told under those before"
                                               : ""));
}

std::string Server::tickets_key() const {
  return config_.redis.prefix + ":{meta}:tickets";
}

// When all is on the disk that was counted. Where it fails, the next start takes a slot of its own.
void Server::leave_ticket() {
  const bool can = started_ && slot_ && redis_ && redis_->nodes() != nullptr && redis_->up() &&
                   !redis_->nodes()->replicator().conflict() && !hit_stream_failed();
  if (!can) return;
  const auto ticket = store::leave_ticket(*directory_);
  base::Result<redis::Reply> left = base::Error{base::Errc::io, ticket ? "" : ticket.error().detail};
  if (ticket) {
    left = call_once(
        config_.redis, *clock_,
        {"HSET", tickets_key(), base::to_text(*ticket), std::to_string(clock_->utc_s()) + " " + config_.redis.node},
        kTicketWait);
  }
  if (!left) base::log::warning("ticket_not_left", "the next start takes a slot of its own: " + left.error().detail);
}

void Server::open_redis() {
  if (!config_.redis.target) return;
  // Settled once all shards have answered; on the control thread.
  const auto when_durable = [this](const std::function<void(base::Result<void>)>& then) {
    struct Count {
      std::size_t missing;
      base::Result<void> outcome;
    };
    const auto count = std::make_shared<Count>(Count{shards_.size(), {}});
    for (const auto& shard : shards_) {
      shard->post([this, &shard = *shard, count, then] {
        shard.when_durable([this, count, then](const base::Result<void>& durable) {
          boost::asio::post(control_->context(), [count, then, durable] {
            if (!durable) count->outcome = durable;
            if (--count->missing == 0) then(count->outcome);
          });
        });
      });
    }
  };
  const LocalNodeWays ways{when_durable, [this](sites::Change change) { return control_->take(std::move(change)); },
                           [this] { control_->publish(); },
                           [this](const std::vector<store::SlotOfSite>& slots) { return control_->learn(slots); },
                           [this] { control_environment_->publish_salts(salts_->keys()); }};
  std::optional<ingest::ClusterKey> key;
  if (!config_.redis.cluster_key.empty())
    key = ingest::ClusterKey::read(directory_->files(), config_.redis.cluster_key).value();
  redis_ = std::make_unique<RedisLink>(control_->context().get_executor(), config_.redis, *clock_, *recovered_.registry,
                                       slot_.value_or(store::OwnSlot{directory_->incarnation(), {}, {}}), ways, *salts_,
                                       key);
}

// Makes an admin token where there is none yet, after a restore, and where `footfall token recover` asked for one.
void Server::first_start() {
  // A restored directory's checkpoint has read no stream yet, and nobody has its admin token.
  const bool restored = recovered_.checkpoint > 0 && recovered_.checkpoint_positions.empty();
  const std::string restored_id = "restored-" + directory_->incarnation_text();
  const bool missing = restored ? !recovered_.registry->knows(restored_id) : recovered_.registry->tokens().empty();
  const bool requested = store::token_requested(*directory_).value();
  if (!missing && !requested) return;
  if (control_->writer().failed()) throw base::Failure(*control_->writer().failure());
  const std::string secret = api::drawn_secret();
  const std::string path = directory_->file("admin-token");
  base::replace_file(directory_->files(), path, secret + "\n").value();
  sites::TokenAdded token;
  token.digest = api::digest_of(secret);
  token.scopes = sites::kAllScopes;
  sites::Change change;
  change.at_s = clock_->utc_s();
  change.actor = "footfalld";
  if (!missing || (!restored && recovered_.registry->knows("first-start"))) {
    base::Incarnation random{};
    base::random_bytes(random.data(), random.size());
    const std::string drawn = base::to_text(random);
    token.id = "admin-" + drawn.substr(0, 8);
    change.id = "recovered-" + drawn;
    change.reason = requested ? "footfall token recover" : "no token was left";
  } else {
    token.id = restored ? "admin-" + directory_->incarnation_text().substr(0, 8) : "admin";
    change.id = restored ? restored_id : "first-start";
    change.reason = restored ? "first start after a restore" : "first start";
  }
  change.action = token;
  control_->run([&] { control_->commit(change).value(); });
  if (requested) store::forget_token_request(*directory_).value();
  base::log::info("admin_token_written", "the admin token " + token.id + " is in " + path);
}

void Server::open_listeners() {
  startup_.reset();  // frees the addresses
  const auto open = [&](const std::vector<http::ListenAddress>& addresses, std::uint8_t which, std::string_view what) {
    for (const http::ListenAddress& address : addresses) {
      const std::vector<http::Loop*> loops{&control_->loop()};
      std::vector<http::BoundSocket> sockets = inherited_.take(address, SOCK_STREAM);
      if (sockets.empty()) {
        listeners_.push_back(http::Listener::open(control_->context(), address, which, loops, tls_).value());
        base::log::info("listening", std::string(what) + " on " + listeners_.back()->address());
      }
      for (http::BoundSocket& socket : sockets) {
        if (which == kAdminListener) check_reach(address, socket, config_.insecure_admin || address.tls, "admin");
        const std::string name = inherited_name(socket);
        listeners_.push_back(
            http::Listener::open(control_->context(), std::move(socket), which, loops, address.tls ? tls_ : nullptr)
                .value());
        base::log::info("listening", std::string(what) + " on " + listeners_.back()->address() + name);
      }
    }
  };
  open(config_.admin, kAdminListener, "admin interface");
  open(config_.metrics_listen, kMetricsListener, "metrics");
  for (const http::ListenAddress& address : config_.listen) listen_with_shards(address);
  open_syslog();
  base::log::info(
      "started",
      "footfalld " + std::string(kVersion) + ", " + std::to_string(shards_.size()) + " shards, durability " +
          std::string(name_of(config_.durability)) + ": " + std::string(describe(config_.durability)) +
          (config_.durability == Durability::kernel ? " " + std::to_string(config_.sync_interval_s) + " s" : ""));
}

void Server::check_inherited() const {
  std::vector<http::ListenAddress> streams = config_.listen;
  streams.insert(streams.end(), config_.admin.begin(), config_.admin.end());
  streams.insert(streams.end(), config_.metrics_listen.begin(), config_.metrics_listen.end());
  inherited_.check(streams, config_.syslog.listen).value();
}

// Where a socket with a name is, only the one who made it knew.
void Server::check_reach(const http::ListenAddress& address, const http::BoundSocket& socket, bool allowed,
                         const char* option) const {
  if (address.name.empty() || socket.loopback() || allowed) return;
  throw base::Failure(
      {base::Errc::invalid_config,
       std::string(option) + ": the socket " + address.name + " is " + socket.address() +
           ", which others than this machine can reach; have its unit listen on 127.0.0.1 or a path, or "
           "pass --insecure-" +
           (std::string_view(option) == "admin" ? "admin true, or use TLS (tls:systemd:" + address.name + ")"
                                                : "syslog true behind a firewall")});
}

std::vector<http::Loop*> Server::loops_from(std::size_t shard) const {
  std::vector<http::Loop*> loops;
  for (std::size_t n = 0; n < shards_.size(); ++n) loops.push_back(&shards_[(shard + n) % shards_.size()]->loop());
  return loops;
}

// One shard accepts from each, and gives to others what it has too many of: a socket that all wait for wakes them all.
void Server::listen_on(const http::ListenAddress& address, std::vector<http::BoundSocket> sockets) {
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    Shard& shard = *shards_[i % shards_.size()];
    const std::string name = inherited_name(sockets[i]);
    auto listener = http::Listener::open(shard.context(), std::move(sockets[i]), kPublicListener,
                                         loops_from(i % shards_.size()), address.tls ? tls_ : nullptr)
                        .value();
    if (std::find(public_addresses_.begin(), public_addresses_.end(), listener->address()) == public_addresses_.end()) {
      public_addresses_.push_back(listener->address());
      base::log::info("listening", "listening on " + listener->address() + name);
    }
    shard.add_listener(std::move(listener));
  }
}

// Each shard accepts what it serves. A unix socket is one for all.
void Server::listen_with_shards(http::ListenAddress address) {
  using Sharing = http::Listener::Sharing;
  if (auto sockets = inherited_.take(address, SOCK_STREAM); !sockets.empty()) {
    const std::size_t there = sockets.size();
    const bool more = there < shards_.size() && !address.unix_socket && address.name.empty() &&
                      std::all_of(sockets.begin(), sockets.end(),
                                  [](const http::BoundSocket& socket) { return socket.name().empty(); });
    if (more) sockets.front().share().value();
    listen_on(address, std::move(sockets));
    for (std::size_t i = there; more && i < shards_.size(); ++i) {  // threads that the predecessor had not
      shards_[i]->add_listener(
          http::Listener::open(shards_[i]->context(), address, kPublicListener, loops_from(i), tls_, Sharing::beside)
              .value());
    }
    return;
  }
  const std::size_t count = address.unix_socket ? 1 : shards_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Sharing sharing = i > 0 ? Sharing::beside : count > 1 ? Sharing::first : Sharing::alone;
    auto listener =
        http::Listener::open(shards_[i]->context(), address, kPublicListener, loops_from(i), tls_, sharing).value();
    address.port = listener->port();
    if (i == 0) {
      public_addresses_.push_back(listener->address());
      base::log::info("listening", "listening on " + listener->address());
    }
    shards_[i]->add_listener(std::move(listener));
  }
}

void Server::open_syslog() {
  std::vector<std::unique_ptr<SyslogSocket>> opened;
  for (const http::ListenAddress& address : config_.syslog.listen) {
    std::vector<http::BoundSocket> sockets = inherited_.take(address, SOCK_DGRAM);
    if (sockets.empty()) opened.push_back(SyslogSocket::open(address, config_.syslog.buffer_bytes).value());
    for (http::BoundSocket& socket : sockets) {
      check_reach(address, socket, config_.syslog.insecure, "syslog-listen");
      opened.push_back(SyslogSocket::open(std::move(socket), config_.syslog.buffer_bytes));
    }
  }
  for (std::size_t i = 0; i < opened.size(); ++i) {
    std::unique_ptr<SyslogSocket>& socket = opened[i];
    const std::uint32_t buffer = socket->buffer_bytes();
    syslog_buffer_bytes_ += buffer;
    base::log::info("syslog_listening",
                    "syslog on " + socket->address() + ", receive buffer of " + std::to_string(buffer) + " bytes");
    if (buffer < config_.syslog.buffer_bytes) {
      base::log::warning("syslog_buffer_small",
                         "syslog on " + socket->address() + ": the kernel gives no more than " +
                             std::to_string(buffer) +
                             " bytes of receive buffer; raise net.core.rmem_max, or lower --syslog-buffer");
    }
    shards_[i % shards_.size()]->add_syslog(std::move(socket));
  }
}

void Server::wait_for_signal() {
  const sigset_t taken = taken_signals();
  int which = 0;
  sigwait(&taken, &which);
  while (which != SIGTERM && which != SIGINT) {
    if (which == SIGHUP) {
      base::log::info("signal_reload", "received SIGHUP");
      manager_.reloading();
      control_->run([this] { (void)reload(); });
      manager_.ready(status_);
    } else if (which == SIGUSR2) {
      start_successor();
    } else if (which == SIGCHLD) {
      look_at_children();
    } else if (handed_over_) {
      return;
    }
    sigwait(&taken, &which);
  }
  base::log::info("signal_stop", std::string("received ") + (which == SIGTERM ? "SIGTERM" : "SIGINT") + ", draining");
}

void Server::tell_of_certificates() const {
  if (!tls_) return;
  const std::string warning = tls_->warning(base::SystemClock().utc_s());
  if (!warning.empty()) base::log::warning("certificate_warning", warning);
}

void Server::tell_of_descriptors() const {
  const std::size_t room = connections_for(descriptors_, config_.threads);
  if (room >= config_.connections_max) return;
  base::log::warning("descriptors_few", "a limit of " + std::to_string(descriptors_) + " descriptors leaves room for " +
                                            std::to_string(room) + " connections a shard, not for the " +
                                            std::to_string(config_.connections_max) +
                                            " of connections-max: raise LimitNOFILE of the service, or ulimit -Hn");
}

base::Result<api::ReloadOutcome> Server::reload() {
  auto outcome = try_reload();
  reloads_.last_succeeded = outcome.has_value();
  if (outcome) {
    reloads_.last_success_s = clock_->utc_s();
  } else {
    ++reloads_.failures;
    base::log::error("reload_failed", "not reloaded, all stays as it was: " + outcome.error().detail);
  }
  return outcome;
}

base::Result<api::ReloadOutcome> Server::try_reload() {
  Config wanted;
  try {
    wanted = read_again_();
  } catch (const base::Failure& failure) {
    return failure.error();
  }
  Config changed = config_;
  Reloaded reloaded = take_reloadable(changed, wanted);
  // All that may fail comes before all that changes something.
  std::shared_ptr<const base::TlsContext> tls;
  if (tls_) {
    auto read = read_certificates(changed);
    if (!read) return read.error();
    tls = *std::move(read);
  }
  auto countries = read_countries(changed);
  if (!countries) return countries.error();
  config_ = std::move(changed);
  countries_ = *std::move(countries);
  apply_settings();
  if (tls) {
    tls_ = tls;
    for (const auto& listener : listeners_) listener->renew(tls);
    for (const auto& shard : shards_) shard->run([&] { shard->renew(tls); });  // open connections keep theirs
    tell_of_certificates();
  }
  base::log::info("reloaded",
                  "reloaded: " + describe(reloaded) +
                      (tls ? "; new connections are shown the certificate in " + config_.tls_certificate : ""));
  return api::ReloadOutcome{std::move(reloaded.applied), std::move(reloaded.needs_start), tls != nullptr};
}

std::shared_ptr<const ShardSettings> Server::shard_settings() const {
  const http::LoopLimits limits = loop_limits(config_, descriptors_);
  std::vector<ingest::Cidr> trusted = config_.trusted_proxies;
  trusted.insert(trusted.end(), config_.trusted_proxies_of_files.begin(), config_.trusted_proxies_of_files.end());
  return std::make_shared<ShardSettings>(ShardSettings{
      config_.sync_interval_s, std::move(trusted), config_.rate_limit, config_.rate_burst, config_.hits_per_second_max,
      config_.online_pairs_max, limits.connections_max, limits.body_memory_max, config_.syslog, countries_});
}

void Server::apply_settings() {
  base::log::set_level(config_.log_level);
  base::log::set_format(config_.log_format);
  base::log::set_event_lines_max(config_.log_rate_max);
  const auto settings = shard_settings();
  for (const auto& shard : shards_) shard->run([&] { shard->set_settings(settings); });
  control_->loop().set_limits(settings->connections_max, settings->body_memory_max);
  control_environment_->sites_max = config_.sites_max;
  recovered_.registry->batch_keys().set_limits({config_.batch_keys_max, config_.batch_key_memory_max});
  checkpointer_->set_limits(checkpoint_limits(config_));
  if (redis_) redis_->set_snapshots(config_.redis.snapshot_interval_s, config_.redis.snapshots_kept);
}

void Server::stop() {
  if (checkpointer_) checkpointer_->begin_stop();  // a take-over may wait for it
  if (predecessor_) predecessor_->stop();
  if (handed_over_) return end_handed_over();
  draining_ = true;
  std::int32_t drain_s = 0;
  control_->run([&] {
    drain_s = config_.drain_s;
    watchdog_.reset();
    for (const auto& listener : listeners_) listener->stop();
  });
  manager_.stopping(std::chrono::seconds(drain_s) + kStopWait);
  checkpointer_->stop();
  backups_->stop();
  history_thread_->stop();
  for (const auto& shard : shards_) shard->begin_stop(drain_s);
  control_->stop(drain_s);  // before the shards' threads end: it waits for them when it publishes
  for (const auto& shard : shards_) shard->wait_for_drain();
  for (const auto& shard : shards_) shard->finish_stop();
  leave_ticket();
  listeners_.clear();
  base::log::info("stopped", "stopped");
  base::log::stop();
}

base::Result<LiveMoment> Server::take_moment() {
  const std::optional<std::uint64_t> closed_as_of = closed_days_.checkpoint();
  if (!closed_as_of)
    return base::Error{base::Errc::unavailable, "a checkpoint's days are being closed; try again in a second"};
  base::Result<LiveMoment> live = take_live_moment(shards_, *recovered_.registry, *clock_);
  if (!live) return live;
  live->moment.incarnation = directory_->incarnation_text();
  live->moment.checkpoint = *closed_as_of;
  for (const auto& [stream, position] : recovered_.positions)  // of shards that an earlier start had
    live->moment.positions.emplace(stream, position.sequence);
  return live;
}

// --- the checkpointer's way to the live side ---

store::LiveSide Server::live_side() {
  return {[this] { return roll_streams(); },
          [this](std::uint64_t checkpoint, const std::vector<store::ClosedDay>& days) { close_days(checkpoint, days); },
          [this](const std::map<StreamId, std::uint64_t>& through) { recycle_segments(through); },
          [this] { return recovered_.replayed_bytes + journal_bytes(); },
          [this] { return control_->journal_failed() || hit_stream_failed(); },
          ledger_at_start_.saturated};
}

// On the control thread, whose the registry is; in parts, so that it is not held up.
void Server::close_days(std::uint64_t checkpoint, std::span<const store::ClosedDay> days) {
  constexpr std::size_t kAtOnce = 1000;
  do {
    const auto part = days.first(std::min(days.size(), kAtOnce));
    days = days.subspan(part.size());
    control_->run([&] {
      closed_days_.begin();
      for (const store::ClosedDay& closed : part) {
        sites::Site* site = recovered_.registry->find(closed.site);
        if (site == nullptr) continue;
        base::MutexLock lock(site->mutex());
        site->state().close_day(closed.epoch, closed.day);
      }
      if (days.empty()) closed_days_.end(checkpoint);
    });
  } while (!days.empty());
}

base::Result<store::ClosedStreams> Server::roll_streams() {
  store::ClosedStreams closed;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    std::promise<store::ClosedStream> closed_and_durable;
    shards_[i]->post(
        [&] { shards_[i]->roll([&](store::ClosedStream stream) { closed_and_durable.set_value(stream); }); });
    closed[stream_of_shard(i)] = closed_and_durable.get_future().get();
  }
  base::Result<std::uint64_t> control = std::uint64_t{0};
  control_->run([&] {
    closed[journal::kNodesStream] = control_->nodes_stream().roll();
    control = store::close_control_segment(control_->writer(), *reserve_);
  });
  if (!control) return control.error();
  closed[journal::kControlStream].segment = *control;
  return closed;
}

std::uint64_t Server::journal_bytes() const {
  std::uint64_t bytes = control_->writer().bytes_written() + control_->nodes_stream().bytes_written();
  for (const auto& shard : shards_) bytes += shard->journal_bytes();
  return bytes;
}

std::uint64_t Server::untrusted_forwards() const {
  std::uint64_t forwards = 0;
  for (const auto& shard : shards_) forwards += shard->counters().untrusted_forwards.get();
  return forwards;
}

bool Server::takes_hits() const {
  return started_.load() && !draining_.load() && !hit_stream_failed();
}

bool Server::hit_stream_failed() const {
  return std::any_of(shards_.begin(), shards_.end(), [](const auto& shard) { return shard->journal_failed(); });
}

void Server::recycle_segments(const std::map<StreamId, std::uint64_t>& through) {
  for (const auto& [stream, segment] : through) {
    base::Result<void> done;
    base::Result<std::vector<std::string>> surplus = std::vector<std::string>{};
    if (stream == journal::kControlStream) {
      control_->run([&, last = segment] { surplus = control_->writer().recycle(last); });
    } else if (stream == journal::kNodesStream) {
      control_->run([&, last = segment] { surplus = control_->nodes_stream().recycle(last); });
    } else if (stream.value <= shards_.size()) {
      Shard& shard = *shards_[stream.value - 1U];
      shard.run([&, last = segment] { surplus = shard.recycle(last); });
    } else {  // of a shard that an earlier start had
      done = journal::remove_segments(directory_->files(), directory_->stream_directory(stream), segment);
    }
    // Here, since it takes more than a millisecond each. What cannot be removed stays until the next start.
    if (!surplus) {
      done = surplus.error();
    } else if (!surplus->empty()) {
      done = journal::remove_files(directory_->files(), *surplus);
    }
    if (!done)
      base::log::warning("segments_not_recycled", "old segments could not be recycled: " + done.error().detail);
  }
}

// --- what is told about it ---

api::Readiness Server::readiness() const {
  api::Readiness facts;
  facts.recovered = started_.load();
  facts.draining = draining_.load();
  if (watchdog_) facts.stuck = watchdog_->stuck();
  facts.durability = name_of(config_.durability);
  facts.journal_open = true;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (!shards_[i]->journal_failed()) continue;
    facts.journal_open = false;
    facts.journal_detail = "the stream of shard " + std::to_string(i) + " cannot be written";
  }
  if (control_->journal_failed()) {
    facts.control_detail = "the control stream cannot be written; changes are refused until it can";
  } else if (control_->nodes_stream().failed()) {
    facts.control_detail = "what other nodes count cannot be written, and is not shown until it can";
  }
  const store::CheckpointStats checkpoints = checkpointer_->stats();
  // Until this process made one: that which it began with, as old as the latest that it holds.
  facts.last_checkpoint_s = checkpoints.last_utc_s != 0 ? checkpoints.last_utc_s : recovered_.checkpoint_s;
  facts.checkpoints_fail = checkpoints.failures_in_a_row > 0;
  std::set<std::string> sentences;  // what the start found a checkpoint finds again
  for (const store::Ledger* ledger : {&ledger_at_start_, &checkpoints.ledger}) {
    for (const store::LedgerMismatch& mismatch : ledger->mismatches) sentences.insert(mismatch.sentence);
  }
  facts.ledger.assign(sentences.begin(), sentences.end());
  facts.sites = recovered_.registry->size();
  facts.redis = redis_ != nullptr;
  if (redis_ != nullptr) facts.redis_problem = redis_->problem();
  return facts;
}

metrics::Facts Server::facts() const {
  metrics::Facts facts;
  facts.version = kVersion;
  facts.revision = kRevision;
  facts.hiredis = redis::hiredis_version();
  facts.openssl = base::openssl_version();
  facts.durability = name_of(config_.durability);
  for (const auto& shard : shards_) {
    const http::LoopCounters& loop = shard->loop().counters();
    facts.connections += loop.accepted.get() - loop.closed.get();
    facts.connections_accepted += loop.accepted.get();
    facts.connections_max += shard->loop().connections_max();
    facts.requests_begun += requests_begun(loop);
    add_refusals(facts, *shard);
    facts.body_memory += loop.body_memory.get();
    facts.queue_delay_s = std::max(facts.queue_delay_s, static_cast<double>(loop.queue_delay_ms.get()) / 1000);
    facts.overloaded |= loop.overloaded.get() != 0;
    for (std::size_t i = 0; i < facts.parse_errors.size(); ++i)
      facts.parse_errors.at(i) += loop.parse_errors.at(i).get();
    add_tls(facts, loop);
    const api::LiveCounters& live = shard->live_counters();
    facts.subscribers += live.subscribers.get();
    facts.live_events += live.events.get();
    facts.live_evicted += live.evicted.get();
    facts.journal_syncs += shard->sync_thread().jobs();
    facts.journal_sync_failures += shard->sync_thread().failures();
    facts.journal_sync_seconds += static_cast<double>(shard->sync_thread().busy_us()) / 1e6;
    facts.unsynced_hits += shard->unsynced_hits();
    facts.durable_hits += shard->durable_hits();
    facts.journal_streams_failed += shard->journal_failed() ? 1U : 0U;
    facts.online_pairs += shard->online_pairs();
    facts.online += shard->online();
    facts.syslog.push_back(&shard->syslog_counters());
    facts.slice_s_max = std::max(facts.slice_s_max, static_cast<double>(shard->slice_ns_max()) / 1e9);
  }
  add_tls(facts, control_->loop().counters());
  if (tls_) facts.tls_expires_s = tls_->expires_s();
  if (config_.syslog.listen.empty()) facts.syslog.clear();
  facts.syslog_buffer_bytes = syslog_buffer_bytes_;
  facts.journal_streams_failed += control_->journal_failed() ? 1U : 0U;
  facts.journal_bytes = journal_bytes();
  facts.sites = recovered_.registry->size();
  facts.pages_most_at_start = pages_most_at_start_;
  facts.pages_max = config_.pages_max;
  facts.labels_max = config_.labels_max;
  facts.body_memory_max = loop_limits(config_, descriptors_).body_memory_max * shards_.size();
  facts.unsynced_hits_max = Shard::kUnsyncedHitsMax * shards_.size();
  facts.online_pairs_max = config_.online_pairs_max;
  facts.batch_keys_max = config_.batch_keys_max;
  facts.batch_key_bytes_max = config_.batch_key_memory_max;
  facts.site_series = sites_with_series(*recovered_.registry, config_.metrics_sites, clock_->utc_s());
  facts.batch_keys = recovered_.registry->batch_keys().held();
  facts.batch_key_bytes = recovered_.registry->batch_keys().bytes();
  facts.changes_remembered = recovered_.registry->remembered();
  facts.changes_past = recovered_.registry->past().size();
  facts.changes_past_bytes = recovered_.registry->past().memory_bytes();
  const store::CheckpointStats checkpoints = checkpointer_->stats();
  facts.checkpoints = checkpoints.checkpoints;
  const store::Ledger& ledger = checkpoints.ledger_checks > 0 ? checkpoints.ledger : ledger_at_start_;
  facts.ledger_checks = 1 + checkpoints.ledger_checks;
  facts.ledger_mismatch = std::max(ledger_at_start_.by(), checkpoints.ledger.by());
  facts.ledger_stream_hits = ledger.stream_hits;
  facts.ledger_site_hits = ledger.site_hits;
  facts.saturated_sites = ledger.saturated.size();
  facts.checkpoint_failures = checkpoints.failures;
  facts.checkpoint_failures_in_a_row = checkpoints.failures_in_a_row;
  facts.journal_uncovered_bytes = checkpoints.journal_bytes;
  facts.reserve_bytes = reserve_->bytes();
  std::error_code unknown;
  const std::filesystem::space_info space = std::filesystem::space(config_.data_dir, unknown);
  if (!unknown) facts.disk_free_bytes = space.available;
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
  if (redis_ != nullptr) {
    facts.redis = true;
    facts.redis_up = redis_->up();
    const redis::ClientCounters& counters = redis_->counters();
    facts.redis_answered = counters.answered.get();
    facts.redis_unavailable = counters.unavailable.get();
    facts.redis_connects = counters.connects.get();
    facts.redis_round_trips = counters.round_trips.get();
    facts.redis_round_trip_ms = counters.round_trip_ms.get();
    for (std::size_t i = 0; i < redis::kErrorClasses; ++i) {
      facts.redis_errors.emplace_back(redis::name_of(static_cast<redis::ErrorClass>(i)), counters.errors.at(i).get());
    }
    if (const NodeLink* nodes = redis_->nodes()) {
      facts.replication = &nodes->replicator().counters();
      facts.replication_dirty = nodes->replicator().dirty();
      facts.replication_lag_s = nodes->lag_s();
      if (const auto ahead_ms = nodes->clock_ahead_ms())
        facts.redis_clock_ahead_s = static_cast<double>(*ahead_ms) / 1000;
    }
    const SnapshotStats& snapshots = redis_->snapshots().stats();
    facts.snapshots = snapshots.taken;
    facts.snapshot_failures = snapshots.failed;
    facts.snapshot_last_s = snapshots.last_s;
  }
  facts.reload_failures = reloads_.failures;
  facts.last_reload_succeeded = reloads_.last_succeeded;
  facts.last_reload_success_s = reloads_.last_success_s;
  facts.admin_failed_attempts = control_->attempts().wrong().get();
  facts.admin_limited_attempts = control_->attempts().limited().get();
  for (const auto& shard : shards_) {
    facts.public_failed_attempts += shard->attempts().wrong().get();
    facts.public_limited_attempts += shard->attempts().limited().get();
  }
  facts.log_lines_dropped = base::log::dropped();
  facts.log_lines_suppressed = base::log::suppressed();
  facts.ready = takes_hits() && (!watchdog_ || watchdog_->stuck().empty());
  facts.clock_steps = control_->clock_watch().steps();
  facts.stall_s_max = static_cast<double>(control_->clock_watch().stall_ms_max()) / 1000;
  return facts;
}

}  // namespace footfall
