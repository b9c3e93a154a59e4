// SPDX-License-Identifier: Apache-2.0
#include "redis/client.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "redis/command.h"

namespace footfall::redis {
namespace {

// A command is sent kSendsMax times at most, redirects (MOVED, ASK) and tries after LOADING, TRYAGAIN and the like
// together; then the last error is its answer. Its first kHopsAtOnce redirects are followed at once, which two servers
// that name each other use up in no time; each one after that waits for a longer backoff. Mostly command_ms ends it.
constexpr unsigned kSendsMax = 16;
constexpr unsigned kHopsAtOnce = 4;
constexpr std::int64_t kSoonMs = 100;  // between two discoveries that answers ask for
constexpr std::int64_t kSentinelEachMs = 1000;
constexpr std::int64_t kDiscoverEachMs = 10'000;
constexpr std::int64_t kUnusedMs = 30'000;       // a link that no slot and no discovery needs
constexpr Session::Tag kDiscoveryTag = 0;        // commands count from 1
constexpr Session::Tag kAskingTag = UINT64_MAX;  // of the ASKING in front of a command

}  // namespace

// One address: waiting to be opened, opening, or with a session.
struct Client::Link {
  LinkId id = 0;  // of this attempt
  Address to;
  enum class Phase { waiting, opening, open } phase = Phase::waiting;
  std::int64_t due_ms = 0;  // waiting: when to open; opening: when to give up
  std::int64_t used_ms = 0;
  Backoff backoff;
  std::optional<Session> session;
  bool master = false;  // it is counted as one

