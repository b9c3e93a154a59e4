// SPDX-License-Identifier: Apache-2.0
#include "shard.h"

#include <time.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <system_error>
#include <utility>

#include "api/assets.h"
#include "api/auth.h"
#include "api/health.h"
#include "api/json.h"
#include "api/pages.h"
#include "api/problem_image.h"
#include "api/problems.h"
#include "api/refusals.h"
#include "api/root_files.h"
#include "api/series.h"
#include "api/sites_list.h"
#include "api/stats.h"
#include "api/text.h"
#include "api/top.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "candidate.h"
#include "ingest/native.h"
#include "sites/records.h"

namespace footfall {
namespace {

std::uint64_t thread_cpu_ns() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return 0;
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// A pass decides in blocks of at most this many pings, so that a block fits a journal segment and the buffers stay
// small.
constexpr std::size_t kCandidatesMax = 2048;
// Reads that wait for their turn between passes; the longest of them takes some 20 ms.
constexpr std::size_t kCostlyReadsMax = 64;
constexpr std::size_t kSpareBlocksMax = 8;
// Where a block is durable as soon as it is written, one of so many is timed.
constexpr std::uint64_t kTimedEach = 16;
// Of a refused batch; behind other refusals as much is thrown away before a connection ends (kLingerBytes of
// http/loop.cc).
constexpr std::uint64_t kRefusedBodyMax = 1U << 20U;
// Of a syslog socket at a stop: as much as a receive buffer may hold.
constexpr int kLastSyslogReads = 2048;
// Of the segment that a stop begins on a full disk; one block of observations makes it longer.
constexpr std::uint64_t kLastSegmentBytes = journal::kSegmentBytesMin;

constexpr std::string_view kDiskBehind = "the disk is behind; try again in a second";
constexpr std::string_view kOverloaded = "the server has more to do than it can; try again in a second";
constexpr std::string_view kTakenOver = "a new process takes over; try again in a second";
constexpr std::string_view kJournalFails = "the journal cannot be written; nothing is counted until it can";

// The rest of a refused request is read, so that its connection goes on; else the connection ends.
bool is_short(const http::Request& head) {
  if (head.has(http::Field::expect)) return false;  // it is not sent to be thrown away
  const std::string_view text = head.field(http::Field::content_length);
  std::uint64_t bytes = 0;
  return std::from_chars(text.data(), text.data() + text.size(), bytes).ec == std::errc() && bytes <= kRefusedBodyMax;
}

// Reads that may take milliseconds.
bool is_costly(api::Route route) {
  return route == api::Route::pages || route == api::Route::series || route == api::Route::sites;
}

// Reads whose answers the history's thread may make: nothing else of the connection is read until then.
bool may_wait(api::Route route) {
  return is_costly(route) || route == api::Route::top || route == api::Route::live;
}

// Why a ping was not even read.
ingest::Rejection rejection_of(http::ParseError error) {
  switch (http::status_of(error)) {
    case 408:
      return ingest::Rejection::timeout;
    case 413:
    case 414:
    case 431:
      return ingest::Rejection::too_large;
    case 503:
      return ingest::Rejection::overload;
    default:
      return ingest::Rejection::malformed;
  }
}

// What is answered depends on the token: the numbers of sites, in whatever form.
bool tells_by_token(api::Route route) {
  return route >= api::Route::stats && route <= api::Route::widget_json;
}

}  // namespace

struct Shard::Read {
  api::Route route = api::Route::none;
  api::Route resource = api::Route::none;
  std::string site, part, query, token;
  std::string path;  // of a hit that asked for JSON; normalised
  std::string if_none_match;
  std::string accept_encoding;
  bool head = false;
  bool tls = false;       // over TLS
  bool shed = false;      // to be refused, since there is too much to do
  bool limited = false;   // to be told to wait, since too many wrong tokens came
  api::AskedBy asked_by;  // of refusals
  bool waits() const { return is_costly(route) && !shed; }
};

struct Shard::Refusal {
  ingest::Rejection reason;
  std::string detail;
  bool gif;
};

struct Shard::Batch {
  api::Problem problem = api::Problem::count_;  // count_: none
  std::string text;                             // the answer's body, or the problem's detail
  std::uint64_t accepted = 0;                   // items
  bool replayed = false;
  std::optional<counting::Epoch> epoch;  // under which all of it was counted, if it was one
};

// Taken from spare_blocks_ and given back, so that its vectors keep their capacity.
struct Shard::Block {
  std::uint64_t sequence = 0;
  std::uint32_t hits = 0;
  std::uint32_t unanswered = 0;      // of them, to which nobody waits for an answer
  std::int64_t read_ms = 0;          // when the pass began that read them
  std::vector<sites::Group> groups;  // the first `sites` are used
  std::size_t sites = 0;
  sites::BatchClaim claim;
  std::vector<std::pair<sites::SiteId, counting::Observation>> observations;
};

Shard::Shard(unsigned index, const ShardEnvironment& environment, std::shared_ptr<const ShardSettings> settings,
             std::unique_ptr<journal::Writer> writer, std::uint64_t applied_hits)
    : index_(index),
      environment_(environment),
      context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      work_(boost::asio::make_work_guard(context_)),
      writer_(std::move(writer)),
      loop_(std::make_unique<http::Loop>(context_, environment.clock, *this, environment.parser_limits,
                                         environment.loop_limits)),
      sink_(*loop_),
      live_(sink_),
      dashboard_(environment.script_name),
      settings_(std::move(settings)),
      lookup_{lookup::AgentCache(environment.agents), settings_->countries},
      rate_limit_(settings_->rate_limit, settings_->rate_burst),
      hit_limits_(environment.hit_limit),
      intake_(environment.node, environment.imports, environment.batch_keys, sites_, lookup_, hit_limits_, counters_),
      syslog_intake_(settings_->syslog, sites_, lookup_, hit_limits_, counters_, syslog_counters_),
      sync_thread_(std::make_unique<journal::SyncThread>(environment.files, [this](const base::Result<void>& outcome) {
        boost::asio::post(context_, [this, outcome] { on_synced(outcome); });
      })) {
  applied_through_ = synced_through_ = writer_->position().sequence;
  applied_hits_ = applied_hits;
  if (writer_->failed()) journal_failed_.set(1);
  began_s_ = environment.clock.utc_s();
  hit_limits_.set_in_all(settings_->hits_per_second_max);
  candidates_.reserve(kCandidatesMax);
  hit_answers_.set_second(environment.clock.utc_s());
}

Shard::~Shard() = default;

void Shard::start() {
  thread_ = std::thread([this] {
    base::name_this_thread("shard-" + std::to_string(index_));
    context_.run();
  });
}

void Shard::post(std::function<void()> task) {
  boost::asio::post(context_, [this, task = std::move(task)] { aside(task); });
}

template <class Work>
void Shard::aside(const Work& work) {
  const std::uint64_t begin_ns = thread_cpu_ns();
  work();
  slice_ns_max_.set(std::max(slice_ns_max_.get(), thread_cpu_ns() - begin_ns));
}

void Shard::run(const std::function<void()>& task) {
  std::promise<void> done;
  post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

// --- what the control thread hands over ---

// Under another rate everybody begins with a full bucket.
void Shard::set_settings(std::shared_ptr<const ShardSettings> settings) {
  if (settings->rate_limit != settings_->rate_limit || settings->rate_burst != settings_->rate_burst)
    rate_limit_ = ingest::RateLimit(settings->rate_limit, settings->rate_burst);
  hit_limits_.set_in_all(settings->hits_per_second_max);
  loop_->set_limits(settings->connections_max, settings->body_memory_max);
  syslog_intake_.set_options(settings->syslog);
  lookup_.countries = settings->countries;
  settings_ = std::move(settings);
}

void Shard::set_directory(std::shared_ptr<const sites::Directory> directory) {
  directory_ = std::move(directory);
  sites_.set_directory(*directory_);
  live_.on_directory(*directory_);
}

void Shard::set_salts(std::shared_ptr<const ingest::SaltKeys> salts) {
  sites_.set_salts(std::move(salts));
}

void Shard::add_active(sites::Site* site) {
  active_.push_back(site);
}

void Shard::roll(std::function<void(store::ClosedStream)> closed) {
  const base::Result<journal::Position> rolled = writer_->roll();
  if (!rolled) {
    if (writer_->failed() && !journal_failed()) fail_journal(rolled.error());
    return closed({writer_->last_closed(acknowledged()).segment, {}});
  }
  store::ClosedStream stream{rolled->segment, store::ClosedStream::Applied{rolled->sequence, applied_hits_}};
  for (const auto& block : blocks_) stream.applied->hits += block->hits;  // once they are durable they are applied
  if (environment_.durability == Durability::memory) return closed(stream);
  waiters_.push_back(
      {rolled->sequence, [this, closed = std::move(closed), stream](const base::Result<void>& durable) {
         closed(durable ? stream : store::ClosedStream{writer_->last_closed(acknowledged()).segment, {}});
       }});
  start_sync();
  settle_waiters();
}

base::Result<std::vector<std::string>> Shard::recycle(std::uint64_t through_segment) {
  return writer_->recycle(through_segment);
}

Shard::Standing Shard::standing() {
  settle_parts(applied_through_);  // as a replay would
  Standing out{journal::StreamId{static_cast<std::uint16_t>(index_ + 1)}, applied_through_, lost_observations_, {}};
  for (const auto& block : blocks_)
    out.observations.insert(out.observations.end(), block->observations.begin(), block->observations.end());
  if (environment_.durability == Durability::memory) {
    if (const base::Result<void> written = writer_->flush(); !written) {
      fail_journal(written.error());
      out.failure = written.error();
    }
  }
  return out;
}

void Shard::journal_again(const std::vector<std::pair<sites::SiteId, counting::Observation>>& observations) {
  lost_observations_.insert(lost_observations_.end(), observations.begin(), observations.end());
}

void Shard::when_durable(std::function<void(base::Result<void>)> done) {
  if (environment_.durability == Durability::memory) return done({});
  waiters_.push_back({writer_->position().sequence, std::move(done)});
  start_sync();
  settle_waiters();
}

void Shard::begin_stop(std::int32_t drain_s) {
  post([this, drain_s] {
    draining_ = true;
    for (const auto& listener : listeners_) listener->stop();
    if (paused_) return drain(drain_s);  // let_go() has left all that a successor has
    // What came before the end is counted, or refused where the journal fails; what comes after it finds nobody.
    for (const SyslogSource& source : syslog_) {
      for (int reads = 0; reads < kLastSyslogReads && read_syslog(*source.socket); ++reads) {
      }
      syslog_counters_.lost.add(source.socket->newly_lost());
      source.socket->close();
    }
    drain(drain_s);
  });
}

void Shard::drain(std::int32_t drain_s) {
  live_.close_all();
  loop_->drain(environment_.clock.utc_ms() + std::int64_t{drain_s} * 1000, [this] { drained_.set_value(); });
}

void Shard::pause() {
  paused_ = true;
  for (const auto& listener : listeners_) listener->pause();
}

void Shard::rest(std::function<void(base::Result<void>)> done) {
  tick_sites(environment_.clock.utc_s() + 1);
  at_rest_ = true;
  if (journal_failed()) return done(base::Error{base::Errc::unavailable, std::string(kJournalFails)});
  waiters_.push_back({writer_->position().sequence, std::move(done)});
  start_sync();
  settle_waiters();
}

void Shard::let_go() {
  for (const auto& listener : listeners_) listener->leave();
  for (const SyslogSource& source : syslog_) source.socket->leave();
  loop_->let_go();
}

void Shard::thaw() {
  at_rest_ = false;
  paused_ = false;
  for (const auto& listener : listeners_) listener->resume();
  loop_->thaw();
  resume_syslog();
}

std::vector<SyslogSocket*> Shard::syslog_sockets() const {
  std::vector<SyslogSocket*> out;
  for (const SyslogSource& source : syslog_) out.push_back(source.socket.get());
  return out;
}

void Shard::wait_for_drain() {
  drained_.get_future().wait();
}

void Shard::finish_stop() {
  base::Result<void> written = write_last();
  if (!written) {
    environment_.make_room();
    run([this] { writer_->set_segment_bytes(kLastSegmentBytes); });
    written = write_last();
  }
  if (!written) {
    base::log::error("ledger_mismatch", "shard " + std::to_string(index_) +
                                            ": what was observed last is not on the disk: " + written.error().detail);
  }
  end();
}

void Shard::end() {
  work_.reset();
  context_.stop();
  thread_.join();
  sync_thread_.reset();  // the shard's thread used it to its end
}

base::Result<void> Shard::write_last() {
  std::promise<base::Result<void>> settled;
  run([&] {
    if (journal_failed() && !syncing_) reopen_journal();
    tick_sites(environment_.clock.utc_s() + 1);  // no hit comes any more: the present second is over
    waiters_.push_back({writer_->position().sequence, [&](const base::Result<void>& durable) {
                          settled.set_value(journal_failed() ? *writer_->failure() : durable);
                        }});
    start_sync();
    settle_waiters();
  });
  return settled.get_future().get();
}

// --- a pass: what was read ---

// Pings are never shed: to refuse one costs most of what it costs to count it.
bool Shard::shed(Shed what) {
  const bool too_many = what == Shed::batch ? loop_->sheds_ahead() : costly_waiting_ >= kCostlyReadsMax;
  if (!too_many && !loop_->overloaded()) return false;
  (what == Shed::batch ? counters_.shed_batches : counters_.shed_reads).add();
  return true;
}

void Shard::on_requests(http::ConnectionRef connection, const http::Peer& peer, http::Requests& requests) {
  while (const http::Request* request = requests.next()) {
    // What is costly to answer goes one at a time, so that nobody is owed more than one such answer.
    if (!take(connection, peer, *request)) requests.pause();
  }
}

api::Target Shard::route_of(const http::Request& request) const {
  return api::route_of(request.method, request.path, environment_.base_path, environment_.script_name);
}

bool Shard::take(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request) {
  const api::Target target = route_of(request);
  switch (target.route) {
    case api::Route::hit:
      on_hit(connection, peer, request, false);
      return true;
    case api::Route::hit_gif:
      on_hit(connection, peer, request, true);
      return true;
    case api::Route::batch:
      return on_batch(connection, peer, request);
    default:
      on_read(connection, peer, request, target);
      return !may_wait(target.route);
  }
}

void Shard::refuse(http::ConnectionRef connection, const http::Request& request, ingest::Rejection reason,
                   std::string detail, bool gif) {
  counters_.reject(reason);
  const std::uint32_t index = refusals_.take();
  refusals_[index] = {reason, std::move(detail), gif};
  pending_.push_back({connection, Answer::refusal, request.keep_alive, false, index});
}

void Shard::refuse(http::ConnectionRef connection, const http::Request& request, ingest::Rejection reason,
                   std::string detail, bool gif, const LocalSite& site, const ingest::Ping& ping) {
  const std::string_view host = reason != ingest::Rejection::origin ? std::string_view()
                                : ping.origin_null                  ? std::string_view("null")
                                                                    : ping.origin_host;
  site.entry.site->refusals().add(ingest::name_of(reason), host, loop_->now_ms() / 1000);
  refuse(connection, request, reason, std::move(detail), gif);
}

void Shard::on_hit(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request, bool gif) {
  using http::Field;
  counters_.received.add();
  const base::Result<ingest::Ping> parsed = ingest::parse_native(request, arena_);
  if (!parsed) {
    const base::Errc code = parsed.error().code;
    const ingest::Rejection reason = code == base::Errc::conflict    ? ingest::Rejection::media_type
                                     : code == base::Errc::too_large ? ingest::Rejection::too_large
                                                                     : ingest::Rejection::malformed;
    return refuse(connection, request, reason, parsed.error().detail, gif);
  }
  const ingest::Ping& ping = *parsed;
  if (ping.unknown_keys != 0) counters_.unknown_keys.add(ping.unknown_keys);
  LocalSite* local = sites_.find(ping.site);
  if (local == nullptr) {
    return refuse(
        connection, request, ingest::Rejection::unknown_site,
        "no site is registered under this name; check the page's data-site, or add it: footfall site add NAME", gif);
  }
  const ingest::ClientAddress client = client_of(peer, request);
  if (client.untrusted_header) counters_.untrusted_forwards.add();
  const std::int64_t now_ms = loop_->now_ms();
  // A loopback peer that forwards for nobody is the owner's own program.
  if ((client.forwarded || !peer.loopback) && !rate_limit_.allow(client.address, now_ms)) {
    return refuse(connection, request, ingest::Rejection::rate,
                  "more pings than this server takes from one address; try again in a second", gif, *local, ping);
  }
  if (at_rest_) [[unlikely]] {
    return refuse(connection, request, ingest::Rejection::overload, std::string(kTakenOver), gif, *local, ping);
  }
  if (journal_failed()) {
    return refuse(connection, request, ingest::Rejection::disk, std::string(kJournalFails), gif, *local, ping);
  }
  if (unsynced_hits_.get() + candidates_.size() >= kUnsyncedHitsMax)
    return refuse(connection, request, ingest::Rejection::overload, std::string(kDiskBehind), gif, *local, ping);

  const std::string_view user_agent = request.field(Field::user_agent);
  const lookup::AgentCache::Found found = lookup_.agents.find(user_agent);
  const lookup::Agent& agent = found.agent;
  const ingest::Verdict verdict = ingest::judge(ping, *local->entry.settings, agent.bot, false, &client.address);
  if (verdict.rejection != ingest::Rejection::none)
    return refuse(connection, request, verdict.rejection, {}, gif, *local, ping);
  if (!hit_limits_.allow(*local, now_ms)) {
    return refuse(connection, request, ingest::Rejection::rate,
                  "more hits than are taken in a second, of this site or in all; try again in a second", gif, *local,
                  ping);
  }

  if (candidates_.size() == kCandidatesMax) commit_pass();
  sites::Candidate& candidate = candidates_.emplace_back();
  owners_.push_back(local);
  fill(candidate, *local, ping, agent, verdict, now_ms / 1000,
       {client.address.bytes.data(), found.digest, nullptr, lookup_.countries.get()});

  if (ping.format == ingest::AnswerFormat::json) {
    const std::uint32_t index = reads_.take();
    pending_.push_back({connection, Answer::hit_json, request.keep_alive, false, index});
    Read& read = reads_[index];
    read.route = read.resource = api::Route::hit;
    read.head = read.tls = read.shed = read.limited = false;
    read.site = ping.site;
    read.path = ping.path;
    // A wrong token does not keep a ping from being counted; it is as none.
    read.token = bearer_of(peer, request).token == nullptr ? std::string_view() : api::bearer_of(request);
  } else {
    pending_.push_back({connection, gif ? Answer::gif : Answer::no_content, request.keep_alive});
  }
}

void Shard::on_read(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request,
                    const api::Target& target) {
  using http::Field;
  const std::uint32_t index = reads_.take();
  pending_.push_back({connection, Answer::read, request.keep_alive, false, index});
  Read& read = reads_[index];
  read.route = target.route;
  read.resource = target.resource;
  read.shed = is_costly(target.route) && shed(Shed::read);
  read.limited = tells_by_token(target.route) && bearer_of(peer, request).limited;
  if (target.route == api::Route::refusals) {
    const ingest::ClientAddress client = client_of(peer, request);
    read.asked_by = {ingest::may_forward({std::to_array(peer.address)}, peer.loopback, settings_->trusted_proxies),
                     client.forwarded || client.untrusted_header};
  }
  if (read.waits()) ++costly_waiting_;
  read.site = target.site;
  read.part = target.part;
  read.query = request.query;
  read.token = api::bearer_of(request);
  read.if_none_match = request.field(Field::if_none_match);
  read.head = request.method == http::Method::head;
  read.tls = peer.tls;
  read.accept_encoding = request.field(Field::accept_encoding);
}

// --- what is refused before it is a request ---

ingest::ClientAddress Shard::client_of(const http::Peer& peer, const http::Request& request) const {
  return ingest::client_address({std::to_array(peer.address)}, peer.loopback,
                                request.field(http::Field::x_forwarded_for), settings_->trusted_proxies);
}

Shard::Bearer Shard::bearer_of(const http::Peer& peer, const http::Request& request) {
  const std::string_view secret = api::bearer_of(request);
  if (secret.empty()) return {};
  const std::int64_t now_ms = loop_->now_ms();
  const ingest::ClientAddress client = client_of(peer, request);
  const ingest::Asker asker{client.address, peer.loopback && !client.forwarded};
  if (attempts_.shut_out(asker, now_ms)) return {nullptr, true};
  const sites::Token* const token = api::find_token(directory_->tokens, secret, now_ms / 1000);
  return {token, token == nullptr && !attempts_.failed(asker, now_ms)};
}

bool Shard::on_head(const http::Peer& peer, const http::Request& head, std::string& answer,
                    std::unique_ptr<http::BodySink>& sink) {
  if (route_of(head).route != api::Route::batch) return true;
  BatchIntake::Refused refused{api::Problem::unavailable, kOverloaded};
  if (shed(Shed::batch)) {
    if (is_short(head)) {
      sink = std::make_unique<BatchBody>();
      return true;
    }
  } else {
    const Bearer bearer = bearer_of(peer, head);
    refused = BatchIntake::look_at(head, bearer.token, bearer.limited);
  }
  if (refused.problem == api::Problem::count_) {
    sink = intake_.begin(head);
    return true;
  }
  hit_answers_.set_second(loop_->now_ms() / 1000);
  api::write_problem(answer, refused.problem, refused.detail, hit_answers_.date(), false, node_field());
  counters_.answered(api::Route::batch, api::info_of(refused.problem).status);
  return false;
}

void Shard::on_refused(const http::Peer& peer, http::ParseError error, const http::Request* request,
                       std::string& answer) {
  hit_answers_.set_second(loop_->now_ms() / 1000);
  api::Target target;
  if (request != nullptr) target = route_of(*request);
  const bool head_only = request != nullptr && request->method == http::Method::head;
  std::string fields;
  if (target.route == api::Route::hit_gif || target.route == api::Route::hit || target.route == api::Route::batch) {
    const ingest::Rejection reason = rejection_of(error);
    counters_.received.add();
    counters_.reject(reason);
    fields = "Footfall-Rejected: " + std::string(ingest::name_of(reason)) + "\r\n";
    if (target.route == api::Route::batch) fields += node_field();
  } else if (peer.tls) {
    fields = environment_.strict_transport;
  }
  counters_.answered(target.resource, http::status_of(error));
  if (!api::answers_images(target.resource))
    return api::write_refused(answer, error, hit_answers_.date(), fields, head_only);
  api::write_problem_image(answer, target.resource, api::problem_of(error), http::describe(error), hit_answers_.date(),
                           false, fields, head_only);
}

// --- a pass: decide, journal, apply ---

std::uint64_t Shard::append(std::uint32_t hits) {
  const base::Result<std::uint64_t> written =
      writer_->append(payload_, hits, directory_ ? directory_->control_sequence : 0);
  if (written) {
    counters_.passes.add();
    return *written;
  }
  // too_large: nothing happened, and the stream is well.
  if (written.error().code != base::Errc::too_large) fail_journal(written.error());
  return 0;
}

// From here on pings are answered 503, until a new segment can be begun.
void Shard::fail_journal(const base::Error& cause) {
  counters_.journal_failures.add();
  if (!journal_failed()) {
    base::log::error("journal_stream_failed", "shard " + std::to_string(index_) + ": " + cause.detail +
                                                  "; pings are answered 503 until it can be written");
  }
  journal_failed_.set(1);
  // What the sync that is under way covers may still become durable.
  if (!syncing_) give_up_blocks(acknowledged());
  hold_bodies();
}

void Shard::reopen_journal() {
  const std::uint64_t kept = acknowledged();
  if (const base::Result<void> reopened = writer_->reopen(kept); !reopened) {
    if (std::exchange(reopen_problem_, reopened.error().detail) != reopened.error().detail)
      base::log::error("journal_not_reopened",
                       "shard " + std::to_string(index_) + ": no hit is taken: " + reopened.error().detail);
    return;
  }
  reopen_problem_.clear();
  base::log::info("journal_stream_mended", "shard " + std::to_string(index_) + ": the journal can be written again");
  journal_failed_.set(0);
  synced_through_ = std::min(synced_through_, kept);
}

Shard::Block& Shard::begin_block() {
  if (spare_blocks_.empty()) {
    blocks_.push_back(std::make_unique<Block>());
  } else {
    blocks_.push_back(std::move(spare_blocks_.back()));
    spare_blocks_.pop_back();
  }
  Block& block = *blocks_.back();
  block.sequence = 0;
  block.hits = 0;
  block.unanswered = 0;
  block.sites = 0;
  block.claim.release();
  block.observations.clear();
  return block;
}

std::uint64_t Shard::commit(std::span<const sites::Candidate> candidates, std::span<LocalSite* const> owners,
                            sites::BatchClaim claim, bool answered) {
  payload_.clear();
  touched_.clear();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    LocalSite* local = owners[i];
    if (local->in_block.empty()) touched_.push_back(local);
    local->in_block.push_back(&candidates[i]);
  }
  Block& block = begin_block();
  block.hits = static_cast<std::uint32_t>(candidates.size());
  block.unanswered = answered ? 0 : block.hits;
  block.read_ms = loop_->now_ms();
  block.sites = touched_.size();
  if (block.groups.size() < touched_.size()) block.groups.resize(touched_.size());
  const std::uint64_t pairs = environment_.online_pairs();
  const std::size_t pairs_left = pairs >= settings_->online_pairs_max ? 0 : settings_->online_pairs_max - pairs;
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    const std::vector<const sites::Candidate*>& part = touched_[i]->in_block;
    sites::decide(*touched_[i]->entry.site, part, index_, payload_, block.groups[i], pairs_left);
    touched_[i]->epoch = block.groups[i].epoch;
    if (block.groups[i].pages > counters_.pages_most.get()) counters_.pages_most.set(block.groups[i].pages);
    if (pairs_left < 2 * part.size()) {
      for (std::size_t k = 0; k < part.size(); ++k) {
        if (part[k]->touches_presence && !block.groups[i].hits[k].touches_presence) counters_.presence_full.add();
      }
    }
    touched_[i]->in_block.clear();
  }
  if (claim.holds()) {
    claim.encode(payload_);
    block.claim = std::move(claim);
  }
  return write_block(block);
}

