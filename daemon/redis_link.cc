// SPDX-License-Identifier: Apache-2.0
#include "redis_link.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "redis_once.h"

namespace footfall {
namespace {

constexpr std::chrono::milliseconds kTalkEvery{100};  // looks whether a flush is due

redis::Client::Options client_options() {
  redis::Client::Options out;
  out.seed = base::random_u64();
  return out;
}

}  // namespace

RedisLink::RedisLink(const boost::asio::any_io_executor& control, const RedisOptions& options, const base::Clock& clock,
                     sites::Registry& registry, const store::OwnSlot& slot, LocalNodeWays ways, ingest::Salts& salts,
                     const std::optional<ingest::ClusterKey>& key)
    : control_(control),
      options_(options),
      clock_(clock),
      client_(*options.target, client_options(), clock.utc_ms()),
      calls_(client_, clock),
      ways_(sending(std::move(ways))),
      snapshots_(calls_, clock, options_, registry, base::to_text(slot.id), ways_.when_durable, [this] { go(); }),
      timer_(control),
      transport_(control, client_, clock, tls_of(options), [this] { take_answers(); }) {
  base::log::info("redis_started", "Redis: " + to_string(*options.target));
  if (options_.node.empty()) return;
  nodes_.emplace(control, calls_, clock_, options_, registry, slot, ways_, salts, key, [this] { go(); });
  talk();
}

void RedisLink::set_snapshots(std::int32_t interval_s, std::uint32_t kept) {
  options_.snapshot_interval_s = interval_s;
  options_.snapshots_kept = kept;
}

void RedisLink::tick(std::int64_t now_s) {
  const std::int64_t now_ms = clock_.utc_ms();
  if (const auto line = trouble_log_.look(client_.trouble(now_ms), now_ms)) {
    base::log::write(line->ended ? base::log::Level::info : base::log::Level::warning, "redis_trouble", line->text);
  }
  if (!paused_) snapshots_.tick(now_s);
}

std::string RedisLink::problem() const {
  const auto trouble = client_.trouble(clock_.utc_ms());
  return trouble ? trouble->what : std::string();
}

// What is called when something became durable is sent too.
LocalNodeWays RedisLink::sending(LocalNodeWays ways) {
  ways.when_durable = [this, when_durable =
                                 std::move(ways.when_durable)](const std::function<void(base::Result<void>)>& then) {
    when_durable([this, then](const base::Result<void>& durable) {
      then(durable);
      go();
    });
  };
  return ways;
}

void RedisLink::take_answers() {
  calls_.take_answers();
  if (nodes_ && !paused_) nodes_->go_on();
}

void RedisLink::go() {
  transport_.carry_out();
  if (calls_.refused()) boost::asio::post(control_, [this] { take_answers(); });
}

void RedisLink::talk() {
  timer_.expires_after(kTalkEvery);
  timer_.async_wait([this](const boost::system::error_code& ended) {
    if (ended) return;
    if (!paused_) {
      nodes_->tick(clock_.utc_ms(), client_.up(), client_.counters().masters.get());
      go();
    }
    talk();
  });
}

}  // namespace footfall
