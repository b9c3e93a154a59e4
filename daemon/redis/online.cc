// SPDX-License-Identifier: Apache-2.0
#include "redis/online.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/hash.h"

namespace footfall::redis {
namespace {

constexpr std::int64_t kNever = INT64_MIN;
constexpr std::int64_t kTimeEachMs = 1000;
constexpr std::int64_t kPartsEachMs = 4000;  // well below OnlineParts::kLeadMs: nobody misses a new generation
constexpr std::int64_t kPartsStaleMs = 10'000;
constexpr std::int64_t kPartsKept_s = std::int64_t{7} * 86'400;
constexpr std::int64_t kReadLately_s = 60;
constexpr std::int64_t kIdleAskMs = 2000;
constexpr std::int64_t kHoldMs = 250;
constexpr std::size_t kAsksMax = 2000;    // in flight, ZCOUNTs
constexpr std::size_t kMembersMax = 500;  // of one ZADD
constexpr std::size_t kVisit = 8192;      // ids of a site before it is another's turn
constexpr std::size_t kTickIds = 16'384;  // of one pump(): some milliseconds
constexpr std::size_t kTickSite = 64;     // what a turn costs beside its ids
constexpr std::size_t kTickSlice = 100;   // and each slice of a walk
constexpr std::int64_t kLookEachMs = 50;  // at all sites
constexpr std::int64_t kExpireEachMs = 30'000;
constexpr std::int64_t kExpireAfter_s = 120;  // after the latest score there can be
constexpr std::int64_t kTidyEachMs = 60'000;
constexpr std::int64_t kTidySlack_s = 5;   // for nodes whose clock is behind
constexpr std::int64_t kMarksKept_s = 60;  // a late hit of an old id finds its mark

std::string text(std::int64_t number) {
  return std::to_string(number);
}

// The newer state of the same id, as Redis joins them.
bool newer(const counting::Seen& a, const counting::Seen& b) {
  return a.moved != b.moved ? a.moved : a.at_s > b.at_s;
}

std::uint32_t part_of(counting::VisitorId visitor, std::uint32_t parts) {
  return static_cast<std::uint32_t>(base::mix64(visitor.value) >> 32U) & (parts - 1);
}

}  // namespace

struct Online::Generation {
  struct Id {
    Window window;
    std::uint32_t parts = 1;
    friend auto operator<=>(const Id&, const Id&) = default;
  };
  explicit Generation(const Id& of) : id(of), expire_at_ms(of.parts, kNever) {}

  Id id;
  std::vector<std::int64_t> expire_at_ms;  // part -> when its key is given its expiry next
  std::int64_t tidy_at_ms = kNever;
};

struct Online::Site {
  std::string name;
  Serial serial = 0;
  OnlineSource* source = nullptr;
  std::shared_ptr<OnlineAnswer> answer = std::make_shared<OnlineAnswer>();

  Window window;       // of the source
  Window read_window;  // the one before it, until read_from_ms of our clock
  std::int64_t read_from_ms = kNever;
  OnlineParts parts;
  std::int64_t parts_at_ms = kNever;    // when they are asked for next
  std::int64_t parts_read_ms = kNever;  // when they were asked for that we know
  std::int64_t parts_kept_ms = kNever;  // when their key is given its expiry next
  std::vector<Generation> generations;  // that are written

  std::int64_t flush_at_ms = kNever;
  boost::unordered_flat_map<std::uint64_t, counting::Seen> backlog;  // id -> its newest state
  bool everybody = true;                                             // a walk over all is wanted
  std::optional<counting::PresenceWalk> walk;
  std::int64_t walk_at_ms = kNever;  // when the next is due
  bool queued = false;
  std::size_t writes_in_flight = 0;
  bool whole = false;  // everybody was written since Redis may have forgotten them

  std::int64_t ask_at_ms = kNever;
  std::int64_t active_until_ms = kNever;  // somebody is here until then
  std::shared_ptr<Ask> asking;            // in flight
  std::uint32_t online = 0;               // of the latest answer

