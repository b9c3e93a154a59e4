// SPDX-License-Identifier: Apache-2.0
#include "redis/server_error.h"

#include <charconv>

#include "redis/key_slot.h"

namespace footfall::redis {
namespace {

struct Prefix {
  std::string_view word;
  ErrorClass error;
};
constexpr Prefix kPrefixes[] = {
    {"MOVED", ErrorClass::moved},
    {"ASK", ErrorClass::ask},
    {"TRYAGAIN", ErrorClass::tryagain},
    {"CLUSTERDOWN", ErrorClass::clusterdown},
    {"LOADING", ErrorClass::loading},
    {"BUSY", ErrorClass::busy},
    {"MASTERDOWN", ErrorClass::master_down},
    {"READONLY", ErrorClass::readonly},
    {"OOM", ErrorClass::oom},
    {"MISCONF", ErrorClass::misconf},
    {"NOREPLICAS", ErrorClass::no_replicas},
    {"NOAUTH", ErrorClass::unauthorized},
    {"WRONGPASS", ErrorClass::unauthorized},
    {"NOPERM", ErrorClass::forbidden},
};

template <class Number>
bool read(std::string_view digits, Number& out) {
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return failed == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace

std::string_view name_of(ErrorClass error) noexcept {
  static constexpr std::array<std::string_view, kErrorClasses> kNames = {
      "moved",    "ask", "tryagain", "clusterdown", "loading",      "busy",      "master_down",
      "readonly", "oom", "misconf",  "no_replicas", "unauthorized", "forbidden", "other"};
  return kNames[static_cast<std::size_t>(error)];
}

std::string_view advice_on(ErrorClass error) noexcept {
  switch (error) {
    case ErrorClass::moved:
    case ErrorClass::ask:
    case ErrorClass::tryagain:
      return "slots of the cluster are on their way: it ends by itself";
    case ErrorClass::clusterdown:
      return "see what `redis-cli --cluster check` says";
    case ErrorClass::loading:
      return "it reads its dump: it ends by itself";
    case ErrorClass::busy:
      return "a script keeps it busy: `SCRIPT KILL` ends it";
    case ErrorClass::master_down:
      return "it is a replica, and its master is away";
    case ErrorClass::readonly:
      return "it is a replica: name its master, or the sentinels, in --redis";
    case ErrorClass::oom:
      return "it is full: raise its `maxmemory`";
    case ErrorClass::misconf:
      return "it cannot write to its disk: see its log, and whether there is room";
    case ErrorClass::no_replicas:
      return "fewer replicas are in step than its `min-replicas-to-write` wants";
    case ErrorClass::unauthorized:
      return "see user and password in --redis";
    case ErrorClass::forbidden:
      return "allow it to the user of --redis: proto/redis-keys.md has the commands";
    case ErrorClass::other:
      break;
  }
  return "see its log, and whether something else writes under --redis-prefix";
}

ErrorClass classify(std::string_view text) noexcept {
  const std::string_view word = text.substr(0, text.find(' '));
  for (const Prefix& prefix : kPrefixes) {
    if (word == prefix.word) return prefix.error;
  }
  return ErrorClass::other;
}

std::optional<Redirect> redirect_of(std::string_view text, const Address& asked) {
  const std::size_t first = text.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(first + 1);
  const std::size_t second = rest.find(' ');
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view where = rest.substr(second + 1);
  const std::size_t colon = where.rfind(':');  // an IPv6 address has colons of its own, and no brackets
  Redirect out{};
  if (!read(rest.substr(0, second), out.slot) || out.slot >= kSlots || colon == std::string_view::npos ||
      !read(where.substr(colon + 1), out.to.port) || out.to.port == 0) {
    return std::nullopt;
  }
  out.to.host = colon == 0 || where.substr(0, colon) == "?" ? asked.host : std::string(where.substr(0, colon));
  return out;
}

}  // namespace footfall::redis
