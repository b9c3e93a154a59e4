// SPDX-License-Identifier: Apache-2.0
#include "shard.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "api/assets.h"
#include "api/auth.h"
#include "api/health.h"
#include "api/json.h"
#include "api/pages.h"
#include "api/problem_image.h"
#include "api/problems.h"
#include "api/series.h"
#include "api/stats.h"
#include "api/text.h"
#include "api/widget.h"
#include "base/hash.h"
#include "base/log.h"
#include "ingest/batch.h"
#include "ingest/native.h"
#include "sites/records.h"

namespace footfall {
namespace {

// A pass decides in blocks of at most this many pings, so that a block fits a journal segment and the buffers stay
// small.
constexpr std::size_t kCandidatesMax = 2048;
// Items past this are refused: a batch is one block, so that it is counted as a whole or not at all.
constexpr std::size_t kBatchItemsMax = 20'000;
constexpr std::size_t kBatchReasonsMax = 100;
constexpr std::int64_t kAheadMax_s = 5;
// Hits that wait for the disk at a time; past it pings are answered 503. About 20 MB.
constexpr std::uint64_t kUnsyncedHitsMax = 1U << 17U;
constexpr std::size_t kSpareBlocksMax = 8;

constexpr std::string_view kJournalFails = "the journal cannot be written; nothing is counted until it can";

constexpr std::string_view kTokenNeeded = "a batch needs a token of scope ingest: Authorization: Bearer TOKEN";

sites::Text text_of(std::string_view text) {
  return text.empty() ? sites::Text{} : sites::Text{text, base::table_hash(text)};
}

// Only what is ranked gets labels: each takes a place under the day's cap.
void set_labels(sites::Candidate& candidate, const ingest::Ping& ping, const lookup::Agent& agent,
                const sites::Settings& settings) {
  using counting::Dimension;
  const auto set = [&](Dimension dimension, const sites::Text& text) {
    candidate.labels[static_cast<std::size_t>(dimension)] = text;
  };
  if (candidate.kind == counting::Kind::event && !candidate.bot) set(Dimension::event, text_of(ping.event));
  if (candidate.kind != counting::Kind::pageview || !candidate.counts) return;
  if (!ingest::own_host(ping.referrer, settings)) set(Dimension::referrer, text_of(ping.referrer));
  set(Dimension::campaign, text_of(ping.campaign));
  set(Dimension::browser, {agent.browser, agent.browser_hash});
  set(Dimension::system, {agent.system, agent.system_hash});
  set(Dimension::device, {agent.device, agent.device_hash});
}

// An import's claim, given back unless a block takes it over.
class ImportClaim {
 public:
  explicit ImportClaim(sites::Imports& imports) : imports_(imports) {}
  ~ImportClaim() {
    if (claim_.state == sites::Imports::State::claimed && !handed_over_) imports_.release(claim_);
  }
  ImportClaim(const ImportClaim&) = delete;
  ImportClaim& operator=(const ImportClaim&) = delete;

  void take(sites::SiteId site, std::string_view source, std::uint64_t position) {
    claim_ = imports_.claim(site, source, position);
  }
  void hand_over() { handed_over_ = true; }
  sites::Imports::State state() const { return claim_.state; }
  const sites::Imports::Claim& get() const { return claim_; }