  bool has_work() const { return walk || !backlog.empty(); }
  Generation* find(const Generation::Id& id) {
    const auto at =
        std::find_if(generations.begin(), generations.end(), [&](const Generation& g) { return g.id == id; });
    return at == generations.end() ? nullptr : &*at;
  }
};

// A question in flight: a count of each part.
struct Online::Ask {
  Serial site = 0;
  std::int64_t as_of_s = 0;
  std::uint32_t left = 0;
  std::uint64_t online = 0;
  bool failed = false;
};

Online::Online(Calls& calls, const base::Clock& clock, Options options)
    : calls_(calls),
      clock_(clock),
      options_(std::move(options)),
      random_(static_cast<std::minstd_rand::result_type>(options_.seed)) {}

Online::~Online() = default;

Online::Site* Online::find(Serial serial) {
  const auto at = by_serial_.find(serial);
  return at == by_serial_.end() ? nullptr : at->second;
}

std::string Online::key(const Site& site, const Generation& generation, std::uint32_t part) const {
  char change[16];
  const auto end = std::to_chars(change, change + sizeof change, generation.id.window.change, 16).ptr;
  return options_.prefix + ":{" + site.name + "." + text(part) + "}:online:" + text(generation.id.window.window_s) +
         "-" + std::string(change, end) + "-" + text(generation.id.parts);
}

std::string Online::parts_key(const Site& site) const {
  return options_.prefix + ":{" + site.name + "}:online";
}

std::shared_ptr<const OnlineAnswer> Online::add(const std::string& name, OnlineSource& source, const Window& window) {
  auto site = std::make_unique<Site>();
  site->name = name;
  site->serial = ++last_serial_;
  site->source = &source;
  site->window = site->read_window = window;
  // Not all in the same moment.
  site->flush_at_ms =
      clock_.utc_ms() + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(options_.flush_ms));
  by_serial_.emplace(site->serial, site.get());
  return sites_.emplace(name, std::move(site)).first->second->answer;
}

void Online::remove(const std::string& name) {
  const auto at = sites_.find(name);
  if (at == sites_.end()) return;
  by_serial_.erase(at->second->serial);
  sites_.erase(at);
}

void Online::set_window(const std::string& name, const Window& window) {
  const auto at = sites_.find(name);
  if (at == sites_.end() || at->second->window == window) return;
  Site& site = *at->second;
  if (clock_.utc_ms() >= site.read_from_ms) site.read_window = site.window;
  site.window = window;
  site.read_from_ms = clock_.utc_ms() + OnlineParts::lead_ms(site.online) / 2;
  site.flush_at_ms = kNever;
}

void Online::lost() {
  for (auto& [name, site] : sites_) {
    republish(*site);
    site->whole = false;
    site->asking.reset();
    site->parts_at_ms = kNever;
    site->flush_at_ms = kNever;
    site->ask_at_ms = kNever;
    for (Generation& generation : site->generations) {
      std::fill(generation.expire_at_ms.begin(), generation.expire_at_ms.end(), kNever);
    }
  }
  hold_until_ms_ = kNever;
}

std::size_t Online::backlog() const {
  std::size_t out = 0;
  for (const auto& [name, site] : sites_) out += site->backlog.size();
  return out;
}

void Online::tick() {
  const std::int64_t now_ms = clock_.utc_ms();
  if (now_ms >= time_at_ms_ && !time_asked_) ask_time(now_ms);
  if (!server_.known()) return;
  if (now_ms >= look_at_ms_) look(now_ms);
  pump(now_ms);
}

void Online::look(std::int64_t now_ms) {
  look_at_ms_ = now_ms + kLookEachMs;
  for (auto& [serial, site] : by_serial_) {
    if (now_ms >= site->flush_at_ms) collect(*site, now_ms);
  }
  // Those that found no room the last time come first.
  const Serial first = std::exchange(next_turn_, 0);
  for (auto at = by_serial_.lower_bound(first); at != by_serial_.end(); ++at) ask(*at->second, now_ms);
  for (auto at = by_serial_.begin(); at != by_serial_.end() && at->first < first; ++at) ask(*at->second, now_ms);
}

void Online::ask_time(std::int64_t now_ms) {
  time_at_ms_ = now_ms + kTimeEachMs;
  time_asked_ = true;
  calls_.call({"TIME"}, [this, now_ms](const base::Result<Reply>& reply) {
    time_asked_ = false;
    if (!reply) return;
    const auto server_ms = ServerClock::read(*reply);
    if (!server_ms) return;
    const bool first = !server_.known();
    const std::int64_t before_s = server_.shift_s();
    server_.sample(now_ms, clock_.utc_ms(), *server_ms);
    if (server_.skewed()) counters_.skewed.add();
    if (first || server_.shift_s() == before_s) return;
    for (auto& [serial, site] : by_serial_) republish(*site);  // what was written are other seconds
  });
}

// ---- what is to be written

// A walk that was under way is begun anew.
void Online::republish(Site& site) {
  site.everybody = true;
  site.walk.reset();
}