std::optional<counting::Epoch> Shard::epoch_of_touched() const {
  if (touched_.empty()) return std::nullopt;
  const counting::Epoch& epoch = touched_.front()->epoch;
  const bool one = std::ranges::all_of(touched_, [&](const LocalSite* local) { return local->epoch == epoch; });
  return one ? std::optional(epoch) : std::nullopt;
}

std::uint64_t Shard::write_block(Block& block) {
  unsynced_hits_.set(unsynced_hits_.get() + block.hits);
  const std::uint64_t sequence = append(block.hits);
  if (sequence != 0) {
    block.sequence = sequence;
    written_hits_.add(block.hits);
    if (!holds_answers()) apply_through(sequence);
  } else if (!blocks_.empty() && blocks_.back()->sequence == 0) {  // else fail_journal() gave it up along with others
    forget(*blocks_.back());
    blocks_.pop_back();
  }
  return sequence;
}

void Shard::count_applied(std::span<const counting::Hit> hits) {
  std::array<std::uint64_t, counting::kKinds> kinds{};
  std::uint64_t bots = 0;
  std::uint64_t counted = 0;
  std::uint64_t other_pages = 0;
  std::uint64_t other_labels = 0;
  for (const counting::Hit& hit : hits) {
    ++kinds.at(static_cast<std::size_t>(hit.kind));
    bots += hit.bot ? 1U : 0U;
    counted += hit.counts ? 1U : 0U;
    if (hit.kind == counting::Kind::heartbeat) continue;  // it counts nowhere
    other_pages += hit.page == counting::kOtherPage ? 1U : 0U;
    other_labels +=
        std::find(hit.labels.begin(), hit.labels.end(), counting::kOtherLabel) == hit.labels.end() ? 0U : 1U;
  }
  counters_.applied.add(hits.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) counters_.applied_kinds.at(i).add(kinds.at(i));
  counters_.applied_bots.add(bots);
  counters_.counted.add(counted);
  counters_.other_pages.add(other_pages);
  counters_.other_labels.add(other_labels);
}