 private:
  sites::Imports& imports_;
  sites::Imports::Claim claim_;
  bool handed_over_ = false;
};

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

}  // namespace

// Owned by sites_; replaced when the directory changes.
struct Shard::LocalSite {
  sites::Entry entry;
  std::shared_ptr<const lookup::TimeZone> zone;
  ingest::VisitorKeys keys;
  std::vector<const sites::Candidate*> in_pass;  // its part of the block that is being made
};

struct Shard::Read {
  api::Route route = api::Route::none;
  api::Route resource = api::Route::none;
  std::string site, query, token;
  std::string path;  // of a hit that asked for JSON; normalised
  std::string if_none_match;
  std::string accept_encoding;
  bool head = false;
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
};

// Taken from spare_blocks_ and given back, so that its vectors keep their capacity.
struct Shard::Block {
  std::uint64_t sequence = 0;
  std::uint32_t hits = 0;
  std::vector<sites::Group> groups;  // the first `sites` are used
  std::size_t sites = 0;
  std::optional<sites::Imports::Claim> import;
  std::vector<std::pair<sites::SiteId, counting::Observation>> observations;
};

std::size_t Shard::TextHash::operator()(std::string_view text) const noexcept {
  return base::table_hash(text);
}

Shard::Shard(unsigned index, const ShardEnvironment& environment, std::unique_ptr<journal::Writer> writer)
    : index_(index),
      environment_(environment),
      context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      work_(boost::asio::make_work_guard(context_)),
      writer_(std::move(writer)),
      loop_(std::make_unique<http::Loop>(context_, environment.clock, *this, environment.parser_limits,
                                         environment.loop_limits)),
      sink_(*loop_),
      live_(sink_),
      agents_(environment.agents),
      rate_limit_(environment.rate_limit, environment.rate_burst),
      sync_thread_(std::make_unique<journal::SyncThread>(environment.files, [this](const base::Result<void>& outcome) {
        post([this, outcome] { on_synced(outcome); });
      })) {
  applied_through_ = synced_through_ = writer_->position().sequence;
  candidates_.reserve(kCandidatesMax);
  hit_answers_.set_second(environment.clock.utc_s());
}

Shard::~Shard() = default;

void Shard::start() {
  thread_ = std::thread([this] { context_.run(); });
}

void Shard::post(std::function<void()> task) {
  boost::asio::post(context_, std::move(task));
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

void Shard::set_directory(std::shared_ptr<const sites::Directory> directory) {
  directory_ = std::move(directory);
  std::vector<std::string> gone;
  for (const auto& [name, local] : sites_) {
    const sites::Entry* entry = directory_->find(name);
    if (entry == nullptr) gone.push_back(name);
  }
  for (const std::string& name : gone) {
    by_site_.erase(sites_[name]->entry.site);
    sites_.erase(name);
  }
  for (const auto& [name, entry] : directory_->by_name) {
    std::unique_ptr<LocalSite>& local = sites_[std::string(name)];
    if (local != nullptr && local->entry.settings == entry.settings && local->entry.site == entry.site) continue;
    const base::Result<std::shared_ptr<const lookup::TimeZone>> zone = lookup::TimeZone::find(entry.settings->timezone);
    // Settings were checked when they were made; a zone that the system lost since counts in UTC, and says so.
    if (!zone)
      base::log::warning("site " + std::string(name) + ": " + zone.error().detail + "; counting its days in UTC");
    if (local == nullptr) local = std::make_unique<LocalSite>();
    local->entry = entry;
    local->zone = zone ? *zone : *lookup::TimeZone::find("UTC");
    local->keys = ingest::VisitorKeys(entry.settings->name, local->zone, salts_, entry.settings->window_s);
    by_site_[entry.site] = local.get();
  }
  live_.on_directory(*directory_);
}

void Shard::set_salts(std::shared_ptr<const ingest::SaltKeys> salts) {
  salts_ = std::move(salts);
  for (auto& [name, local] : sites_) {
    local->keys =
        ingest::VisitorKeys(local->entry.settings->name, local->zone, salts_, local->entry.settings->window_s);
  }
}

void Shard::add_active(sites::Site* site) {
  active_.push_back(site);
}

void Shard::roll(std::function<void(base::Result<journal::Position>)> closed) {
  const base::Result<journal::Position> rolled = writer_->roll();
  if (!rolled) {
    fail_journal(rolled.error());
    return closed(rolled);
  }
  if (environment_.durability == Durability::memory) return closed(rolled);
  waiters_.push_back({rolled->sequence, [closed = std::move(closed), position = *rolled](base::Result<void> durable) {
                        closed(durable ? base::Result<journal::Position>(position) : durable.error());
                      }});
  start_sync();
  settle_waiters();
}

base::Result<void> Shard::recycle(std::uint64_t through_segment) {
  return writer_->recycle(through_segment);
}

void Shard::begin_stop(std::int32_t drain_s) {
  post([this, drain_s] {
    draining_ = true;
    live_.close_all();
    loop_->drain(environment_.clock.utc_ms() + std::int64_t{drain_s} * 1000, [this] { drained_.set_value(); });
  });
}

void Shard::wait_for_drain() {
  drained_.get_future().wait();
}

void Shard::finish_stop() {
  // What was observed, and what else is not on the disk yet.
  std::promise<void> synced;
  run([&] {
    if (journal_failed() && !syncing_) reopen_journal();
    tick_sites(environment_.clock.utc_s() + 1);  // no hit comes any more: the present second is over
    waiters_.push_back({writer_->position().sequence, [&](const base::Result<void>& durable) {
                          if (!durable)
                            base::log::error("shard " + std::to_string(index_) +
                                             ": the last block is not on the disk: " + durable.error().detail);
                          synced.set_value();
                        }});
    start_sync();
    settle_waiters();
  });
  synced.get_future().wait();
  sync_thread_.reset();
  work_.reset();
  context_.stop();
  thread_.join();
}

// --- a pass: what was read ---

Shard::LocalSite* Shard::find_site(std::string_view name) {
  const auto it = sites_.find(name);
  return it == sites_.end() ? nullptr : it->second.get();
}

void Shard::on_requests(http::ConnectionRef connection, const http::Peer& peer, http::Requests& requests) {
  while (const http::Request* request = requests.next()) {
    // What is costly to answer goes one at a time, so that nobody is owed more than one such answer.
    if (!take(connection, peer, *request)) requests.pause();
  }
}

bool Shard::take(http::ConnectionRef connection, const http::Peer& peer, const http::Request& request) {
  const api::Target target = api::route_of(request.method, request.path, environment_.base_path);
  switch (target.route) {
    case api::Route::hit:
      on_hit(connection, peer, request, false);
      return true;
    case api::Route::hit_gif:
      on_hit(connection, peer, request, true);
      return true;
    case api::Route::batch:
      on_batch(connection, request);
      return false;
    default:
      on_read(connection, request, target);
      return target.route != api::Route::pages && target.route != api::Route::series &&
             target.route != api::Route::live;
  }
}

void Shard::refuse(http::ConnectionRef connection, const http::Request& request, ingest::Rejection reason,
                   std::string detail, bool gif) {
  counters_.reject(reason);
  const std::uint32_t index = refusals_.take();
  refusals_[index] = {reason, std::move(detail), gif};
  pending_.push_back({connection, Answer::refusal, request.keep_alive, false, index});
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
  LocalSite* local = find_site(ping.site);
  if (local == nullptr) {
    return refuse(
        connection, request, ingest::Rejection::unknown_site,
        "no site is registered under this name; check the page's data-site, or add it: footfall site add NAME", gif);
  }
  ingest::Address peer_address;
  std::copy(std::begin(peer.address), std::end(peer.address), peer_address.bytes.begin());
  const ingest::ClientAddress client = ingest::client_address(
      peer_address, peer.loopback, request.field(Field::x_forwarded_for), environment_.trusted_proxies);
  if (client.untrusted_header) counters_.untrusted_forwards.add();
  const std::int64_t now_ms = loop_->now_ms();
  // A loopback peer that forwards for nobody is the owner's own program.
  if ((client.forwarded || !peer.loopback) && !rate_limit_.allow(client.address, now_ms)) {
    return refuse(connection, request, ingest::Rejection::rate,
                  "more pings than this server takes from one address; try again in a second", gif);
  }
  if (journal_failed()) return refuse(connection, request, ingest::Rejection::disk, std::string(kJournalFails), gif);
  if (unsynced_hits_.get() + candidates_.size() >= kUnsyncedHitsMax)
    return refuse(connection, request, ingest::Rejection::overload, "the disk is behind; try again in a second", gif);

  const std::string_view user_agent = request.field(Field::user_agent);
  const lookup::Agent& agent = agents_.find(user_agent);
  const ingest::Verdict verdict = ingest::judge(ping, *local->entry.settings, agent.bot, false);
  if (verdict.rejection != ingest::Rejection::none) return refuse(connection, request, verdict.rejection, {}, gif);

  if (candidates_.size() == kCandidatesMax) commit_pass();
  const std::int64_t now_s = now_ms / 1000;
  sites::Candidate& candidate = candidates_.emplace_back();
  owners_.push_back(local);
  candidate.site = local->entry.site;
  candidate.at_s = now_s;
  const ingest::DayKeys& keys = local->keys.at(now_s);
  candidate.utc_offset_s = keys.utc_offset_s;
  candidate.visitor = keys.visitor(client.address.bytes.data(), user_agent);
  candidate.moved_from = keys.moved_from(now_s, client.address.bytes.data(), user_agent);
  candidate.kind = ping.kind;
  candidate.bot = agent.bot;
  candidate.counts = verdict.counts;
  const bool known = candidate.visitor.value != 0;  // the key of its day is there
  candidate.touches_presence = known && verdict.touches_presence;
  candidate.adds_visitor = known && verdict.adds_visitor;
  candidate.path = text_of(ping.path);
  set_labels(candidate, ping, agent, *local->entry.settings);

  if (ping.format == ingest::AnswerFormat::json) {
    const std::uint32_t index = reads_.take();
    pending_.push_back({connection, Answer::hit_json, request.keep_alive, false, index});
    Read& read = reads_[index];
    read.route = read.resource = api::Route::hit;
    read.head = false;
    read.site = ping.site;
    read.path = ping.path;
    read.token = api::bearer_of(request);
  } else {
    pending_.push_back({connection, gif ? Answer::gif : Answer::no_content, request.keep_alive});
  }
}

void Shard::on_read(http::ConnectionRef connection, const http::Request& request, const api::Target& target) {
  using http::Field;
  const std::uint32_t index = reads_.take();
  pending_.push_back({connection, Answer::read, request.keep_alive, false, index});
  Read& read = reads_[index];
  read.route = target.route;
  read.resource = target.resource;
  read.site = target.site;
  read.query = request.query;
  read.token = api::bearer_of(request);
  read.if_none_match = request.field(Field::if_none_match);
  read.head = request.method == http::Method::head;
  read.accept_encoding = request.field(Field::accept_encoding);
}

// --- what is refused before it is a request ---

const sites::Token* Shard::token_of(const http::Request& request) const {
  const std::string_view secret = api::bearer_of(request);
  return secret.empty() ? nullptr : api::find_token(directory_->tokens, secret, loop_->now_ms() / 1000);
}

bool Shard::on_head(const http::Peer&, const http::Request& head, std::string& answer) {
  if (api::route_of(head.method, head.path, environment_.base_path).route != api::Route::batch) return true;
  if (token_of(head) != nullptr) return true;
  hit_answers_.set_second(loop_->now_ms() / 1000);
  api::write_problem(answer, api::Problem::unauthorized, kTokenNeeded, hit_answers_.date(), false);
  counters_.answered(api::Route::batch, 401);
  return false;
}

void Shard::on_refused(const http::Peer&, http::ParseError error, const http::Request* request, std::string& answer) {
  hit_answers_.set_second(loop_->now_ms() / 1000);
  api::Target target;
  if (request != nullptr) target = api::route_of(request->method, request->path, environment_.base_path);
  const bool head_only = request != nullptr && request->method == http::Method::head;
  std::string fields;
  if (target.route == api::Route::hit_gif || target.route == api::Route::hit || target.route == api::Route::batch) {
    const ingest::Rejection reason = rejection_of(error);
    counters_.received.add();
    counters_.reject(reason);
    fields = "Footfall-Rejected: " + std::string(ingest::name_of(reason)) + "\r\n";
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
    base::log::error("shard " + std::to_string(index_) + ": " + cause.detail +
                     "; pings are answered 503 until it can be written");
  }
  journal_failed_.set(1);
  // What the sync that is under way covers may still become durable.
  if (!syncing_) give_up_blocks(holds_answers() ? writer_->durable_through() : writer_->position().sequence);
}

void Shard::reopen_journal() {
  const std::uint64_t acknowledged = holds_answers() ? writer_->durable_through() : writer_->position().sequence;
  if (!writer_->reopen(acknowledged)) return;
  base::log::info("shard " + std::to_string(index_) + ": the journal can be written again");
  journal_failed_.set(0);
  synced_through_ = std::min(synced_through_, acknowledged);
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
  block.sites = 0;
  block.import.reset();
  block.observations.clear();
  return block;
}

std::uint64_t Shard::commit(std::span<const sites::Candidate> candidates, std::span<LocalSite* const> owners,
                            const sites::Imports::Claim* import) {
  payload_.clear();
  touched_.clear();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    LocalSite* local = owners[i];
    if (local->in_pass.empty()) touched_.push_back(local);
    local->in_pass.push_back(&candidates[i]);
  }
  Block& block = begin_block();
  block.hits = static_cast<std::uint32_t>(candidates.size());
  block.sites = touched_.size();
  if (block.groups.size() < touched_.size()) block.groups.resize(touched_.size());
  const std::uint64_t pairs = environment_.online_pairs();
  const std::size_t pairs_left = pairs >= environment_.online_pairs_max ? 0 : environment_.online_pairs_max - pairs;
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    const std::vector<const sites::Candidate*>& part = touched_[i]->in_pass;
    sites::decide(*touched_[i]->entry.site, part, index_, payload_, block.groups[i], pairs_left);
    if (pairs_left < 2 * part.size()) {
      for (std::size_t k = 0; k < part.size(); ++k) {
        if (part[k]->touches_presence && !block.groups[i].hits[k].touches_presence) counters_.presence_full.add();
      }
    }
    touched_[i]->in_pass.clear();
  }
  if (import != nullptr) {
    block.import = *import;
    sites::encode_progress(payload_, import->site, import->source, import->position);
  }
  return write_block(block);
}