void Online::collect(Site& site, std::int64_t now_ms) {
  site.flush_at_ms = now_ms + options_.flush_ms;
  counting::PresenceTold told = site.source->take_presence();
  if (told.everybody) site.everybody = true;
  keep(site, told.list);
  if (site.parts_read_ms == kNever) return;  // where to is not known yet
  choose_generations(site);
  if (!site.walk && (site.everybody || now_ms >= site.walk_at_ms)) begin_walk(site, now_ms);
  for (Generation& generation : site.generations) {
    if (now_ms >= generation.tidy_at_ms) tidy(site, generation, now_ms);
  }
  if (site.has_work()) enqueue(site);
}

void Online::choose_generations(Site& site) {
  std::vector<Generation::Id> wanted;
  for (const std::uint32_t parts : site.parts.written_at(redis_ms())) {
    wanted.push_back({site.window, parts});
    if (clock_.utc_ms() < site.read_from_ms + OnlineParts::kGraceMs && site.read_window != site.window) {
      wanted.push_back({site.read_window, parts});
    }
  }
  std::erase_if(site.generations, [&](const Generation& generation) {
    return std::find(wanted.begin(), wanted.end(), generation.id) == wanted.end();
  });
  for (const Generation::Id& id : wanted) {
    if (site.find(id) != nullptr) continue;
    site.generations.emplace_back(id);
    republish(site);
  }
}

void Online::begin_walk(Site& site, std::int64_t now_ms) {
  std::int32_t window_s = site.window.window_s;
  for (const Generation& generation : site.generations) window_s = std::min(window_s, generation.id.window.window_s);
  const std::int64_t each_ms = std::int64_t{1000} * counting::PresenceNews::walk_each_s(window_s);
  counters_.walks.add();
  if (site.walk_at_ms != kNever && now_ms > site.walk_at_ms + each_ms) counters_.walks_late.add();
  site.walk = site.source->begin_walk(site.everybody);
  site.everybody = false;
  site.walk_at_ms = now_ms + each_ms;
}

// Into the backlog.
void Online::keep(Site& site, std::span<const counting::Seen> seen) {
  for (const counting::Seen& one : seen) {
    const auto [at, is_new] = site.backlog.emplace(one.visitor.value, one);
    if (!is_new && newer(one, at->second)) at->second = one;
  }
  if (site.backlog.size() <= kBacklogMax) return;
  counters_.overflows.add();
  site.backlog = {};
  site.everybody = true;
}

void Online::enqueue(Site& site) {
  if (!std::exchange(site.queued, true)) queue_.push_back(site.serial);
}

void Online::pump(std::int64_t now_ms) {
  if (now_ms < hold_until_ms_) return;
  for (std::size_t done = 0; done < kTickIds && in_flight_bytes_ < options_.in_flight_bytes_max && !queue_.empty();) {
    Site* site = find(queue_.front());
    queue_.pop_front();
    if (site == nullptr) continue;
    site->queued = false;
    done += kTickSite + visit(*site, now_ms);
    if (site->has_work()) enqueue(*site);
  }
}

std::size_t Online::visit(Site& site, std::int64_t now_ms) {
  std::vector<counting::Seen> seen;
  for (auto at = site.backlog.begin(); at != site.backlog.end() && seen.size() < kVisit;) {
    seen.push_back(at->second);
    site.backlog.erase(at++);
  }
  if (site.walk) seen.reserve(kVisit + 1024);  // not while the site's lock is held
  std::size_t slices = 0;
  for (; site.walk && seen.size() < kVisit && slices < kVisit / 256; ++slices) {
    if (site.source->walk(*site.walk, seen)) site.walk.reset();
  }
  if (!seen.empty()) {
    site.active_until_ms = now_ms + std::int64_t{1000} * site.window.window_s;
    publish(site, seen, now_ms);
  }
  look_whether_whole(site);
  return seen.size() + slices * kTickSlice;
}

void Online::publish(Site& site, std::span<const counting::Seen> seen, std::int64_t now_ms) {
  const std::int64_t now_s = clock_.utc_s();
  for (Generation& generation : site.generations) {
    std::vector<std::vector<counting::Seen>> parts(generation.id.parts);
    const auto send = [&](std::uint32_t part) {
      write(site, generation, part, std::exchange(parts[part], {}));
      let_expire(site, generation, part, now_ms);
    };
    for (const counting::Seen& one : seen) {
      if (!one.moved && one.at_s + generation.id.window.window_s <= now_s) continue;  // gone meanwhile
      const std::uint32_t part = part_of(one.visitor, generation.id.parts);
      parts[part].push_back(one);
      if (parts[part].size() == kMembersMax) send(part);
    }
    for (std::uint32_t part = 0; part < parts.size(); ++part) {
      if (!parts[part].empty()) send(part);
    }
  }
}

