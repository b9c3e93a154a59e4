// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <utility>

#include "api/problems.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "ingest/arena.h"
#include "ingest/paths.h"
#include "lookup/time_zones.h"
#include "sites/records.h"
#include "store/audit.h"

namespace footfall {
namespace {

constexpr std::size_t kRecentChangesMax = 1000;
constexpr std::int64_t kToldEvery_ms = 60'000;

}  // namespace

Control::Control(const ControlEnvironment& environment, std::unique_ptr<journal::Writer> writer,
                 std::unique_ptr<store::NodesStream> nodes, const std::vector<sites::Change>& replayed)
    : environment_(environment),
      context_(1),
      work_(boost::asio::make_work_guard(context_)),
      writer_(std::move(writer)),
      nodes_(std::move(nodes)),
      loop_(std::make_unique<http::Loop>(context_, environment.clock, *this, environment.parser_limits,
                                         environment.loop_limits)),
      admin_(*this) {
  journal_failed_.set(writer_->failed() ? 1 : 0);
  for (const sites::Change& change : replayed) recent_.push_front(store::audit_entry(change, environment_.registry));
}

Control::~Control() = default;

void Control::start() {
  look_at_clocks();
  thread_ = std::thread([this] {
    base::name_this_thread("control");
    context_.run();
  });
}

void Control::run(const std::function<void()>& task) {
  std::promise<void> done;
  boost::asio::post(context_, [&] {
    try {
      task();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

void Control::stop(std::int32_t drain_s) {
  std::promise<void> drained;
  boost::asio::post(context_, [&] {
    loop_->drain(environment_.clock.utc_ms() + std::int64_t{drain_s} * 1000, [&] { drained.set_value(); });
  });
  drained.get_future().wait();
  work_.reset();
  context_.stop();
  thread_.join();
}

base::Result<void> Control::write(std::string_view payload) {
  if (frozen_) return base::Error{base::Errc::unavailable, "a successor takes over; try again in a second"};
  const base::Result<std::uint64_t> written = writer_->append(payload, 0, in_force());
  base::Result<void> durable = written ? writer_->sync() : written.error();
  if (durable) return durable;
  journal_failed_.set(1);
  base::log::error("control_stream_failed", "the control stream cannot be written: " + durable.error().detail);
  return durable;
}

base::Result<void> Control::commit(sites::Change change) {
  if (environment_.registry.has(change)) return {};
  base::Result<void> done = take(std::move(change));
  if (done) publish();
  return done;
}

base::Result<void> Control::take(sites::Change change) {
  using base::Errc;
  using base::Error;
  if (environment_.registry.has(change)) return {};
  if (base::Result<void> checked = environment_.registry.check(change); !checked) return checked;
  if (const auto* added = std::get_if<sites::SiteAdded>(&change.action);
      added != nullptr && !change.origin && environment_.registry.size() >= environment_.sites_max) {
    return Error{Errc::conflict, added->settings.name + ": this node has its " +
                                     std::to_string(environment_.sites_max) +
                                     " sites; remove one, or raise --sites-max"};
  }
  environment_.registry.expect(change.action);
  change.at_s = std::max(change.at_s, environment_.clock.utc_s());
  std::string payload;
  sites::encode_change(payload, change);
  if (base::Result<void> written = write(payload); !written) {
    environment_.registry.give_up();
    return Error{Errc::unavailable, "the change could not be written to the disk, and is not in force; try again"};
  }
  if (base::Result<void> applied = environment_.registry.apply(change); !applied) return applied;
  recent_.push_front(store::audit_entry(change, environment_.registry));
  if (recent_.size() > kRecentChangesMax) recent_.pop_back();
  if (NodeLink* others = node_link()) others->hurry();
  return {};
}

NodeLink* Control::node_link() {
  RedisLink* const redis = environment_.redis();
  return redis == nullptr ? nullptr : redis->nodes();
}

api::SnapshotStore* Control::snapshots() {
  RedisLink* const redis = environment_.redis();
  return redis == nullptr ? nullptr : &redis->snapshots();
}

base::Result<std::vector<counting::Learnt>> Control::learn(const std::vector<store::SlotOfSite>& slots) {
  if (frozen_) return base::Error{base::Errc::unavailable, "a successor takes over"};
  auto learnt = nodes_->learn(slots, in_force());
  if (!learnt && !nodes_failed_) base::log::error("nodes_stream_failed", learnt.error().detail);
  nodes_failed_ = !learnt;
  return learnt;
}

void Control::publish() {
  environment_.publish_directory(environment_.registry.directory(in_force()));
}

std::optional<std::string> Control::page_path(std::string_view raw) {
  ingest::Arena arena;
  std::string_view path;
  if (!ingest::normalise_path(raw, arena, path)) return std::nullopt;
  return std::string(path);
}

base::Result<store::Moment> Control::moment() {
  constexpr std::size_t kBlockBytes = journal::kPayloadMax / 2;
  base::Result<LiveMoment> live = environment_.take_moment();
  if (!live) return live.error();
  base::Result<void> written;
  std::string payload;
  for (const auto& [site, seen] : live->observations) {
    sites::encode_observation(payload, site, seen);
    if (payload.size() < kBlockBytes) continue;
    if (written = write(payload); !written) break;
    payload.clear();
  }
  if (written && !payload.empty()) written = write(payload);
  if (!written) {
    environment_.journal_again(live->observations);
    return base::Error{base::Errc::unavailable, "what was observed could not be written to the disk; try again"};
  }
  store::Moment& moment = live->moment;
  moment.positions[journal::kControlStream] = in_force();
  if (nodes_->exists()) moment.positions[journal::kNodesStream] = nodes_->durable_through();
  base::log::info("verify_done", "verify: the shards were stopped for " + std::to_string(live->stopped_us) + " us, " +
                                     std::to_string(live->gathered_us) + " of them until the last one had come; " +
                                     std::to_string(moment.sites.size()) + " sites, hash " + moment.hash);
  return std::move(moment);
}

// What is older than the audit is kept is not told, wherever it still is: the history forgets once a day.
base::Result<std::vector<store::AuditEntry>> Control::audit(std::size_t limit) {
  const std::int32_t days = environment_.retention().audit_days;
  const std::int64_t from_s = days == 0 ? INT64_MIN : environment_.clock.utc_s() - std::int64_t{days} * 86'400;
  while (!recent_.empty() && recent_.back().at_s < from_s) recent_.pop_back();
  std::vector<store::AuditEntry> entries(
      recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(std::min(limit, recent_.size())));
  base::Result<std::vector<store::AuditEntry>> older = environment_.history.audit(limit);
  if (!older) return older;
  for (store::AuditEntry& entry : *older) {
    const bool known = std::any_of(recent_.begin(), recent_.end(), [&](const store::AuditEntry& recent) {
      return recent.id == entry.id && recent.at_s == entry.at_s && recent.after == entry.after;
    });
    if (!known && entry.at_s >= from_s && entries.size() < limit) entries.push_back(std::move(entry));
  }
  return entries;
}

void Control::on_requests(http::ConnectionRef connection, const http::Peer& peer, http::Requests& requests) {
  const std::string date = http::imf_fixdate(loop_->now_ms() / 1000);
  asker_ = {{std::to_array(peer.address)}, peer.loopback};
  while (const http::Request* request = requests.next()) {
    api::AdminAnswer answer =
        peer.listener == kMetricsListener ? admin_.answer_open(*request) : admin_.answer(*request);
    const bool keep_alive = request->keep_alive;
    const bool head_only = request->method == http::Method::head;
    const std::string encoding(api::encoding_for(*request));
    if (answer.later) {
      requests.pause();
      answer.later([this, connection, encoding, keep_alive, head_only, tls = peer.tls](api::AdminAnswer done) {
        if (tls) done.extra_fields += environment_.strict_transport;
        api::write(loop_->begin_answer(connection), done, encoding, http::imf_fixdate(loop_->now_ms() / 1000),
                   keep_alive, head_only);
        loop_->finish_answer(connection, !keep_alive);
        loop_->flush();
      });
      continue;
    }
    if (peer.tls) answer.extra_fields += environment_.strict_transport;
    api::write(loop_->begin_answer(connection), answer, encoding, date, keep_alive, head_only);
    loop_->finish_answer(connection, !keep_alive);
  }
}

void Control::on_refused(const http::Peer& peer, http::ParseError error, const http::Request* request,
                         std::string& answer) {
  api::write_refused(answer, error, http::imf_fixdate(loop_->now_ms() / 1000),
                     peer.tls ? std::string_view(environment_.strict_transport) : std::string_view(),
                     request != nullptr && request->method == http::Method::head);
}

void Control::look_at_clocks() {
  const auto ms_of = [](auto time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  };
  clock_watch_.look(ms_of(std::chrono::steady_clock::now()), ms_of(std::chrono::system_clock::now()));
}

void Control::tell_untrusted_forwards(std::int64_t now_ms) {
  if (now_ms < next_told_ms_) return;
  const std::uint64_t forwards = environment_.untrusted_forwards();
  if (forwards == told_forwards_) return;
  base::log::warning(
      "untrusted_forwards",
      std::to_string(forwards - told_forwards_) +
          " pings came with X-Forwarded-For from a peer that is not trusted, and count as that peer's; if "
          "it is your proxy, name it with --trusted-proxy");
  told_forwards_ = forwards;
  next_told_ms_ = now_ms + kToldEvery_ms;
}

// An import that nobody goes on with would keep its site's days open for ever. A change as any other, so a replay asks
// no clock.
void Control::end_idle_imports(std::int64_t now_s) {
  constexpr std::int64_t kLookEvery_s = 3600;
  if (now_s < imports_due_s_ || journal_failed()) return;
  imports_due_s_ = now_s + kLookEvery_s;
  for (const auto& [site, source] : environment_.registry.imports().idle(now_s)) {
    sites::Change change;
    change.id = "idle-import-" + std::to_string(base::random_u64());
    change.at_s = now_s;
    change.actor = "footfalld";
    change.reason = "no part of it came for seven days";
    change.action = sites::ImportEnded{site, source};
    const base::Result<void> ended = commit(change);
    if (!ended) {
      base::log::warning("import_not_ended",
                         "an import that nobody goes on with could not be ended: " + ended.error().detail);
      return;
    }
    base::log::info("import_ended",
                    "ended an import into " + environment_.registry.last_settings(site)->name + ": " + change.reason);
  }
}

void Control::on_tick(std::int64_t now_ms) {
  look_at_clocks();
  if (frozen_) return;
  if (journal_failed()) {
    // What was written but not synced is unknown; the stream goes on behind the last change that is in force.
    if (writer_->reopen(writer_->durable_through())) {
      base::log::info("control_stream_mended", "the control stream can be written again");
      journal_failed_.set(0);
    }
  }
  if (nodes_->mend()) base::log::info("nodes_stream_mended", "what other nodes counted can be written again");
  tell_untrusted_forwards(now_ms);
  if (RedisLink* redis = environment_.redis()) redis->tick(now_ms / 1000);
  // By what has passed: after a suspended machine wakes up its shards may have no key for today.
  const std::int64_t now_s = now_ms / 1000;
  end_idle_imports(now_s);
  if (now_s < salts_due_s_) return;
  salts_due_s_ = now_s + 30;
  const base::Result<bool> turned = environment_.salts.rotate(now_s);
  if (!turned) {
    base::log::error("salts_not_turned", "the salts could not be turned: " + turned.error().detail);
  } else if (*turned) {
    environment_.publish_salts(environment_.salts.keys());
  }
}

}  // namespace footfall