std::uint64_t Shard::write_block(Block& block) {
  unsynced_hits_.set(unsynced_hits_.get() + block.hits);
  const std::uint64_t sequence = append(block.hits);
  if (sequence != 0) {
    block.sequence = sequence;
    if (!holds_answers()) apply_through(sequence);
  } else if (!blocks_.empty() && blocks_.back()->sequence == 0) {  // else fail_journal() gave it up along with others
    forget(*blocks_.back());
    blocks_.pop_back();
  }
  return sequence;
}

void Shard::apply(Block& block) {
  for (std::size_t i = 0; i < block.sites; ++i) {
    sites::apply(block.groups[i]);
    sites::Site& site = *block.groups[i].site;
    if (!site.active() && site.activate()) environment_.activated(&site);
  }
  if (block.import) environment_.imports.settle(*block.import);
  counters_.accepted.add(block.hits);
  counters_.applied.add(block.hits);
  unsynced_hits_.set(unsynced_hits_.get() - block.hits);
}

void Shard::apply_through(std::uint64_t sequence) {
  while (!blocks_.empty() && blocks_.front()->sequence <= sequence) {
    apply(*blocks_.front());
    if (spare_blocks_.size() < kSpareBlocksMax) spare_blocks_.push_back(std::move(blocks_.front()));
    blocks_.pop_front();
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
  if (block.import) environment_.imports.release(*block.import);
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
    answer_one(pending);
  });
}

