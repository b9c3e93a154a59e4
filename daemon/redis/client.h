// SPDX-License-Identifier: Apache-2.0
// Client: commands to wherever their keys are: one server, the master that sentinels name, or the masters of a cluster.
// Free of I/O: a transport carries out its actions, and tells it what happened.
//
//   submit(tag, slot, bytes) --> waiting --> in flight on the link of the slot's master --> take_answer()
//                                   ^                 |
//                                   +--- MOVED, ASK, TRYAGAIN, LOADING, READONLY, CLUSTERDOWN
//
//   discovery: who is the master of what? Asks one known address after the other:  a server for its role, a cluster for
//   CLUSTER SLOTS, a sentinel for its master. Each second at sentinels, else each 10 s, and when an answer says so.
//
// A command is answered with Redis's reply, errors included, or `unavailable`: it was not sent in time, or what became
// of it is unknown. So callers write absolute values, and may send them again. Nothing is ordered between keys. A reply
// that is beyond the bounds of reply.h ends the connection; its command alone is answered `too_large`.
//
// Bounds     queue_bytes_max of commands that wait or are in flight; beyond, submit() refuses. A command waits
//            command_ms at most. One connection per address.
// Units      milliseconds of a clock that never steps, given by the caller.
// Ownership  owns its sessions. Threading: none. Errors: as answers; problem() says what keeps it from working.
// Source     Redis Cluster specification; "Guidelines for Redis clients with support for Redis Sentinel".
// Tested by tests/unit/redis/client_test.cc without a socket, and redis_servers_test.cc with real servers.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/counter.h"
#include "base/errors.h"
#include "redis/address.h"
#include "redis/backoff.h"
#include "redis/server_error.h"
#include "redis/session.h"
#include "redis/slot_map.h"
#include "redis/target.h"
#include "redis/trouble.h"

namespace footfall::redis {

// Written by the client's thread, read by any.
struct ClientCounters {
  base::Counter answered;
  base::Counter unavailable;
  std::array<base::Counter, kErrorClasses> errors;  // ErrorClass -> replies, to log-ins and discoveries too
  base::Counter round_trips, round_trip_ms;         // of commands that had a connection to themselves; summed
  base::Counter connects;
  base::Counter masters;  // connections to a master, and servers that became one: each may lack what was written
  base::Counter disconnects;
};

class Client {
 public:
  struct Options {
    std::int64_t connect_ms = 2000;
    std::int64_t timeout_ms = 2000;  // see Session::Options
    std::int64_t command_ms = 5000;
    std::size_t queue_bytes_max = 64U << 20U;
    std::uint64_t seed = 0;  // of the jitter
  };
  using Tag = std::uint64_t;
  using LinkId = std::uint32_t;
  struct Answer {
    Tag tag;
    base::Result<Reply> reply;
  };
  struct Action {
    enum class What { open, close };
    What what;
    LinkId link;
    Address to;  // of open
  };

  Client(Target target, const Options& options, std::int64_t now_ms);
  ~Client();

  // One command that gets one reply; `slot` is slot_of() its keys, none for one that any master may answer.
  // False: the queue is full, and nothing was taken.
  bool submit(Tag tag, std::optional<std::uint16_t> slot, std::string bytes, std::int64_t now_ms);
  std::optional<Answer> take_answer();
  // Nothing was asked that is not answered.
  bool quiet() const { return commands_.empty() && answers_.empty(); }
  bool has_answers() const { return !answers_.empty(); }

  // Every slot has a master, with an open session.
  bool up() const;
  // Why not, in a sentence; empty while up().
  std::string problem() const;
  // What somebody should know: it is not up, or a server refuses commands of a kind, and has done none of that kind
  // since (kRefusedMs long: then nobody tries any more).
  static constexpr std::int64_t kRefusedMs = 120'000;
  std::optional<Trouble> trouble(std::int64_t now_ms) const;
  std::vector<Address> masters() const { return map_ ? map_->masters() : std::vector<Address>{}; }
  // See SlotMap; {0} while no master is known.
  std::vector<unsigned> numbers_of_tag(std::string_view tag) const {
    return map_ ? map_->numbers_of_tag(tag) : std::vector<unsigned>{0};
  }
  const ClientCounters& counters() const { return counters_; }