void Shard::apply(Block& block) {
  for (std::size_t i = 0; i < block.sites; ++i) {
    sites::apply(block.groups[i]);
    count_applied(block.groups[i].hits);
    sites::Site& site = *block.groups[i].site;
    if (!site.active() && site.activate()) environment_.activated(&site);
  }
  if (environment_.durability == Durability::kernel && block.claim.holds_part()) {
    undurable_parts_.emplace_back(block.sequence, std::move(block.claim));
  } else {
    block.claim.settle();
  }
  applied_hits_ += block.hits;
  counters_.accepted.add(block.hits);
  counters_.acknowledged.add(block.unanswered);
  unsynced_hits_.set(unsynced_hits_.get() - block.hits);
}

// One look at the clock for what one sync made durable, or for one write of kTimedEach.
void Shard::time_through(std::uint64_t sequence) {
  if (!holds_answers() && ++writes_ % kTimedEach != 0) return;
  const std::int64_t now_ms = environment_.clock.utc_ms();
  for (const auto& block : blocks_) {
    if (block->sequence > sequence) break;
    const std::uint32_t waited_for = block->hits - block->unanswered;
    if (waited_for != 0) counters_.hit_durations.add(now_ms - block->read_ms, waited_for);
  }
}

void Shard::settle_parts(std::uint64_t through) {
  for (; !undurable_parts_.empty() && undurable_parts_.front().first <= through; undurable_parts_.pop_front())
    undurable_parts_.front().second.settle();
}

