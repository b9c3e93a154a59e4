// SPDX-License-Identifier: Apache-2.0
// Session: one connection to a Redis server, from the log-in to its end. Free of I/O: bytes in, replies out; commands
// in, bytes out.
//
//   AUTH, CLIENT SETNAME, INFO -> [SELECT] -> ready: commands are pipelined, replies come in order
//
// A server is refused that may evict keys, that lacks a command which is used (before 6.2), or that is still reading
// its dump. Whether it may evict is asked again each kPolicyEachMs: it can be set while it runs. When a session has
// failed, the outcome of what it still owed is unknown.
//
// Units      milliseconds of a clock that never steps, given by the caller.
// Threading  none. Errors: error(), in a sentence that says what to do.
// Tested by tests/unit/redis/session_test.cc, with replies cut at every byte.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "redis/address.h"
#include "redis/reply.h"
#include "redis/server_error.h"

namespace footfall::redis {

class Session {
 public:
  static constexpr std::int64_t kPolicyEachMs = 10'000;

  struct Options {
    std::string user;
    std::string password;
    unsigned database = 0;
    std::int64_t timeout_ms = 2000;  // without a byte, while a reply is owed
    bool offered = false;            // the password may be none of this server's: refused, it is gone on without it
  };
  // What the server said of itself.
  struct Server {
    enum class Mode { standalone, cluster, sentinel };
    Mode mode = Mode::standalone;
    bool master = true;
    std::string version;
    std::string policy;  // maxmemory-policy; empty where INFO does not say
  };
  using Tag = std::uint64_t;  // the caller's name for a command; not kOwnTag
  struct Answer {
    Tag tag;
    Reply reply;
  };

  // The socket is connected: the log-in begins.
  Session(const Address& server, const Options& options, std::int64_t now_ms);

  void receive(std::string_view bytes, std::int64_t now_ms);
  // Fails when a reply is overdue; may have something to say.
  void advance(std::int64_t now_ms);
  // When advance() is to be called at the latest.
  std::optional<std::int64_t> deadline_ms() const;
  // A reply is awaited.
  bool owes() const { return !failed() && (!greeting_.empty() || !owed_.empty()); }

  bool ready() const { return phase_ == Phase::ready; }
  bool failed() const { return phase_ == Phase::failed; }
  const base::Error& error() const { return *error_; }  // REQUIRES: failed()
  const Server& server() const { return server_; }      // REQUIRES: ready()
  // ROLE said so since.
  void learn_role(bool master) { server_.master = master; }

  // REQUIRES: ready(). `bytes` is one command that gets one reply.
  void submit(Tag tag, std::string_view bytes, std::int64_t now_ms);
  std::optional<Answer> next();
  // Commands that were submitted and not answered: all of them, once it failed.
  std::vector<Tag> owed() const;

  std::string& unsent() { return unsent_; }

  // How long the latest command took that was sent while nothing else was owed; once.
  std::optional<std::int64_t> take_round_trip_ms() { return std::exchange(round_trip_ms_, std::nullopt); }

  // Error replies to the session's own commands that ended it, since the last call; for the metrics.
  std::vector<ErrorClass> take_refusals() { return std::exchange(refusals_, {}); }

 private:
  enum class Phase { greeting, selecting, ready, failed };
  enum class Step : std::uint8_t { auth, name, info, select };
  static constexpr Tag kOwnTag = UINT64_MAX - 1;  // of INFO memory

  void greet(Step step, std::initializer_list<std::string_view> words);
  void take_greeting(const Reply& reply, std::int64_t now_ms);
  void take_info(const Reply& reply, std::int64_t now_ms);
  void take_memory(const Reply& reply, std::int64_t now_ms);
  bool may_evict();  // fails where it may
  void no_info(const Reply& reply);
  void refuse(const Reply& reply, base::Errc code, const std::string& what);  // fails, by an error reply
  void fail(base::Errc code, const std::string& what);

  std::string at_;  // for errors
  Options options_;
  Phase phase_ = Phase::greeting;
  ReplyParser parser_;
  std::deque<Step> greeting_;  // steps whose replies are awaited
  std::deque<Tag> owed_;
  std::deque<Answer> answers_;
  std::string unsent_;
  std::int64_t last_heard_ms_;            // or since when something is owed
  std::optional<std::int64_t> timed_ms_;  // when the first of owed_ was sent, if nothing was owed then
  std::optional<std::int64_t> round_trip_ms_;
  std::optional<std::int64_t> policy_at_ms_;  // when it is asked for next; none: it is asked, or never
  Server server_;
  std::vector<ErrorClass> refusals_;
  std::optional<base::Error> error_;
};

}  // namespace footfall::redis
