// SPDX-License-Identifier: Apache-2.0
#include "redis/session.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "redis/command.h"

namespace footfall::redis {
namespace {

// The value of `key` in what INFO answers: lines of "key:value".
std::string_view field(std::string_view info, std::string_view key) {
  for (std::size_t at = 0; at < info.size();) {
    const std::size_t end = std::min(info.find('\n', at), info.size());
    std::string_view line = info.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':')
      return line.substr(key.size() + 1);
    at = end + 1;
  }
  return {};
}

// Whether "7.0.15" is at least major.minor.
bool at_least(std::string_view version, unsigned major, unsigned minor) {
  unsigned has_major = 0;
  unsigned has_minor = 0;
  const auto [dot, failed] = std::from_chars(version.data(), version.data() + version.size(), has_major);
  if (failed != std::errc{}) return false;
  if (dot != version.data() + version.size()) std::from_chars(dot + 1, version.data() + version.size(), has_minor);
  return has_major != major ? has_major > major : has_minor >= minor;
}

}  // namespace

Session::Session(const Address& server, const Options& options, std::int64_t now_ms)
    : at_(to_string(server)), options_(options), last_heard_ms_(now_ms) {
  if (!options_.password.empty()) {
    if (options_.user.empty()) {
      greet(Step::auth, {"AUTH", options_.password});
    } else {
      greet(Step::auth, {"AUTH", options_.user, options_.password});
    }
  }
  greet(Step::name, {"CLIENT", "SETNAME", "footfall"});
  greet(Step::info, {"INFO"});
}

void Session::greet(Step step, std::initializer_list<std::string_view> words) {
  append_command(unsent_, std::span(words.begin(), words.size()));
  greeting_.push_back(step);
}

void Session::receive(std::string_view bytes, std::int64_t now_ms) {
  if (failed()) return;
  last_heard_ms_ = now_ms;
  parser_.feed(bytes);
  while (!failed()) {
    auto reply = parser_.next();
    if (!reply) return fail(reply.error().code, reply.error().detail);
    if (!*reply) return;
    if (greeting_.empty() && timed_ms_) round_trip_ms_ = now_ms - *std::exchange(timed_ms_, std::nullopt);
    if (!greeting_.empty()) {
      take_greeting(**reply, now_ms);
    } else if (!owed_.empty() && owed_.front() == kOwnTag) {
      owed_.pop_front();
      take_memory(**reply, now_ms);
    } else if (!owed_.empty()) {
      answers_.push_back({owed_.front(), std::move(**reply)});
      owed_.pop_front();
    } else {
      return fail(base::Errc::malformed, "it answered what was not asked");
    }
  }
}

void Session::take_greeting(const Reply& reply, std::int64_t now_ms) {
  const Step step = greeting_.front();
  greeting_.pop_front();
  switch (step) {
    case Step::auth:
      // "ERR AUTH <password> called without any password configured": whoever needs none lets everybody in.
      if (reply.is_error() && !options_.offered && !reply.text.starts_with("ERR AUTH") &&
          classify(reply.text) != ErrorClass::loading) {
        return refuse(reply, base::Errc::denied, "it refuses user and password (" + reply.text + "): see --redis");
      }
      return;
    case Step::name:
      return;  // a user may be forbidden to do that, and it is for `CLIENT LIST` alone
    case Step::info:
      return take_info(reply, now_ms);
    case Step::select:
      if (reply.is_error()) {
        return refuse(reply, base::Errc::invalid_config,
                      "database " + std::to_string(options_.database) + ": " + reply.text);
      }
      phase_ = Phase::ready;
      return;
  }
}

void Session::no_info(const Reply& reply) {
  const ErrorClass error = classify(reply.text);
  if (error == ErrorClass::unauthorized) {
    return refuse(reply, base::Errc::denied,
                  "it wants a password (" + reply.text +
                      (options_.offered ? "), another than the server's: give it in --redis, `?sentinel-password=`"
                                        : "): give it in --redis"));
  }
  if (error == ErrorClass::forbidden)
    return refuse(reply, base::Errc::denied, "its user may not run INFO (" + reply.text + "): allow it, `+info`");
  return refuse(reply, base::Errc::unavailable, reply.text);
}