void Shard::apply_through(std::uint64_t sequence) {
  time_through(sequence);
  while (!blocks_.empty() && blocks_.front()->sequence <= sequence) {
    apply(*blocks_.front());
    if (spare_blocks_.size() < kSpareBlocksMax) spare_blocks_.push_back(std::move(blocks_.front()));
    // Of one alone the deque stays where it is, and needs no memory anew.
    blocks_.size() == 1 ? blocks_.pop_back() : blocks_.pop_front();
  }
  applied_through_ = sequence;
}

// The block will never be durable: nothing of it was applied, nothing of it will be.
void Shard::forget(Block& block) {
  for (std::size_t i = 0; i < block.sites; ++i) {
    sites::Site& site = *block.groups[i].site;
    base::MutexLock lock(site.mutex());
    site.clear_definitions(index_);
  }
  if (block.sequence != 0) written_hits_.set(written_hits_.get() - block.hits);
  // Written, it may be replayed until the next segment's header is durable: until then nobody counts it elsewhere.
  if (block.sequence != 0 && block.claim.holds()) given_up_.push_back(std::move(block.claim));
  block.claim.release();
  // They were seen all the same, and go into the next block.
  lost_observations_.insert(lost_observations_.end(), block.observations.begin(), block.observations.end());
  counters_.reject(ingest::Rejection::disk, block.hits);
  unsynced_hits_.set(unsynced_hits_.get() - block.hits);
}