void Online::write(Site& site, const Generation& generation, std::uint32_t part, std::vector<counting::Seen> seen) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a member is the id's little-endian bytes");
  constexpr std::size_t kScoreMax = 20;
  std::string bytes(seen.size() * (kScoreMax + sizeof(std::uint64_t)), '\0');  // what the words are views of
  const std::string to = key(site, generation, part);
  std::vector<std::string_view> words{"ZADD", to, "GT"};
  words.reserve(3 + 2 * seen.size());
  const std::int64_t more_s = generation.id.window.window_s + server_.shift_s();
  char* at = bytes.data();
  for (const counting::Seen& one : seen) {
    char* const score_end = std::to_chars(at, at + kScoreMax, one.at_s + more_s + (one.moved ? kMarks : 0)).ptr;
    words.emplace_back(at, static_cast<std::size_t>(score_end - at));
    std::memcpy(score_end, &one.visitor.value, sizeof one.visitor.value);
    words.emplace_back(score_end, sizeof one.visitor.value);
    at = score_end + sizeof one.visitor.value;
  }
  const std::size_t size = static_cast<std::size_t>(at - bytes.data()) + seen.size() * 11 + to.size();  // as it is sent
  in_flight_bytes_ += size;
  ++site.writes_in_flight;
  calls_.call(words, [this, serial = site.serial, size, seen = std::move(seen)](const base::Result<Reply>& reply) {
    written(serial, size, seen, reply.has_value());
  });
}

void Online::written(Serial serial, std::size_t bytes, std::span<const counting::Seen> seen, bool done) {
  in_flight_bytes_ -= bytes;
  (done ? counters_.written : counters_.failed).add(seen.size());
  Site* site = find(serial);
  if (!done) hold_until_ms_ = clock_.utc_ms() + kHoldMs;
  if (site == nullptr) return;
  --site->writes_in_flight;
  if (!done) {
    keep(*site, seen);
    enqueue(*site);
  } else {
    look_whether_whole(*site);
  }
}

// Then it may be counted, and is at once.
void Online::look_whether_whole(Site& site) {
  if (site.whole || site.has_work() || site.writes_in_flight > 0 || site.everybody) return;
  site.whole = true;
  site.ask_at_ms = kNever;
}

// Behind what was written on the same way; a key that is not there yet is tried again.
void Online::let_expire(Site& site, Generation& generation, std::uint32_t part, std::int64_t now_ms) {
  if (now_ms < generation.expire_at_ms[part]) return;
  generation.expire_at_ms[part] = now_ms + kExpireEachMs;
  const std::int64_t at_s = redis_s() + generation.id.window.window_s + kExpireAfter_s;
  calls_.call({"EXPIREAT", key(site, generation, part), text(at_s)},
              [this, serial = site.serial, id = generation.id, part](const base::Result<Reply>& reply) {
                if (reply && reply->integer == 1) return;
                Site* here = find(serial);
                Generation* written = here == nullptr ? nullptr : here->find(id);
                if (written != nullptr) written->expire_at_ms[part] = kNever;
              });
}

// Each node does it; whoever comes first finds something.
void Online::tidy(Site& site, Generation& generation, std::int64_t now_ms) {
  const bool fresh = generation.tidy_at_ms == kNever;
  generation.tidy_at_ms = now_ms + kTidyEachMs / 2 + static_cast<std::int64_t>(random_() % (kTidyEachMs / 2));
  if (fresh || now_ms >= site.active_until_ms + kTidyEachMs) return;
  const std::int64_t now_s = redis_s();
  for (std::uint32_t part = 0; part < generation.id.parts; ++part) {
    const std::string of = key(site, generation, part);
    calls_.call({"ZREMRANGEBYSCORE", of, "-inf", text(now_s - kTidySlack_s)}, [](const base::Result<Reply>&) {});
    calls_.call({"ZREMRANGEBYSCORE", of, text(kMarks), text(kMarks + now_s - kMarksKept_s)},
                [](const base::Result<Reply>&) {});
  }
}

// ---- what is read

std::int64_t Online::idle_ask_ms() const {
  return std::max<std::int64_t>(kIdleAskMs, static_cast<std::int64_t>(sites_.size()) * 1000 /
                                                std::max<std::uint32_t>(options_.idle_asks_per_s, 1));
}