  bool ready() const { return phase == Phase::open && session->ready(); }
  bool serves() const {
    if (!ready()) return false;
    switch (session->server().mode) {
      case Session::Server::Mode::sentinel:
        return false;
      case Session::Server::Mode::cluster:
        return true;  // a replica answers MOVED
      case Session::Server::Mode::standalone:
        return session->server().master;
    }
    return false;
  }
};

Client::Client(Target target, const Options& options, std::int64_t now_ms)
    : target_(std::move(target)),
      options_(options),
      random_(static_cast<std::minstd_rand::result_type>(options.seed)),
      discover_at_ms_(now_ms) {
  turn(now_ms);
}

Client::~Client() = default;

bool Client::submit(Tag tag, std::optional<std::uint16_t> slot, std::string bytes, std::int64_t now_ms) {
  if (queue_bytes_ + bytes.size() > options_.queue_bytes_max) return false;
  queue_bytes_ += bytes.size();
  const CommandId id = ++last_command_;
  commands_.emplace(id, Command{tag, slot, std::move(bytes), now_ms + options_.command_ms, now_ms, {}, 0, {}});
  discover(now_ms);
  // Those that wait already wait for an event, or for advance(): looking at each of them again would cost a queue that
  // grows while Redis is away the square of its length.
  if (!send(id, commands_.at(id), now_ms)) waiting_.push_back(id);
  open_links(now_ms);
  return true;
}

std::optional<Client::Answer> Client::take_answer() {
  if (answers_.empty()) return std::nullopt;
  Answer out = std::move(answers_.front());
  answers_.pop_front();
  return out;
}

bool Client::up() const {
  if (!map_ || !map_->complete()) return false;
  const std::vector<Address> all = map_->masters();
  return std::all_of(all.begin(), all.end(), [&](const Address& master) {
    const auto link = links_.find(master);
    return link != links_.end() && link->second->serves();
  });
}

std::string Client::problem() const {
  if (up()) return {};
  if (problem_) return problem_->detail;
  return "not connected to " + to_string(target_) + " yet";
}

std::optional<Trouble> Client::trouble(std::int64_t now_ms) const {
  if (!up()) {
    const base::Errc code = problem_ ? problem_->code : base::Errc::unavailable;
    const bool away = code == base::Errc::unavailable;
    return Trouble{std::string(base::describe(code)),
                   problem() + (away ? ": is it running, and can it be reached from here?" : "")};
  }
  const Refusal* last = nullptr;
  for (const auto& [name, refusal] : refusals_) {
    if (now_ms - refusal.at_ms < kRefusedMs && (last == nullptr || refusal.at_ms > last->at_ms)) last = &refusal;
  }
  if (last == nullptr) return std::nullopt;
  return Trouble{std::string(name_of(last->error)), last->what};
}

std::optional<Client::Action> Client::take_action() {
  if (actions_.empty()) return std::nullopt;
  Action out = std::move(actions_.front());
  actions_.pop_front();
  return out;
}

std::vector<Client::LinkId> Client::take_dirty() {
  return std::exchange(dirty_, {});
}

namespace {

template <class Links, class Id>
auto* find_link(Links& links, Id id) {
  for (auto& [address, link] : links) {
    if (link->id == id) return link.get();
  }
  return static_cast<decltype(links.begin()->second.get())>(nullptr);
}

}  // namespace

std::string* Client::unsent(LinkId id) {
  Link* link = find_link(links_, id);
  return link != nullptr && link->phase == Link::Phase::open ? &link->session->unsent() : nullptr;
}

void Client::opened(LinkId id, std::int64_t now_ms) {
  Link* link = find_link(links_, id);
  if (link == nullptr || link->phase != Link::Phase::opening) return;
  link->phase = Link::Phase::open;
  link->session.emplace(link->to, log_in(link->to), now_ms);
  dirty_.push_back(id);
  turn(now_ms);
}

void Client::received(LinkId id, std::string_view bytes, std::int64_t now_ms) {
  Link* link = find_link(links_, id);
  if (link == nullptr || link->phase != Link::Phase::open) return;
  const bool was_ready = link->session->ready();
  link->session->receive(bytes, now_ms);
  for (const ErrorClass error : link->session->take_refusals()) count(error);
  if (const auto round_trip_ms = link->session->take_round_trip_ms()) {
    counters_.round_trips.add();
    counters_.round_trip_ms.add(static_cast<std::uint64_t>(std::max<std::int64_t>(*round_trip_ms, 0)));
  }
  const bool ready = link->session->ready();
  const bool not_the_master = target_.has_sentinels() && ready && !link->session->server().master;
  if (!was_ready && ready) {
    counters_.connects.add();
    if (!not_the_master) link->backoff.succeeded();
    masters_changed_ = true;
  }
  if (!link->session->unsent().empty()) dirty_.push_back(id);
  take_replies(*link, now_ms);
  if (link->session->failed()) {
    drop(*link, link->session->error(), now_ms);
  } else if (not_the_master) {
    // Sentinels name a master before it knows.
    drop(*link, {base::Errc::unavailable, "Redis at " + to_string(link->to) + ": it is not the master yet"}, now_ms);
  }
  count_masters();
  turn(now_ms);
}

void Client::closed(LinkId id, const std::string& why, std::int64_t now_ms) {
  Link* link = find_link(links_, id);
  if (link == nullptr || link->phase == Link::Phase::waiting) return;
  drop(*link, {base::Errc::unavailable, "Redis at " + to_string(link->to) + ": " + why}, now_ms);
  turn(now_ms);
}

void Client::advance(std::int64_t now_ms) {
  for (auto& [address, link] : links_) {
    if (link->phase == Link::Phase::opening && now_ms >= link->due_ms) {
      drop(*link,
           {base::Errc::unavailable,
            "Redis at " + to_string(address) + ": no connection within " + std::to_string(options_.connect_ms) + " ms"},
           now_ms);
    } else if (link->phase == Link::Phase::open) {
      link->session->advance(now_ms);
      if (!link->session->unsent().empty()) dirty_.push_back(link->id);
      if (link->session->failed()) drop(*link, link->session->error(), now_ms);
    }
  }
  expire(now_ms);
  drop_unused(now_ms);
  turn(now_ms);
}

std::int64_t Client::deadline_ms() const {
  // What is due and waits for something else is not due again.
  std::int64_t out = asking_ || discover_at_ms_ <= turned_ms_ ? INT64_MAX : discover_at_ms_;
  for (const auto& [address, link] : links_) {
    if (link->phase == Link::Phase::open) {
      if (const auto due = link->session->deadline_ms()) out = std::min(out, *due);
    } else {
      out = std::min(out, link->due_ms);
    }
  }
  for (const CommandId id : waiting_) {
    const Command& command = commands_.at(id);
    out = std::min(out, command.until_ms);
    if (command.not_before_ms > turned_ms_) out = std::min(out, command.not_before_ms);
  }
  return out;
}

void Client::turn(std::int64_t now_ms) {
  turned_ms_ = now_ms;
  discover(now_ms);
  dispatch(now_ms);
  open_links(now_ms);
}

void Client::open_links(std::int64_t now_ms) {
  for (auto at = links_.begin(); at != links_.end();) {
    Link& link = *at->second;
    if (link.phase == Link::Phase::waiting && now_ms >= link.due_ms) {
      // A master of before that is a replica now would take and end one connection after the other.
      if (map_ && link.used_ms != now_ms && !map_->has(at->first)) {
        at = links_.erase(at);
        continue;
      }
      link.phase = Link::Phase::opening;
      link.id = ++last_link_;
      link.due_ms = now_ms + options_.connect_ms;
      actions_.push_back({Action::What::open, link.id, at->first});
    }
    ++at;
  }
}

// Those that became one since the last call.
void Client::count_masters() {
  if (!std::exchange(masters_changed_, false)) return;
  for (auto& [address, link] : links_) {
    const bool master = link->serves() && map_ && map_->has(address);
    if (master && !link->master) counters_.masters.add();
    link->master = master;
  }
}

// ---- commands

void Client::dispatch(std::int64_t now_ms) {
  std::deque<CommandId> waiting;
  waiting.swap(waiting_);
  for (const CommandId id : waiting) {
    Command& command = commands_.at(id);
    if (now_ms < command.not_before_ms || !send(id, command, now_ms)) waiting_.push_back(id);
  }
}

bool Client::send(CommandId id, Command& command, std::int64_t now_ms) {
  if (!map_) return false;
  const Address* to = command.ask ? &*command.ask : map_->master_of(command.slot.value_or(0));
  if (to == nullptr) return false;
  Link* link = usable_link(*to, now_ms);
  if (link == nullptr) return false;
  if (command.ask) {
    link->session->submit(kAskingTag, redis::command({"ASKING"}), now_ms);
    command.ask.reset();
  }
  ++command.sent;
  link->session->submit(id, command.bytes, now_ms);
  dirty_.push_back(link->id);
  return true;
}

void Client::take_replies(Link& link, std::int64_t now_ms) {
  while (auto answer = link.session->next()) {
    if (answer->tag == kDiscoveryTag) {
      take_discovery(link, answer->reply, now_ms);
    } else if (answer->tag != kAskingTag) {
      take_reply(link, answer->tag, std::move(answer->reply), now_ms);
    }
  }
}

void Client::take_reply(const Link& link, CommandId id, Reply reply, std::int64_t now_ms) {
  const auto at = commands_.find(id);
  if (at == commands_.end()) return;  // expired meanwhile
  Command& command = at->second;
  if (!reply.is_error()) {
    if (!refusals_.empty()) {
      const auto refusal = refusals_.find(name_of_command(command.bytes));
      if (refusal != refusals_.end()) refusals_.erase(refusal);
    }
    return answer(id, std::move(reply));
  }
  const ErrorClass error = classify(reply.text);
  count(error);
  refused(link, command, error, reply, now_ms);
  if (command.sent >= kSendsMax) return answer(id, std::move(reply));
  const std::int64_t later_ms = now_ms + command.backoff.next_ms(random_());
  switch (error) {
    case ErrorClass::moved:
    case ErrorClass::ask: {
      const auto redirect = redirect_of(reply.text, link.to);
      if (!redirect) return answer(id, std::move(reply));
      // Two servers that each name the other are given time to agree.
      const std::int64_t when_ms = command.sent > kHopsAtOnce ? later_ms : now_ms;
      if (error == ErrorClass::moved) {
        map_->assign(redirect->slot, redirect->to);
        masters_changed_ = true;
        discover_soon(now_ms);
      } else {
        command.ask = redirect->to;
      }
      return again(id, command, when_ms);
    }
    case ErrorClass::clusterdown:
    case ErrorClass::readonly:
    case ErrorClass::master_down:
      discover_soon(now_ms);
      return again(id, command, later_ms);
    case ErrorClass::tryagain:
    case ErrorClass::loading:
    case ErrorClass::busy:
      return again(id, command, later_ms);
    case ErrorClass::oom:
    case ErrorClass::misconf:
    case ErrorClass::no_replicas:
    case ErrorClass::unauthorized:
    case ErrorClass::forbidden:
    case ErrorClass::other:
      return answer(id, std::move(reply));
  }
}

void Client::refused(const Link& link, const Command& command, ErrorClass error, const Reply& reply,
                     std::int64_t now_ms) {
  if (error == ErrorClass::moved || error == ErrorClass::ask) return;  // as clusters work
  const std::string name(name_of_command(command.bytes));
  refusals_.insert_or_assign(name, Refusal{error,
                                           "Redis at " + to_string(link.to) + " refuses " + name + " (" + reply.text +
                                               "): " + std::string(advice_on(error)),
                                           now_ms});
}

void Client::again(CommandId id, Command& command, std::int64_t not_before_ms) {
  command.not_before_ms = not_before_ms;
  waiting_.push_back(id);
}

void Client::answer(CommandId id, base::Result<Reply> reply) {
  const auto at = commands_.find(id);
  queue_bytes_ -= at->second.bytes.size();
  (reply ? counters_.answered : counters_.unavailable).add();
  answers_.push_back({at->second.tag, std::move(reply)});
  commands_.erase(at);
}

void Client::expire(std::int64_t now_ms) {
  std::deque<CommandId> waiting;
  waiting.swap(waiting_);
  for (const CommandId id : waiting) {
    if (now_ms < commands_.at(id).until_ms) {
      waiting_.push_back(id);
    } else {
      answer(id, base::Error{base::Errc::unavailable, problem_ ? problem_->detail : "no answer from Redis in time"});
    }
  }
}

// ---- links

// As whom. Of sentinels most have no password, some the server's, and some one of their own.
Session::Options Client::log_in(const Address& to) const {
  Session::Options out{target_.user, target_.password, target_.database, options_.timeout_ms};
  const auto& sentinels = target_.addresses;
  if (!target_.has_sentinels() || std::find(sentinels.begin(), sentinels.end(), to) == sentinels.end()) return out;
  out.offered = target_.sentinel_password.empty();
  if (!out.offered) {
    out.user = target_.sentinel_user;
    out.password = target_.sentinel_password;
  }
  return out;
}

Client::Link& Client::link_to(const Address& address, std::int64_t now_ms) {
  auto& link = links_[address];
  if (!link) {
    link = std::make_unique<Link>();
    link->to = address;
    link->due_ms = now_ms;
  }
  link->used_ms = now_ms;
  return *link;
}

Client::Link* Client::usable_link(const Address& address, std::int64_t now_ms) {
  Link& link = link_to(address, now_ms);
  return link.serves() ? &link : nullptr;
}

void Client::drop(Link& link, const base::Error& why, std::int64_t now_ms) {
  actions_.push_back({Action::What::close, link.id, {}});
  if (!map_ || map_->has(link.to) || !problem_) problem_ = why;  // not that of a sentinel while a master is missed
  bool asked = false;
  if (link.phase == Link::Phase::open) {
    counters_.disconnects.add();
    // What became of them is unknown; but that the reply to the first was too large.
    base::Error error = why;
    for (const Session::Tag tag : link.session->owed()) {
      if (tag == kDiscoveryTag)
        asked = true;
      else if (tag != kAskingTag && commands_.contains(tag))
        answer(tag, error);
      if (error.code == base::Errc::too_large) error.code = base::Errc::unavailable;
    }
  }
  link.session.reset();
  link.master = false;
  link.id = 0;
  link.phase = Link::Phase::waiting;
  link.due_ms = now_ms + link.backoff.next_ms(random_());
  const std::vector<Address> all = candidates();
  if (asked || (!asking_ && all[candidate_ % all.size()] == link.to)) next_candidate(now_ms);
  if (map_ && map_->has(link.to)) discover_soon(now_ms);
}

void Client::drop_unused(std::int64_t now_ms) {
  for (auto at = links_.begin(); at != links_.end();) {
    Link& link = *at->second;
    if (map_ && map_->has(at->first)) link.used_ms = now_ms;
    const bool owes = link.phase == Link::Phase::open && link.session->owes();
    if (owes || now_ms - link.used_ms < kUnusedMs) {
      ++at;
      continue;
    }
    if (link.id != 0) actions_.push_back({Action::What::close, link.id, {}});
    at = links_.erase(at);
  }
}

// ---- discovery

std::vector<Address> Client::candidates() const {
  if (target_.has_sentinels() || !map_) return target_.addresses;
  // Of a cluster, what it was found to be; the addresses of the target may be long gone.
  std::vector<Address> out = map_->masters();
  for (const Address& address : target_.addresses) {
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  return out;
}

void Client::discover(std::int64_t now_ms) {
  if (asking_ || now_ms < discover_at_ms_) return;
  const std::size_t count = candidates().size();
  for (std::size_t i = 0; i < count && !asking_ && now_ms >= discover_at_ms_; ++i) {
    Link& link = link_to(candidates()[candidate_ % count], now_ms);
    if (link.ready()) return ask(link, now_ms);
    // It is asked as soon as it is ready, and drop() goes on to the next if it fails. One that failed lately is passed
    // over.
    if (link.phase != Link::Phase::waiting || now_ms >= link.due_ms) return;
    next_candidate(now_ms);
  }
}

void Client::ask(Link& link, std::int64_t now_ms) {
  asking_ = true;
  switch (link.session->server().mode) {
    case Session::Server::Mode::sentinel:
      link.session->submit(kDiscoveryTag, command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", target_.master}), now_ms);
      break;
    case Session::Server::Mode::cluster:
      link.session->submit(kDiscoveryTag, command({"CLUSTER", "SLOTS"}), now_ms);
      break;
    case Session::Server::Mode::standalone:
      link.session->submit(kDiscoveryTag, command({"ROLE"}), now_ms);
      break;
  }
  dirty_.push_back(link.id);
}

void Client::discover_soon(std::int64_t now_ms) {
  const std::int64_t earliest_ms =
      discovered_at_ms_ == INT64_MIN ? now_ms : std::max(now_ms, discovered_at_ms_ + kSoonMs);
  discover_at_ms_ = std::min(discover_at_ms_, earliest_ms);
}

void Client::discovered(std::int64_t now_ms) {
  failures_ = 0;
  discovery_backoff_.succeeded();
  discovered_at_ms_ = now_ms;
  masters_changed_ = true;
  discover_at_ms_ = now_ms + (target_.has_sentinels() ? kSentinelEachMs : kDiscoverEachMs);
  for (const Address& master : map_->masters()) link_to(master, now_ms);
}

void Client::next_candidate(std::int64_t now_ms) {
  asking_ = false;
  ++candidate_;
  // All of them once without waiting, then with a pause between the rounds.
  const bool round = ++failures_ % candidates().size() == 0;
  discover_at_ms_ = round ? now_ms + discovery_backoff_.next_ms(random_()) : now_ms;
}

void Client::take_discovery(Link& link, const Reply& reply, std::int64_t now_ms) {
  asking_ = false;
  const auto failed = [&](std::string what) {
    problem_ = base::Error{base::Errc::unavailable, "Redis at " + to_string(link.to) + ": " + std::move(what)};
    next_candidate(now_ms);
  };
  if (reply.is_error()) {
    count(classify(reply.text));
    return failed(reply.text);
  }
  switch (link.session->server().mode) {
    case Session::Server::Mode::sentinel: {
      if (!target_.has_sentinels())
        return failed("it is a sentinel: write redis+sentinel://host:port/master in --redis");
      if (reply.elements.size() != 2) return failed("it knows no master named '" + target_.master + "'");
      const unsigned long port = std::strtoul(reply.elements[1].text.c_str(), nullptr, 10);
      if (port == 0 || port > 65535) return failed("it names no port of its master");
      const Address master{reply.elements[0].text, static_cast<std::uint16_t>(port)};
      if (!map_ || !map_->has(master)) map_ = SlotMap::of_one(master);
      return discovered(now_ms);
    }
    case Session::Server::Mode::cluster: {
      auto map = SlotMap::of_cluster(reply, link.to);
      if (!map) return failed(map.error().detail);
      if (map->masters().empty()) return failed("no node of the cluster has a slot");
      map_ = std::move(*map);
      return discovered(now_ms);
    }
    case Session::Server::Mode::standalone: {
      if (target_.has_sentinels()) return failed("it is no sentinel: write redis://host:port in --redis");
      const bool master = !reply.elements.empty() && reply.elements[0].text == "master";
      link.session->learn_role(master);
      if (!master) return failed("it is a replica, and takes no writes");
      if (!map_ || !map_->has(link.to)) map_ = SlotMap::of_one(link.to);
      return discovered(now_ms);
    }
  }
}

}  // namespace footfall::redis