// Every hit beyond is answered 503, with what else waits in its place.
void Shard::give_up_blocks(std::uint64_t beyond) {
  while (!blocks_.empty() && (blocks_.back()->sequence > beyond || blocks_.back()->sequence == 0)) {
    forget(*blocks_.back());
    blocks_.pop_back();
  }
  held_.release(UINT64_MAX, [this](Pending pending) {
    if (pending.committed) refuse_pending(pending);
    answer_in_turn(pending);
  });
}

void Shard::refuse_pending(Pending& pending) {
  switch (pending.answer) {
    case Answer::batch:
      // It stays counted, and is so when it is sent again: its answer was to say that it is on the device.
      if (pending.durable && pending.block != 0 && pending.block <= applied_through_)
        counters_.acknowledged.add(batches_[pending.index].accepted);
      batches_[pending.index].problem = api::Problem::unavailable;
      batches_[pending.index].text = kJournalFails;
      return;
    case Answer::hit_json:
      reads_.give(pending.index);
      break;
    case Answer::no_content:
    case Answer::gif:
      break;
    case Answer::refusal:
    case Answer::read:
      return;
  }
  const std::uint32_t index = refusals_.take();
  refusals_[index] = {ingest::Rejection::disk, std::string(kJournalFails), pending.answer == Answer::gif};
  pending.answer = Answer::refusal;
  pending.index = index;
}

void Shard::commit_pass() {
  if (candidates_.empty()) return;
  const std::uint64_t sequence = commit(candidates_, owners_, {});
  auto owner = owners_.begin();  // of the next hit: candidates are in the order of their answers
  for (Pending& pending : pending_) {
    const bool hit =
        pending.answer == Answer::no_content || pending.answer == Answer::gif || pending.answer == Answer::hit_json;
    if (!hit || pending.committed) continue;
    pending.committed = true;
    pending.block = sequence;
    pending.epoch = (*owner++)->epoch;
    if (sequence == 0) refuse_pending(pending);
  }
  candidates_.clear();
  owners_.clear();
}

void Shard::end_of_pass(std::int64_t now_ms) {
  hit_answers_.set_second(now_ms / 1000);
  commit_pass();
  answer_pass();
  arena_.clear();
  if (waited_for()) start_sync();
  if (settled()) counters_.balance();
}

// --- from the write to the disk ---

void Shard::start_sync() {
  if (syncing_ || journal_failed()) return;
  if (!writer_->begin_sync(sync_job_)) {
    if (writer_->failed()) fail_journal({base::Errc::io, "what was gathered could not be written"});
    return;
  }
  syncing_ = true;
  sync_job_hits_ = written_hits_.get();
  last_sync_ms_ = loop_->now_ms();
  sync_thread_->start(sync_job_);
}

void Shard::on_synced(const base::Result<void>& outcome) {
  syncing_ = false;
  writer_->finish_sync(sync_job_, outcome);
  sync_job_.files.clear();
  if (outcome) {
    synced_through_ = sync_job_.through;
    durable_hits_.set(sync_job_hits_);
    if (holds_answers()) {
      if (!writer_->failed()) start_sync();  // first: the device works while these are answered
      apply_through(synced_through_);
    }
    settle_parts(synced_through_);
    held_.release(synced_through_, [this](const Pending& pending) { answer_in_turn(pending); });
    if (journal_failed()) {
      give_up_blocks(synced_through_);  // a write failed meanwhile
    } else {
      given_up_.clear();  // what was synced began with a segment behind them
    }
  } else {
    fail_journal(outcome.error());
  }
  settle_waiters();
  hold_bodies();
  if (!draining_) resume_syslog();
  if (waited_for()) start_sync();
  if (settled()) counters_.balance();
  loop_->flush();
}

void Shard::settle_waiters() {
  std::vector<Waiter> waiting;
  waiting.swap(waiters_);
  for (Waiter& waiter : waiting) {
    if (waiter.sequence <= synced_through_) {
      waiter.done({});
    } else if (journal_failed() && !syncing_) {
      waiter.done(base::Error{base::Errc::unavailable, std::string(kJournalFails)});
    } else {
      waiters_.push_back(std::move(waiter));
    }
  }
}

// --- batches ---

// Whose batches are on their way sends no faster than the disk takes them.
void Shard::hold_bodies() {
  loop_->hold_bodies(!journal_failed() && unsynced_hits_.get() >= kUnsyncedHitsMax / 2);
}

