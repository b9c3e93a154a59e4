// SPDX-License-Identifier: Apache-2.0
#include "redis/target.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace footfall::redis {
namespace {

constexpr std::uint16_t kPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;
constexpr std::string_view kShapes =
    "; write redis://[user:password@]host[:port][,host...][/database], rediss://..., unix:///path or "
    "redis+sentinel://host[:port],.../master[/database][?sentinel-user=user&sentinel-password=password]";

base::Error wrong(std::string what) {
  return {base::Errc::invalid_config, std::move(what) + std::string(kShapes)};
}

template <class Number>
std::optional<Number> number(std::string_view digits) {
  Number value{};
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failed != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned char byte = 0;
    const std::string_view hex = text.substr(i + 1, 2);
    const auto [end, failed] = std::from_chars(hex.data(), hex.data() + hex.size(), byte, 16);
    if (hex.size() != 2 || failed != std::errc{} || end != hex.data() + 2) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::optional<Address> address(std::string_view text, std::uint16_t port) {
  Address out;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else {
    const std::size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  out.port = port;
  if (!rest.empty()) {
    const auto given = rest.starts_with(':') ? number<std::uint16_t>(rest.substr(1)) : std::nullopt;
    if (!given || *given == 0) return std::nullopt;
    out.port = *given;
  }
  if (out.host.empty()) return std::nullopt;
  return out;
}

// Takes what stands before the last '@' of `text`, and leaves what is behind it.
bool take_credentials(std::string_view& text, Target& out) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return true;
  const std::string_view credentials = text.substr(0, at);
  text.remove_prefix(at + 1);
  const std::size_t colon = credentials.find(':');
  const auto user = decoded(colon == std::string_view::npos ? std::string_view() : credentials.substr(0, colon));
  const auto password = decoded(colon == std::string_view::npos ? credentials : credentials.substr(colon + 1));
  if (!user || !password || password->empty()) return false;
  out.user = *user;
  out.password = *password;
  return true;
}

// "sentinel-user=U&sentinel-password=P". Answers what is wrong, without what may be a password; empty: nothing.
std::string take_sentinel_credentials(std::string_view query, Target& out) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::string_view key = pair.substr(0, pair.find('='));
    const auto value = decoded(pair.substr(std::min(pair.size(), key.size() + 1)));
    std::string* const to = key == "sentinel-user"       ? &out.sentinel_user
                            : key == "sentinel-password" ? &out.sentinel_password
                                                         : nullptr;
    if (to == nullptr) return "unknown '?" + std::string(key) + "'";
    if (!value || value->empty()) return std::string(key) + " cannot be read";
    *to = *value;
  }
  if (!out.sentinel_user.empty() && out.sentinel_password.empty()) return "sentinel-password is missing";
  return {};
}

base::Result<Target> parse_unix(std::string_view rest) {
  Target out;
  std::string_view query;
  if (const std::size_t mark = rest.rfind('?'); mark != std::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  if (!take_credentials(rest, out)) return wrong("user and password cannot be read");
  const auto path = decoded(rest);
  if (!path || !path->starts_with('/')) return wrong("unix:// takes an absolute path");
  if (path->size() > 107) return wrong("the path of the unix socket is longer than 107 bytes");
  if (!query.empty()) {
    constexpr std::string_view key = "database=";
    const auto database = query.starts_with(key) ? number<unsigned>(query.substr(key.size())) : std::nullopt;
    if (!database) return wrong("unknown '?" + std::string(query) + "'");
    out.database = *database;
  }
  out.addresses.push_back({*path, 0});
  return out;
}

}  // namespace

base::Result<Target> parse_target(std::string_view uri) {
  const std::size_t mark = uri.find("://");
  if (mark == std::string_view::npos) return wrong("no URI");
  std::string_view scheme = uri.substr(0, mark);
  std::string_view rest = uri.substr(mark + 3);
  if (scheme == "unix") return parse_unix(rest);

  Target out;
  const bool sentinels = scheme == "redis+sentinel" || scheme == "rediss+sentinel";
  out.tls = scheme.starts_with("rediss");
  if (!sentinels && scheme != "redis" && scheme != "rediss")
    return wrong("unknown scheme '" + std::string(scheme) + "'");
  // A password may hold a '/', but then percent-encoded: what follows the first one behind the '@' is the path.
  if (!take_credentials(rest, out)) return wrong("user and password cannot be read");
  if (const std::size_t query = rest.find('?'); sentinels && query != std::string_view::npos) {
    if (std::string what = take_sentinel_credentials(rest.substr(query + 1), out); !what.empty())
      return wrong(std::move(what));
    rest = rest.substr(0, query);
  }
  std::string_view path;
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    path = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    more = comma != std::string_view::npos;
    const auto one = address(rest.substr(0, comma), sentinels ? kSentinelPort : kPort);
    if (!one) return wrong("'" + std::string(rest.substr(0, comma)) + "' is not host[:port]");
    out.addresses.push_back(*one);
    rest.remove_prefix(more ? comma + 1 : rest.size());
  }
  if (sentinels) {
    const std::size_t slash = path.find('/');
    const auto master = decoded(path.substr(0, slash));
    if (!master || master->empty()) return wrong("the name of the sentinels' master is missing");
    out.master = *master;
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  if (!path.empty()) {
    const auto database = number<unsigned>(path);
    if (!database) return wrong("'" + std::string(path) + "' is not the number of a database");
    out.database = *database;
  }
  return out;
}

std::string to_string(const Target& target) {
  if (target.addresses.front().is_unix()) return "unix://" + target.addresses.front().host;
  std::string out = target.tls ? "rediss" : "redis";
  out += target.has_sentinels() ? "+sentinel://" : "://";
  for (std::size_t i = 0; i < target.addresses.size(); ++i) out += (i > 0 ? "," : "") + to_string(target.addresses[i]);
  if (target.has_sentinels()) out += "/" + target.master;
  if (target.database != 0) out += "/" + std::to_string(target.database);
  return out;
}

}  // namespace footfall::redis
