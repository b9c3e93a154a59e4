// SPDX-License-Identifier: Apache-2.0
#include "ingest/rules.h"

#include <algorithm>
#include <array>

namespace footfall::ingest {
namespace {

bool origin_is_fine(const Ping& ping, const sites::Settings& settings) {
  if (ping.origin_null) return false;
  if (ping.origin_absent && settings.strict_origin) return false;
  if (settings.hosts.empty()) return true;
  if (ping.origin_absent && ping.origin_host.empty()) return true;
  return is_host_of(ping.origin_host, settings);
}

}  // namespace

std::string_view name_of(Rejection rejection) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(Rejection::count_)> kNames = {
      "none",     "malformed", "unknown_site", "origin",    "prefetch",  "rate",    "time",    "disk",
      "overload", "denied",    "media_type",   "too_large", "duplicate", "timeout", "excluded"};
  return rejection < Rejection::count_ ? kNames[static_cast<std::size_t>(rejection)] : "unknown";
}

bool is_host_of(std::string_view host, const sites::Settings& settings) {
  return std::find(settings.hosts.begin(), settings.hosts.end(), host) != settings.hosts.end();
}

bool own_host(std::string_view referrer, const sites::Settings& settings) {
  const auto scheme = referrer.find("://");
  if (scheme == std::string_view::npos) return false;
  std::string_view host = referrer.substr(scheme + 3);
  host = host.substr(0, host.find('/'));
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) host = host.substr(0, colon);
  return is_host_of(host, settings);
}

Verdict judge(const Ping& ping, const sites::Settings& settings, bool bot, bool ingest_token,
              const base::Address* from) {
  Verdict verdict;
  if (sites::is_excluded(settings, ping.path, from)) {
    verdict.rejection = Rejection::excluded;
  } else if (!ingest_token && !origin_is_fine(ping, settings)) {
    verdict.rejection = Rejection::origin;
  } else if (ping.prefetch) {
    verdict.rejection = Rejection::prefetch;
  } else if (!bot || settings.count_bots) {
    verdict.counts = ping.kind == counting::Kind::pageview;
    verdict.adds_visitor = ping.kind != counting::Kind::heartbeat;
    verdict.touches_presence = true;
  }
  return verdict;
}

}  // namespace footfall::ingest