bool Shard::on_batch(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request) {
  const std::uint32_t index = batches_.take();
  const auto* body = static_cast<const BatchBody*>(request.sink);  // nobody else makes one on this route
  if (body != nullptr ? body->refused() : shed(Shed::batch)) {     // what has a sink was judged by its head
    batches_[index] = {api::Problem::unavailable, std::string(kOverloaded), 0, false, std::nullopt};
    pending_.push_back({connection, Answer::batch, request.keep_alive, false, index});
    return true;
  }
  commit_pass();  // one block for what came before, one for the batch
  Pending& pending = pending_.emplace_back(Pending{connection, Answer::batch, request.keep_alive, false, index});
  const std::string_view unavailable = at_rest_                                   ? kTakenOver
                                       : journal_failed()                         ? kJournalFails
                                       : unsynced_hits_.get() >= kUnsyncedHitsMax ? kDiskBehind
                                                                                  : std::string_view();
  const Bearer bearer = bearer_of(peer, request);
  TakenBatch taken = intake_.take(request, bearer.token, bearer.limited, loop_->now_ms(), unavailable);
  batches_[index] = {taken.problem, std::move(taken.text), taken.candidates.size(), taken.replayed, std::nullopt};
  if (!taken.candidates.empty() || taken.claim.holds()) {
    // Else a part that went to another shard, and its mark, could outlive a power cut without the ones before it. Until
    // then it is under way for whoever sends it again.
    pending.durable = environment_.durability == Durability::kernel && taken.claim.holds_part();
    pending.block = commit(taken.candidates, taken.owners, std::move(taken.claim));
    pending.committed = true;
    if (pending.block == 0) refuse_pending(pending);
    batches_[index].epoch = epoch_of_touched();
    hold_bodies();
  }
  intake_.give_back(std::move(taken));
  return false;
}

// --- syslog ---

void Shard::add_syslog(std::unique_ptr<SyslogSocket> socket) {
  const std::size_t index = syslog_.size();
  syslog_.push_back({std::move(socket), false});
  syslog_[index].socket->start(context_, [this, index] { on_syslog(index); });
}

void Shard::renew(const std::shared_ptr<const base::TlsContext>& tls) {
  for (const auto& listener : listeners_) listener->renew(tls);
}

void Shard::on_syslog(std::size_t index) {
  SyslogSource& source = syslog_[index];
  source.held = paused_ || journal_failed() || unsynced_hits_.get() >= kUnsyncedHitsMax;
  if (source.held) return;
  read_syslog(*source.socket);
  source.socket->wait();
}

bool Shard::read_syslog(SyslogSocket& socket) {
  const std::int64_t now_ms = environment_.clock.utc_ms();
  const std::size_t datagrams =
      socket.receive([&](std::string_view datagram, bool cut) { syslog_intake_.take(datagram, cut, now_ms); });
  if (!syslog_intake_.candidates().empty()) {
    commit(syslog_intake_.candidates(), syslog_intake_.owners(), {}, false);
    if (holds_answers()) start_sync();
  }
  syslog_intake_.clear();
  if (settled()) counters_.balance();
  return datagrams > 0;
}

void Shard::resume_syslog() {
  for (std::size_t i = 0; i < syslog_.size(); ++i) {
    if (syslog_[i].held) on_syslog(i);
  }
}

// --- answers ---

void Shard::answer_pass() {
  for (Pending& pending : pending_) {
    const bool applied = pending.block <= applied_through_;
    const bool waits = pending.committed && !(applied && (!pending.durable || pending.block <= synced_through_));
    const bool given_up = blocks_.empty() || blocks_.back()->sequence < pending.block;  // in this pass
    const bool lost = waits && (applied ? journal_failed() : given_up);
    if (lost) {
      refuse_pending(pending);
      pending.block = 0;
    }
    if ((waits && !lost) || held_.holds(pending.connection)) {
      held_.hold(pending);
    } else {
      answer_in_turn(pending);
    }
  }
  pending_.clear();
}

// Costly reads are answered one between two passes, so that no ping waits for more than one.
void Shard::answer_in_turn(const Pending& pending) {
  if (pending.answer != Answer::read || !reads_[pending.index].waits()) return answer_one(pending);
  costly_.push_back(pending);
  if (costly_.size() == 1) boost::asio::post(context_, [this] { answer_costly(); });
}

void Shard::answer_costly() {
  const Pending pending = costly_.front();
  costly_.pop_front();
  --costly_waiting_;
  hit_answers_.set_second(loop_->now_ms() / 1000);
  answer_one(pending);
  loop_->flush();
  if (!costly_.empty()) boost::asio::post(context_, [this] { answer_costly(); });
}

void Shard::answer_one(const Pending& pending) {
  const bool keep_alive = pending.keep_alive && !draining_;
  std::string& out = loop_->begin_answer(pending.connection);
  switch (pending.answer) {
    case Answer::no_content:
      out.append(epoch_fields_.no_content(pending.epoch, hit_answers_, keep_alive));
      counters_.acknowledged.add();
      counters_.answered(api::Route::hit, 204);
      break;
    case Answer::gif:
      out.append(epoch_fields_.gif(pending.epoch, hit_answers_, keep_alive));
      counters_.acknowledged.add();
      counters_.answered(api::Route::hit_gif, 200);
      break;
    case Answer::hit_json:
      answer_read(out, reads_[pending.index], pending, keep_alive);
      reads_.give(pending.index);
      counters_.acknowledged.add();
      break;
    case Answer::refusal:
      answer_refusal(out, refusals_[pending.index], keep_alive);
      refusals_.give(pending.index);
      break;
    case Answer::read: {
      const bool streams = answer_read(out, reads_[pending.index], pending, keep_alive);
      reads_.give(pending.index);
      if (streams) return;
      break;
    }
    case Answer::batch:
      answer_batch(out, batches_[pending.index], keep_alive);
      batches_.give(pending.index);
      break;
  }
  loop_->finish_answer(pending.connection, !keep_alive);
}

void Shard::answer_batch(std::string& out, const Batch& batch, bool keep_alive) {
  const std::string_view date = hit_answers_.date();
  std::string fields = node_field();
  if (batch.problem != api::Problem::count_) {
    counters_.answered(api::Route::batch, api::info_of(batch.problem).status);
    return api::write_problem(out, batch.problem, batch.text, date, keep_alive, fields);
  }
  counters_.acknowledged.add(batch.accepted);
  counters_.answered(api::Route::batch, 200);
  if (batch.replayed) fields += "Idempotency-Replayed: true\r\n";
  if (batch.epoch) fields += epoch_fields_.field(*batch.epoch);
  http::write(out, {200, "application/json", batch.text, "no-store", fields, true}, date, keep_alive);
}