bool Session::may_evict() {
  if (server_.policy.empty() || server_.policy == "noeviction") return false;
  fail(base::Errc::invalid_config,
       "its maxmemory-policy is " + server_.policy +
           ": it may throw counts away when its memory is full. Set `maxmemory-policy noeviction`, or give footfall a "
           "Redis of its own");
  return true;
}

void Session::take_info(const Reply& reply, std::int64_t now_ms) {
  if (reply.is_error()) return no_info(reply);
  const std::string_view info = reply.text;
  const std::string_view mode = field(info, "redis_mode");
  server_.mode = mode == "cluster"    ? Server::Mode::cluster
                 : mode == "sentinel" ? Server::Mode::sentinel
                                      : Server::Mode::standalone;
  server_.version = field(info, "redis_version");
  server_.policy = field(info, "maxmemory_policy");
  server_.master = field(info, "role") != "slave";
  if (!at_least(server_.version, 6, 2)) {
    return fail(base::Errc::invalid_config,
                "it is Redis " + server_.version + "; 6.2 or later is needed (ZADD GT, PFADD of many)");
  }
  if (field(info, "loading") == "1") return fail(base::Errc::unavailable, "it is reading its dump");
  if (server_.mode == Server::Mode::sentinel) {
    phase_ = Phase::ready;
    return;
  }
  if (may_evict()) return;
  policy_at_ms_ = now_ms + kPolicyEachMs;
  if (options_.database == 0) {
    phase_ = Phase::ready;
  } else if (server_.mode == Server::Mode::cluster) {
    fail(base::Errc::invalid_config, "a cluster has database 0 alone: leave the number out of --redis");
  } else {
    phase_ = Phase::selecting;
    greet(Step::select, {"SELECT", std::to_string(options_.database)});
  }
}

void Session::take_memory(const Reply& reply, std::int64_t now_ms) {
  policy_at_ms_ = now_ms + kPolicyEachMs;
  if (!reply.is_error()) {
    server_.policy = field(reply.text, "maxmemory_policy");
    may_evict();
    return;
  }
  const ErrorClass error = classify(reply.text);  // a server that is busy is asked again
  if (error != ErrorClass::busy && error != ErrorClass::loading) no_info(reply);
}

void Session::advance(std::int64_t now_ms) {
  if (owes() && now_ms >= last_heard_ms_ + options_.timeout_ms) {
    return fail(base::Errc::unavailable, "no answer within " + std::to_string(options_.timeout_ms) + " ms");
  }
  if (!ready() || !policy_at_ms_ || now_ms < *policy_at_ms_) return;
  policy_at_ms_.reset();
  submit(kOwnTag, command({"INFO", "memory"}), now_ms);
}

std::optional<std::int64_t> Session::deadline_ms() const {
  if (failed()) return std::nullopt;
  std::optional<std::int64_t> out;
  if (ready()) out = policy_at_ms_;
  if (owes()) out = std::min(out.value_or(INT64_MAX), last_heard_ms_ + options_.timeout_ms);
  return out;
}

void Session::submit(Tag tag, std::string_view bytes, std::int64_t now_ms) {
  if (owed_.empty()) {
    last_heard_ms_ = now_ms;
    timed_ms_ = now_ms;
  }
  unsent_ += bytes;
  owed_.push_back(tag);
}

std::optional<Session::Answer> Session::next() {
  if (answers_.empty()) return std::nullopt;
  Answer out = std::move(answers_.front());
  answers_.pop_front();
  return out;
}

std::vector<Session::Tag> Session::owed() const {
  std::vector<Tag> out;
  std::copy_if(owed_.begin(), owed_.end(), std::back_inserter(out), [](Tag tag) { return tag != kOwnTag; });
  return out;
}

void Session::refuse(const Reply& reply, base::Errc code, const std::string& what) {
  refusals_.push_back(classify(reply.text));
  fail(code, what);
}

void Session::fail(base::Errc code, const std::string& what) {
  phase_ = Phase::failed;
  error_ = base::Error{code, "Redis at " + at_ + ": " + what};
}

}  // namespace footfall::redis