void Online::ask(Site& site, std::int64_t now_ms) {
  if (now_ms < site.ask_at_ms || site.asking) return;
  const bool read_lately = site.answer->read_s_.load(std::memory_order_relaxed) >= now_ms / 1000 - kReadLately_s;
  const std::uint32_t parts = site.parts.read_at(redis_ms());
  if (asks_in_flight_ > 0 && asks_in_flight_ + parts + 1 > kAsksMax) {
    if (next_turn_ == 0) next_turn_ = site.serial;
    return;
  }
  site.ask_at_ms = now_ms + (read_lately || now_ms < site.active_until_ms ? options_.ask_ms : idle_ask_ms());
  if (now_ms >= site.parts_at_ms) ask_parts(site, now_ms);
  if (!site.whole || site.parts_read_ms < now_ms - kPartsStaleMs) return;

  auto ask = std::make_shared<Ask>();
  ask->site = site.serial;
  ask->as_of_s = now_ms / 1000;
  ask->left = parts;
  site.asking = ask;
  const Generation generation({now_ms < site.read_from_ms ? site.read_window : site.window, parts});
  const std::string after = "(" + text(redis_s());
  const std::string before = "(" + text(kMarks);
  for (std::uint32_t part = 0; part < parts; ++part) {
    ++asks_in_flight_;
    calls_.call({"ZCOUNT", key(site, generation, part), after, before}, [this, ask](const base::Result<Reply>& reply) {
      --asks_in_flight_;
      if (reply && reply->is(Reply::Type::integer) && reply->integer >= 0) {
        ask->online += static_cast<std::uint64_t>(reply->integer);
      } else {
        ask->failed = true;
      }
      if (--ask->left == 0) answered(ask);
    });
  }
}

void Online::answered(const std::shared_ptr<Ask>& ask) {
  Site* site = find(ask->site);
  if (site == nullptr || site->asking != ask) return;  // asked before Redis forgot
  site->asking.reset();
  if (ask->failed) return;
  counters_.answers.add();
  site->online = static_cast<std::uint32_t>(std::min<std::uint64_t>(ask->online, UINT32_MAX));
  site->answer->packed_.store(static_cast<std::uint64_t>(ask->as_of_s) << 32U | site->online,
                              std::memory_order_relaxed);
  if (site->parts.growth(site->online, options_.part_size, redis_ms())) {
    // While nodes still write theirs, a node may know of more than Redis does.
    const auto growth =
        site->parts.growth(std::max(site->online, site->source->online_here()), options_.part_size, redis_ms());
    counters_.divisions.add();
    set_parts(*site, *growth);
    site->parts_at_ms = kNever;
  }
}

void Online::ask_parts(Site& site, std::int64_t now_ms) {
  site.parts_at_ms = now_ms + kPartsEachMs;
  ++asks_in_flight_;
  calls_.call({"HGETALL", parts_key(site)}, [this, serial = site.serial, now_ms](const base::Result<Reply>& reply) {
    --asks_in_flight_;
    Site* here = find(serial);
    if (here == nullptr) return;
    if (!reply) {
      here->parts_at_ms = kNever;
      return;
    }
    for (const OnlineParts::Entry& entry : here->parts.merge(*reply)) set_parts(*here, entry);
    if (here->parts_read_ms == kNever) {
      if (divide_first(*here)) return;
      here->flush_at_ms = kNever;
    }
    if (here->parts_read_ms < now_ms - kPartsStaleMs) here->ask_at_ms = kNever;  // it was not counted without them
    here->parts_read_ms = now_ms;
    if (!here->parts.divided() || now_ms < here->parts_kept_ms) return;
    here->parts_kept_ms = now_ms + kPartsKept_s * 1000 / 7;
    calls_.call({"EXPIREAT", parts_key(*here), text(redis_s() + kPartsKept_s)}, [](const base::Result<Reply>&) {});
  });
}

// Before anybody is written. Answers whether it did; then the parts are to be read again.
bool Online::divide_first(Site& site) {
  const auto first = site.parts.first(site.source->online_here(), options_.part_size, redis_ms());
  if (!first) return false;
  counters_.divisions.add();
  set_parts(site, *first);
  site.parts_at_ms = site.ask_at_ms = kNever;
  return true;
}

void Online::set_parts(Site& site, const OnlineParts::Entry& entry) {
  calls_.call({"HSETNX", parts_key(site), text(entry.parts), text(entry.since_ms)}, [](const base::Result<Reply>&) {});
}

}  // namespace footfall::redis