void Shard::answer_refusal(std::string& out, const Refusal& refusal, bool keep_alive) {
  using ingest::Rejection;
  api::Problem problem = api::Problem::count_;
  switch (refusal.reason) {
    case Rejection::malformed:
      problem = api::Problem::malformed;
      break;
    case Rejection::unknown_site:
      problem = api::Problem::unknown_site;
      break;
    case Rejection::media_type:
      problem = api::Problem::unsupported_media_type;
      break;
    case Rejection::too_large:  // a path
      problem = api::Problem::target_too_long;
      break;
    case Rejection::rate:
      problem = api::Problem::rate_limited;
      break;
    case Rejection::disk:
    case Rejection::overload:
      problem = api::Problem::unavailable;
      break;
    default:
      break;  // refused by policy: 204
  }
  const int status = problem == api::Problem::count_ ? 204 : api::info_of(problem).status;
  const std::string fields = "Footfall-Rejected: " + std::string(ingest::name_of(refusal.reason)) + "\r\n";
  if (status == 204 && refusal.gif) {
    http::write(out, {200, "image/gif", http::gif_bytes(), "no-store", fields, true}, hit_answers_.date(), keep_alive);
  } else if (status == 204) {
    http::write(out, {204, {}, {}, "no-store", fields, true}, hit_answers_.date(), keep_alive);
  } else if (refusal.gif) {
    api::write_problem_image(out, api::Route::hit_gif, problem, refusal.detail, hit_answers_.date(), keep_alive,
                             fields);
  } else {
    api::write_problem(out, problem, refusal.detail, hit_answers_.date(), keep_alive, fields);
  }
  counters_.answered(refusal.gif ? api::Route::hit_gif : api::Route::hit, refusal.gif && status == 204 ? 200 : status);
}

bool Shard::answer_read(std::string& out, const Read& read, const Pending& pending, bool keep_alive) {
  using api::Route;
  const std::string_view date = hit_answers_.date();
  std::string_view vary;
  const std::string_view strict = read.tls ? std::string_view(environment_.strict_transport) : std::string_view();
  const auto problem = [&](api::Problem kind, std::string_view detail, std::string_view fields = {}) {
    counters_.answered(read.resource, api::info_of(kind).status);
    const std::string more = std::string(fields).append(vary).append(strict);
    if (api::answers_images(read.resource)) {
      api::write_problem_image(out, read.resource, kind, detail, date, keep_alive, more, read.head);
    } else {
      api::write_problem(out, kind, detail, date, keep_alive, more, read.head);
    }
    return false;
  };
  const auto answer = [&](int status, std::string_view type, std::string_view body, std::string_view cache,
                          std::string_view fields = {}) {
    counters_.answered(read.resource, status);
    const std::string more = std::string(fields).append(vary).append(strict);
    http::write(out, {status, type, body, cache, more, true}, date, keep_alive, read.head);
    return false;
  };
  // Of what is made between two passes: within one nothing is compressed.
  const auto packed = [&](base::Result<std::string> body, std::string_view cache, api::Packing packing) {
    if (!body) return problem(api::problem_of(body.error().code), body.error().detail);
    const api::EncodedBody sent = api::encoded(*std::move(body), packing, read.accept_encoding, vary);
    vary = {};  // it is in the fields
    return answer(200, "application/json", sent.bytes, cache, sent.fields);
  };
  if (read.shed) return problem(api::Problem::unavailable, kOverloaded);
  if (read.limited) return problem(api::Problem::too_many_attempts, kTooManyAttempts);
  switch (read.route) {
    case Route::livez: {
      const api::HealthAnswer health = api::livez();
      return answer(health.status, "text/plain; charset=utf-8", health.body, "no-store");
    }
    case Route::readyz: {
      const bool ready = environment_.ready();
      return answer(ready ? 200 : 503, "text/plain; charset=utf-8", ready ? "ready\n" : "not ready\n", "no-store");
    }
    case Route::preflight: {
      const std::string fields = "Access-Control-Allow-Methods: " + std::string(api::allowed_methods(read.resource)) +
                                 "\r\nAccess-Control-Allow-Headers: Authorization, Content-Type, "
                                 "Idempotency-Key\r\nAccess-Control-Max-Age: 86400\r\n";
      return answer(204, {}, {}, "no-store", fields);
    }
    case Route::method_not_allowed:
      return problem(api::Problem::method_not_allowed, "this address takes other methods; see the Allow field",
                     "Allow: " + std::string(api::allowed_methods(read.resource)) + "\r\n");
    case Route::script:
    case Route::theme_script:
    case Route::site_page:
    case Route::sites_page:
    case Route::asset: {  // api::is_file()
      const api::Asset* const asset = read.route == Route::script         ? &api::script()
                                      : read.route == Route::theme_script ? &api::theme_script()
                                      : read.route == Route::site_page    ? &dashboard_.site()
                                      : read.route == Route::sites_page   ? &dashboard_.sites()
                                                                          : api::asset_named(read.part);
      if (asset == nullptr) return problem(api::Problem::not_found, "no file of this release has this name");
      http::Request request;
      request.method = read.head ? http::Method::head : http::Method::get;
      request.keep_alive = keep_alive;
      request.fields[static_cast<std::size_t>(http::Field::if_none_match)] = read.if_none_match;
      request.fields[static_cast<std::size_t>(http::Field::accept_encoding)] = read.accept_encoding;
      counters_.answered(read.resource, api::write_asset(out, *asset, request, date, strict));
      return false;
    }
    case Route::robots:
      return answer(200, "text/plain; charset=utf-8", api::robots_text(environment_.base_path), api::kRootFilesCache);
    case Route::favicon:
      return answer(200, "image/x-icon", api::favicon(), api::kRootFilesCache);
    case Route::sites: {
      vary = "Vary: Authorization\r\n";
      return packed(api::sites_json(*directory_, read.token, read.query, loop_->now_ms()),
                    read.token.empty() ? "public, max-age=5" : "private, no-store", api::Packing::fast);
    }
    case Route::none:
      return problem(api::Problem::not_found, "there is nothing at this address");
    default:
      break;
  }

  const LocalSite* local = sites_.find(read.site);
  if (local == nullptr) return problem(api::Problem::unknown_site, "no site is registered under this name");
  const api::ReadContext context =
      api::read_context(local->entry, local->zone, *directory_, read.token, loop_->now_ms());
  vary = api::vary_field(context);
  if (read.route == Route::hit) {
    return answer(200, "application/json", api::stats_json(context, read.path), "no-store",
                  epoch_fields_.field(pending.epoch));
  }
  if (const std::optional<api::Problem> refused = api::refusal(context, read.route))
    return problem(*refused, api::refusal_detail(*refused));

  const std::string_view cache = api::cache_control(context);
  const auto json = [&](const base::Result<std::string>& body) {
    return body ? answer(200, "application/json", *body, cache)
                : problem(api::problem_of(body.error().code), body.error().detail);
  };
  std::string_view path;
  if (read.route == Route::stats || read.route == Route::live || read.route == Route::series) {
    const std::string raw = api::query_value(read.query, "path").value_or("");
    if (!raw.empty() && !ingest::normalise_path(raw, arena_, path)) {
      return problem(api::Problem::malformed, "path: is longer than " + std::to_string(ingest::kPathMax) + " bytes");
    }
  }
  switch (read.route) {
    case Route::stats:
      return json(api::stats_json(context, path));
    case Route::pages:
      return packed(api::pages_json(context, read.query), cache, api::packing_of(context, read.route));
    case Route::series:
      if (path.empty()) {
        return packed(api::series_json(context, read.query), cache, api::packing_of(context, read.route));
      }
      return ask_history(read, pending, keep_alive, context,
                         [context, page = std::string(path), query = read.query](store::RankingReader& reader) {
                           return api::page_series_json(context, page, query, reader);
                         });
    case Route::top:
      return ask_history(read, pending, keep_alive, context,
                         [context, dimension = read.part, query = read.query](store::RankingReader& reader) {
                           return api::top_json(context, dimension, query, reader);
                         });
    case Route::refusals:  // of whoever asks: never from a cache
      return answer(200, "application/json",
                    api::refusals_json(context, began_s_, environment_.untrusted_forwards(), read.asked_by),
                    "private, no-store");
    case Route::live: {
      const base::Result<void> subscribed =
          live_.subscribe(pending.connection, context, path, api::query_value(read.query, "fields").value_or(""));
      if (!subscribed) return problem(api::problem_of(subscribed.error().code), subscribed.error().detail);
      counters_.answered(read.resource, 200);
      return true;
    }
    default:
      break;
  }
  const api::WidgetFormat format = read.route == Route::widget_svg    ? api::WidgetFormat::svg
                                   : read.route == Route::widget_png  ? api::WidgetFormat::png
                                   : read.route == Route::widget_text ? api::WidgetFormat::text
                                   : read.route == Route::widget_json ? api::WidgetFormat::json
                                                                      : api::WidgetFormat::html;
  const base::Result<const api::Widget*> found = widgets_.find(context, format, read.query);
  if (!found) return problem(api::problem_of(found.error().code), found.error().detail);
  const api::Widget& widget = **found;
  return answer(200, widget.content_type, widget.body, widget.cache_control, widget.security_fields);
}