void Shard::refuse_pending(Pending& pending) {
  switch (pending.answer) {
    case Answer::batch:
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
  const std::uint64_t sequence = commit(candidates_, owners_, nullptr);
  for (Pending& pending : pending_) {
    const bool hit =
        pending.answer == Answer::no_content || pending.answer == Answer::gif || pending.answer == Answer::hit_json;
    if (!hit || pending.committed) continue;
    pending.committed = true;
    pending.block = sequence;
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
  if (holds_answers()) start_sync();
  if (blocks_.empty()) counters_.balance();
}

// --- from the write to the disk ---

void Shard::start_sync() {
  if (syncing_ || journal_failed()) return;
  if (!writer_->begin_sync(sync_job_)) {
    if (writer_->failed()) fail_journal({base::Errc::io, "what was gathered could not be written"});
    return;
  }
  syncing_ = true;
  last_sync_s_ = loop_->now_ms() / 1000;
  sync_thread_->start(sync_job_);
}

void Shard::on_synced(const base::Result<void>& outcome) {
  syncing_ = false;
  writer_->finish_sync(sync_job_, outcome);
  sync_job_.files.clear();
  if (outcome) {
    synced_through_ = sync_job_.through;
    if (holds_answers()) {
      apply_through(synced_through_);
      held_.release(synced_through_, [this](const Pending& pending) { answer_one(pending); });
    }
    if (journal_failed()) give_up_blocks(synced_through_);  // a write failed meanwhile
  } else {
    fail_journal(outcome.error());
  }
  settle_waiters();
  if (holds_answers() || !waiters_.empty()) start_sync();
  if (blocks_.empty()) counters_.balance();
  loop_->flush();
}

void Shard::settle_waiters() {
  std::vector<Waiter> waiting;
  waiting.swap(waiters_);
  for (Waiter& waiter : waiting) {
    if (waiter.sequence <= synced_through_) {
      waiter.done({});
    } else if (journal_failed()) {
      waiter.done(base::Error{base::Errc::unavailable, std::string(kJournalFails)});
    } else {
      waiters_.push_back(std::move(waiter));
    }
  }
}

// --- batches ---

void Shard::on_batch(http::ConnectionRef connection, const http::Request& request) {
  using http::Field;
  commit_pass();  // one block for what came before, one for the batch
  const std::uint32_t batch_index = batches_.take();
  pending_.push_back({connection, Answer::batch, request.keep_alive, false, batch_index});
  Batch& batch = batches_[batch_index];
  batch = {};
  const auto problem = [&](api::Problem kind, std::string detail) {
    batch.problem = kind;
    batch.text = std::move(detail);
  };
  const std::string_view type = request.field(Field::content_type);
  if (!type.starts_with("application/x-ndjson")) {
    return problem(api::Problem::unsupported_media_type, "a batch is application/x-ndjson: one JSON object a line");
  }
  if (!request.field(Field::content_encoding).empty()) {
    return problem(api::Problem::unsupported_media_type, "a batch is sent without Content-Encoding");
  }
  const std::int64_t now_ms = loop_->now_ms();
  const std::int64_t now_s = now_ms / 1000;
  const sites::Token* token = token_of(request);
  if (token == nullptr) return problem(api::Problem::unauthorized, std::string(kTokenNeeded));
  if (journal_failed()) return problem(api::Problem::unavailable, std::string(kJournalFails));
  if (unsynced_hits_.get() >= kUnsyncedHitsMax)
    return problem(api::Problem::unavailable, "the disk is behind; try again in a second");

  const std::string source = api::query_value(request.query, "source").value_or("");
  std::uint64_t position = 0;
  if (!source.empty()) {
    const std::string text = api::query_value(request.query, "position").value_or("");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
    if (error != std::errc{} || end != text.data() + text.size() || position == 0) {
      return problem(api::Problem::malformed, "position: a whole number from 1 is needed beside source");
    }
  }

  std::vector<sites::Candidate> candidates;
  std::vector<LocalSite*> owners;
  std::vector<std::pair<std::size_t, std::string_view>> bad;  // item index, reason; the first few
  std::size_t bad_total = 0;
  std::size_t items = 0;
  std::size_t block_bytes = 0;
  const auto reject = [&](std::size_t index, ingest::Rejection reason, std::string_view text) {
    counters_.reject(reason);
    ++bad_total;
    if (bad.size() < kBatchReasonsMax) bad.emplace_back(index, arena_.copy(text));
  };

  LocalSite* import_site = nullptr;  // the site of the first item: an import is of one site
  ImportClaim import(environment_.imports);
  ingest::parse_ndjson(
      request.body, arena_,
      [&](std::size_t index, const ingest::Item& item) {
        ++items;
        counters_.received.add();
        LocalSite* local = find_site(item.ping.site);
        if (local == nullptr) return reject(index, ingest::Rejection::unknown_site, "unknown_site");
        if (!api::allows(*token, static_cast<std::uint32_t>(sites::Scope::ingest), local->entry.site->id())) {
          return reject(index, ingest::Rejection::denied, "denied");
        }
        if (!source.empty() && import_site == nullptr) {
          import_site = local;
          import.take(local->entry.site->id(), source, position);
        }
        if (!source.empty() && import.state() != sites::Imports::State::claimed) return;
        if (!source.empty() && import_site != local)
          return reject(index, ingest::Rejection::denied, "another site than the first item's");
        std::int64_t at_s = item.at_s == INT64_MIN ? now_s : item.at_s;
        if (at_s > now_s + kAheadMax_s || at_s < 0) return reject(index, ingest::Rejection::time, "time");
        at_s = std::min(at_s, now_s);
        // A log without agents tells nothing of them: that is no sign of a crawler.
        static const lookup::Agent kUnknownAgent{};
        const lookup::Agent& agent = item.agent.empty() ? kUnknownAgent : agents_.find(item.agent);
        const ingest::Verdict verdict = ingest::judge(item.ping, *local->entry.settings, agent.bot, true);
        if (verdict.rejection != ingest::Rejection::none)
          return reject(index, verdict.rejection, ingest::name_of(verdict.rejection));
        sites::Candidate candidate;
        candidate.site = local->entry.site;
        candidate.at_s = at_s;
        candidate.utc_offset_s = local->zone->offset_at(at_s);
        candidate.kind = item.ping.kind;
        candidate.bot = agent.bot;
        candidate.counts = verdict.counts;
        static const ingest::Address kNoAddress{};
        const std::uint8_t* address = item.has_address ? item.address.bytes.data() : kNoAddress.bytes.data();
        const std::string_view who = item.visitor.empty() ? item.agent : item.visitor;
        if (import.get().import.open) {
          // An import's visitors have a key of their own, kept until it ends: they add to their days, not to who is
          // online.
          candidate.visitor = ingest::visitor_id({import.get().import.key0, import.get().import.key1},
                                                 local->entry.settings->name, address, who);
          candidate.adds_visitor = verdict.adds_visitor;
        } else if (const ingest::DayKeys* keys = local->keys.find(at_s)) {
          candidate.visitor = keys->visitor(address, who);
          candidate.moved_from = keys->moved_from(at_s, address, who);
          candidate.touches_presence = verdict.touches_presence;
          candidate.adds_visitor = verdict.adds_visitor;
        }  // else the salt of its day is gone: it counts, without a visitor
        candidate.path = text_of(item.ping.path);
        set_labels(candidate, item.ping, agent, *local->entry.settings);
        // What its records take at most: the hit, and a definition of each text.
        block_bytes += 128 + candidate.path.text.size();
        for (const sites::Text& label : candidate.labels) block_bytes += 16 + label.text.size();
        candidates.push_back(candidate);
        owners.push_back(local);
      },
      [&](std::size_t index, std::string_view reason) {
        ++items;
        counters_.received.add();
        reject(index, ingest::Rejection::malformed, reason);
      });

  if (items > kBatchItemsMax) {
    counters_.reject(ingest::Rejection::too_large, candidates.size());
    return problem(api::Problem::too_large, "a batch has at most " + std::to_string(kBatchItemsMax) +
                                                " items, this one " + std::to_string(items) + "; split it");
  }
  if (import_site != nullptr && import.state() == sites::Imports::State::unknown) {
    counters_.reject(ingest::Rejection::denied, items - bad_total);
    return problem(api::Problem::conflict, "source: no import of this source has begun; POST /v1/admin/imports first");
  }
  if (import.state() == sites::Imports::State::under_way) {
    counters_.reject(ingest::Rejection::overload, items - bad_total);
    return problem(api::Problem::unavailable,
                   "source: another part of it is on its way to the disk; send this one again");
  }
  if (block_bytes > journal::kPayloadMax) {
    counters_.reject(ingest::Rejection::too_large, candidates.size());
    return problem(api::Problem::too_large, "the batch does not fit one block of the journal; split it");
  }
  const bool already = import.state() == sites::Imports::State::counted;
  if (already) {
    counters_.reject(ingest::Rejection::duplicate, items - bad_total);
    candidates.clear();
    owners.clear();
  } else if (!candidates.empty() || import_site != nullptr) {
    Pending& pending = pending_.back();
    pending.block = commit(candidates, owners, import_site != nullptr ? &import.get() : nullptr);
    pending.committed = true;
    import.hand_over();  // to the block, or it was given back with it
    if (pending.block == 0) return refuse_pending(pending);
  }
  api::JsonWriter json(batch.text);
  json.begin_object().member("accepted", std::uint64_t{candidates.size()}).key("rejected").begin_array();
  for (const auto& [index, reason] : bad) {
    json.begin_object().member("index", std::uint64_t{index}).member("reason", reason).end_object();
  }
  batch.accepted = candidates.size();
  json.end_array().member("rejected_total", std::uint64_t{bad_total});
  const auto apart = std::count_if(candidates.begin(), candidates.end(), [](const sites::Candidate& candidate) {
    return candidate.bot && !candidate.counts;
  });
  json.member("bots", static_cast<std::uint64_t>(apart));  // accepted, and not in the total
  if (!source.empty())
    json.member("position", already ? import.get().import.position : position).member("already_counted", already);
  json.end_object();
}

// --- answers ---

void Shard::answer_pass() {
  for (Pending& pending : pending_) {
    const bool waits = pending.committed && pending.block > applied_through_;
    const bool lost = waits && (blocks_.empty() || blocks_.back()->sequence < pending.block);  // given up in this pass
    if (lost) {
      refuse_pending(pending);
      pending.block = 0;
    }
    if ((waits && !lost) || held_.holds(pending.connection)) {
      held_.hold(pending);
    } else {
      answer_one(pending);
    }
  }
  pending_.clear();
}

void Shard::answer_one(const Pending& pending) {
  const bool keep_alive = pending.keep_alive && !draining_;
  std::string& out = loop_->begin_answer(pending.connection);
  switch (pending.answer) {
    case Answer::no_content:
      out.append(hit_answers_.no_content(keep_alive));
      counters_.acknowledged.add();
      counters_.answered(api::Route::hit, 204);
      break;
    case Answer::gif:
      out.append(hit_answers_.gif(keep_alive));
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
  if (batch.problem != api::Problem::count_) {
    counters_.answered(api::Route::batch, api::info_of(batch.problem).status);
    return api::write_problem(out, batch.problem, batch.text, hit_answers_.date(), keep_alive);
  }
  counters_.acknowledged.add(batch.accepted);
  counters_.answered(api::Route::batch, 200);
  const std::string node = "Footfall-Node: " + environment_.node + "\r\n";
  http::write(out, {200, "application/json", batch.text, "no-store", node, true}, hit_answers_.date(), keep_alive);
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
  const auto problem = [&](api::Problem kind, std::string_view detail, std::string_view fields = {}) {
    counters_.answered(read.resource, api::info_of(kind).status);
    const std::string more = std::string(fields).append(vary);
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
    const std::string more = std::string(fields).append(vary);
    http::write(out, {status, type, body, cache, more, true}, date, keep_alive, read.head);
    return false;
  };
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
    case Route::script: {
      http::Request request;
      request.method = read.head ? http::Method::head : http::Method::get;
      request.keep_alive = keep_alive;
      request.fields[static_cast<std::size_t>(http::Field::if_none_match)] = read.if_none_match;
      request.fields[static_cast<std::size_t>(http::Field::accept_encoding)] = read.accept_encoding;
      counters_.answered(read.resource, 200);
      api::write_asset(out, api::script(), request, date);
      return false;
    }
    case Route::none:
      return problem(api::Problem::not_found, "there is nothing at this address");
    default:
      break;
  }

  const LocalSite* local = find_site(read.site);
  if (local == nullptr) return problem(api::Problem::unknown_site, "no site is registered under this name");
  const api::ReadContext context =
      api::read_context(local->entry, local->zone, *directory_, read.token, loop_->now_ms());
  vary = api::vary_field(context);
  if (read.route == Route::hit) return answer(200, "application/json", api::stats_json(context, read.path), "no-store");
  if (const std::optional<api::Problem> refused = api::refusal(context, read.route))
    return problem(*refused, api::refusal_detail(*refused));

  const std::string_view cache = api::cache_control(context);
  const auto json = [&](const base::Result<std::string>& body) {
    return body ? answer(200, "application/json", *body, cache)
                : problem(api::problem_of(body.error().code), body.error().detail);
  };
  std::string_view path;
  if (read.route == Route::stats || read.route == Route::live) {
    const std::string raw = api::query_value(read.query, "path").value_or("");
    if (!raw.empty() && !ingest::normalise_path(raw, arena_, path)) {
      return problem(api::Problem::malformed, "path: is longer than " + std::to_string(ingest::kPathMax) + " bytes");
    }
  }
  switch (read.route) {
    case Route::stats:
      return json(api::stats_json(context, path));
    case Route::pages:
      return json(api::pages_json(context, read.query));
    case Route::series:
      return json(api::series_json(context, read.query));
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
                                   : read.route == Route::widget_text ? api::WidgetFormat::text
                                   : read.route == Route::widget_json ? api::WidgetFormat::json
                                                                      : api::WidgetFormat::html;
  const base::Result<api::Widget> made = api::widget(context, format, read.query);
  if (!made) return problem(api::problem_of(made.error().code), made.error().detail);
  return answer(200, made->content_type, made->body, made->cache_control, made->security_fields);
}

// --- each second ---

void Shard::on_tick(std::int64_t now_ms) {
  if (journal_failed() && !syncing_) reopen_journal();
  tick_sites(now_ms / 1000);
  switch (environment_.durability) {
    case Durability::disk:
      start_sync();
      break;
    case Durability::kernel:  // a power cut may cost what came since the last one
      if (now_ms / 1000 - last_sync_s_ >= environment_.sync_interval_s) start_sync();
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
  std::erase_if(active_, [&](sites::Site* site) {
    const auto local = by_site_.find(site);
    const std::int32_t offset_s = local == by_site_.end() ? 0 : local->second->zone->offset_at(now_s);
    std::vector<counting::Observation> seen;
    bool idle = false;
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
    }
    for (const counting::Observation& observation : seen) all_seen.emplace_back(site->id(), observation);
    return idle;
  });
  online_.set(online);
  online_pairs_.set(pairs);
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