  // The transport's side. After each call it carries out what take_action() gives, and sends unsent(link) of the
  // links that take_dirty() gives.
  std::optional<Action> take_action();
  std::vector<LinkId> take_dirty();
  std::string* unsent(LinkId link);  // nullptr: closed meanwhile
  void opened(LinkId link, std::int64_t now_ms);
  void received(LinkId link, std::string_view bytes, std::int64_t now_ms);
  void closed(LinkId link, const std::string& why, std::int64_t now_ms);
  void advance(std::int64_t now_ms);
  // When advance() is to be called at the latest.
  std::int64_t deadline_ms() const;

 private:
  struct Link;
  struct Command {
    Tag tag;
    std::optional<std::uint16_t> slot;
    std::string bytes;
    std::int64_t until_ms;       // answered by then
    std::int64_t not_before_ms;  // waits for it
    std::optional<Address> ask;  // of an ASK: there, once
    unsigned sent = 0;           // how often
    Backoff backoff;
  };
  using CommandId = std::uint64_t;

  void turn(std::int64_t now_ms);  // after anything happened
  void count_masters();
  void count(ErrorClass error) { counters_.errors[static_cast<std::size_t>(error)].add(); }
  void dispatch(std::int64_t now_ms);
  void open_links(std::int64_t now_ms);  // those that are due
  bool send(CommandId id, Command& command, std::int64_t now_ms);
  void take_replies(Link& link, std::int64_t now_ms);
  void take_reply(const Link& link, CommandId id, Reply reply, std::int64_t now_ms);
  void again(CommandId id, Command& command, std::int64_t not_before_ms);
  void refused(const Link& link, const Command& command, ErrorClass error, const Reply& reply, std::int64_t now_ms);
  void answer(CommandId id, base::Result<Reply> reply);
  void expire(std::int64_t now_ms);

  Session::Options log_in(const Address& to) const;
  Link& link_to(const Address& address, std::int64_t now_ms);
  Link* usable_link(const Address& address, std::int64_t now_ms);
  void drop(Link& link, const base::Error& why, std::int64_t now_ms);
  void drop_unused(std::int64_t now_ms);

  void discover(std::int64_t now_ms);
  void ask(Link& link, std::int64_t now_ms);
  void discover_soon(std::int64_t now_ms);
  void discovered(std::int64_t now_ms);
  void next_candidate(std::int64_t now_ms);
  void take_discovery(Link& link, const Reply& reply, std::int64_t now_ms);
  std::vector<Address> candidates() const;

  Target target_;
  Options options_;
  std::minstd_rand random_;
  ClientCounters counters_;

  std::optional<SlotMap> map_;
  bool masters_changed_ = false;                    // whose link serves, or the map
  std::map<Address, std::unique_ptr<Link>> links_;  // address -> its link, open or to be opened
  LinkId last_link_ = 0;

  std::unordered_map<CommandId, Command> commands_;  // all that are not answered
  std::deque<CommandId> waiting_;
  CommandId last_command_ = 0;
  std::size_t queue_bytes_ = 0;
  std::deque<Answer> answers_;
  std::deque<Action> actions_;
  std::vector<LinkId> dirty_;

  // Discovery: asks candidates()[candidate_] when it is due; asking_ while its answer is awaited.
  std::size_t candidate_ = 0;
  std::size_t failures_ = 0;  // in a row
  std::int64_t discover_at_ms_;
  std::int64_t turned_ms_ = INT64_MIN;
  std::int64_t discovered_at_ms_ = INT64_MIN;
  bool asking_ = false;
  Backoff discovery_backoff_;
  std::optional<base::Error> problem_;
  struct Refusal {
    ErrorClass error;
    std::string what;
    std::int64_t at_ms;
  };
  std::map<std::string, Refusal, std::less<>> refusals_;  // name of a command -> why it was not done when last tried
};

}  // namespace footfall::redis