bool Shard::ask_history(const Read& read, const Pending& pending, bool keep_alive, const api::ReadContext& context,
                        HistoryThread::Work work) {
  const std::string_view vary = api::vary_field(context);  // static
  const auto answer = [this, route = read.resource, head = read.head, tls = read.tls, connection = pending.connection,
                       keep_alive, cache = api::cache_control(context),
                       vary](const base::Result<api::EncodedBody>& body) {
    const std::string_view date = hit_answers_.date();
    std::string& out = loop_->begin_answer(connection);
    std::string fields(body ? std::string_view(body->fields) : vary);
    if (tls) fields += environment_.strict_transport;
    if (body) {
      counters_.answered(route, 200);
      http::write(out, {200, "application/json", body->bytes, cache, fields, true}, date, keep_alive, head);
    } else {
      const api::Problem kind = api::problem_of(body.error().code);
      counters_.answered(route, api::info_of(kind).status);
      api::write_problem(out, kind, body.error().detail, date, keep_alive, fields, head);
    }
    loop_->finish_answer(connection, !keep_alive);
  };
  // On the history's thread.
  const auto pack = [packing = api::packing_of(context, read.route), accept_encoding = read.accept_encoding,
                     vary](base::Result<std::string> body) -> base::Result<api::EncodedBody> {
    if (!body) return body.error();
    return api::encoded(*std::move(body), packing, accept_encoding, vary);
  };
  const base::Result<void> asked =
      environment_.history.ask(std::move(work), [this, answer, pack](base::Result<std::string> body) {
        boost::asio::post(context_, [this, answer, body = pack(std::move(body))] {
          hit_answers_.set_second(loop_->now_ms() / 1000);
          answer(body);
          loop_->flush();
        });
      });
  if (!asked) answer(asked.error());
  return true;
}

// --- each second ---

namespace {

// Looks at the last whole minute once, each site at a second of its own; where nobody is any more there is none.
void look_for_spike(sites::Site& site, std::int64_t now_s, bool idle) REQUIRES(site.mutex()) {
  if (idle) return site.set_spike({});
  const std::int64_t minute_s = counting::floor_div(now_s, 60) * 60 - 60;
  if (now_s - minute_s - 60 != site.id().value % 60) return;
  const std::vector<counting::Cell> minutes =
      site.state().minutes(minute_s - counting::Spike::kMinutesBefore * 60, minute_s + 60);
  site.set_spike(counting::spike_of(minutes, minute_s));
}

void tell_spike(const LocalSite* local, const std::optional<counting::Spike>& spike) {
  if (local == nullptr) return;
  const std::string name = "site " + local->entry.settings->name;
  if (!spike) return base::log::info("spike_ended", name + ": the spike is over");
  base::log::warning("spike_began",
                     name + ": " + std::to_string(spike->hits) + " hits in a minute, where " +
                         std::to_string(spike->usual) +
                         " are usual: a spike. It is counted as any other; what a program made is taken off by "
                         "`footfall seed --add -N`");
}

}  // namespace

void Shard::on_tick(std::int64_t now_ms) {
  aside([&] { each_second(now_ms); });
}

void Shard::each_second(std::int64_t now_ms) {
  if (at_rest_) return;
  if (!waiters_.empty()) settle_waiters();  // no sync may be on its way to do it, where one could not begin
  // While it drains the room that there is goes to what a stop must write.
  if (journal_failed() && !syncing_ && !draining_) reopen_journal();
  tick_sites(now_ms / 1000);
  for (const SyslogSource& source : syslog_) syslog_counters_.lost.add(source.socket->newly_lost());
  if (!draining_) resume_syslog();
  switch (environment_.durability) {
    case Durability::disk:
      start_sync();
      break;
    case Durability::kernel:  // a power cut may cost what came since the last one
      // At the next tick it would be too late.
      if (now_ms + environment_.loop_limits.tick_ms - last_sync_ms_ >= settings_->sync_interval_s * std::int64_t{1000})
        start_sync();
      break;
    case Durability::memory:
      if (journal_failed()) break;
      if (const base::Result<void> written = writer_->flush(); !written) fail_journal(written.error());
      break;
  }
  live_.tick(now_ms);
}

void Shard::tick_sites(std::int64_t now_s) {
  std::vector<std::pair<sites::SiteId, counting::Observation>> all_seen;
  if (!journal_failed()) all_seen.swap(lost_observations_);
  std::uint64_t online = 0;
  std::uint64_t pairs = 0;
  std::uint64_t spikes = 0;
  std::erase_if(active_, [&](sites::Site* site) {
    const LocalSite* local = sites_.find(site);
    const std::int32_t offset_s = local == nullptr ? 0 : local->zone->offset_at(now_s);
    std::vector<counting::Observation> seen;
    bool idle = false;
    std::optional<counting::Spike> spike_before;
    std::optional<counting::Spike> spike;
    {
      base::MutexLock lock(site->mutex());
      counting::SiteState& state = site->state();
      state.advance(now_s, offset_s);
      if (!journal_failed()) seen = state.take_observations();  // else they wait
      const std::uint32_t here = state.online(now_s);
      online += here;
      pairs += state.presence_pairs();
      idle = here == 0;
      if (idle) site->deactivate();
      spike_before = site->spike();
      look_for_spike(*site, now_s, idle);
      spike = site->spike();
    }
    spikes += spike ? 1U : 0U;
    if (spike.has_value() != spike_before.has_value()) tell_spike(local, spike);
    for (const counting::Observation& observation : seen) all_seen.emplace_back(site->id(), observation);
    return idle;
  });
  online_.set(online);
  online_pairs_.set(pairs);
  counters_.sites_in_spike.set(spikes);
  if (all_seen.empty()) return;
  payload_.clear();
  for (const auto& [site, observation] : all_seen) sites::encode_observation(payload_, site, observation);
  Block& block = begin_block();
  block.observations = std::move(all_seen);
  write_block(block);
}

void Shard::on_close(http::ConnectionRef connection) {
  live_.on_close(connection);
}

}  // namespace footfall
