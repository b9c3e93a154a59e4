// SPDX-License-Identifier: Apache-2.0
#include "cli/top_reading.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "cli/json_read.h"

namespace footfall::cli {
namespace {

double value_of(const Metrics& metrics, std::string_view name) {
  const auto found = metrics.find(name);
  return found == metrics.end() ? 0 : found->second;
}

// `version="0.1.0"` of the series that a name has.
std::string label_of(const Metrics& metrics, std::string_view name, std::string_view label) {
  const auto found = metrics.lower_bound(name);
  if (found == metrics.end() || !found->first.starts_with(name)) return {};
  const std::string begin = std::string(label) + "=\"";
  const std::size_t at = found->first.find(begin);
  if (at == std::string::npos) return {};
  const std::size_t from = at + begin.size();
  return found->first.substr(from, found->first.find('"', from) - from);
}

// In a second; absent where it fell, or no time passed.
std::optional<double> rate(std::optional<double> before, std::optional<double> now, double seconds) {
  if (!before || !now || seconds <= 0 || *now < *before) return std::nullopt;
  return (*now - *before) / seconds;
}

DaemonState daemon_state(const Metrics& now, const Reading* before, double seconds) {
  DaemonState out;
  out.version = label_of(now, "footfall_build_info{", "version");
  out.up_s = static_cast<double>(std::time(nullptr)) - value_of(now, "process_start_time_seconds");
  out.queue_s = value_of(now, "footfall_http_queue_delay_seconds");
  out.stall_s = value_of(now, "footfall_stall_seconds_max");
  out.resident_bytes = value_of(now, "process_resident_memory_bytes");
  out.descriptors = value_of(now, "process_open_fds");
  out.connections = value_of(now, "footfall_http_connections");
  out.streams = value_of(now, "footfall_live_subscribers");
  out.ready = value_of(now, "footfall_ready") == 1;
  out.shedding = value_of(now, "footfall_overload_state") > 0;
  out.mismatches = static_cast<std::uint64_t>(value_of(now, "footfall_ledger_mismatch"));
  out.streams_failed = static_cast<std::uint64_t>(value_of(now, "footfall_journal_streams_failed"));
  if (before == nullptr || !before->metrics) return out;
  const auto between = [&](const char* name) {
    return rate(sum_of(*before->metrics, name), sum_of(now, name), seconds);
  };
  out.accepted_per_s = between("footfall_hits_accepted_total");
  out.rejected_per_s = between("footfall_hits_rejected_total");
  out.cpu = between("process_cpu_seconds_total");
  const std::optional<double> syncs = between("footfall_journal_syncs_total");
  const std::optional<double> sync_s = between("footfall_journal_sync_seconds_total");
  if (syncs && sync_s && *syncs > 0) out.sync_s = *sync_s / *syncs;
  return out;
}

// Does `a` stand above `b`?
bool above(const SiteState& a, const SiteState& b, TopOrder order) {
  const auto by = [&](auto mine, auto others) { return mine != others ? mine > others : a.now.site < b.now.site; };
  switch (order) {
    case TopOrder::online:
      return by(a.now.online, b.now.online);
    case TopOrder::today:
      return by(a.now.today, b.now.today);
    case TopOrder::total:
      return by(a.now.total, b.now.total);
    case TopOrder::hits:
      return by(a.hits_per_s.value_or(-1), b.hits_per_s.value_or(-1));
    case TopOrder::name:
      break;
  }
  return a.now.site < b.now.site;
}

}  // namespace

base::Result<void> read_sites(std::string_view json, Reading& reading) {
  JsonDocument document;
  if (!document.parse(json) || !document.root()["sites"].present())
    return base::Error{base::Errc::malformed, "the daemon's list of sites is none; is --url footfalld's?"};
  for (const JsonValue& site : document.root()["sites"].items()) {
    reading.sites.push_back(
        {site.text("site"), site.number("online"), site["today"].number("hits"), site.number("total")});
  }
  reading.more = document.root().number("more");
  return {};
}

Metrics parse_metrics(std::string_view text) {
  Metrics out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t space = line.rfind(' ');
    if (line.empty() || line.front() == '#' || space == std::string_view::npos) continue;
    const std::string number(line.substr(space + 1));
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (end == number.c_str() || *end != '\0') continue;
    out.emplace(line.substr(0, space), value);
  }
  return out;
}

std::optional<double> sum_of(const Metrics& metrics, std::string_view name) {
  std::optional<double> out;
  for (auto at = metrics.lower_bound(name); at != metrics.end() && at->first.starts_with(name); ++at) {
    if (at->first.size() == name.size() || at->first[name.size()] == '{') out = out.value_or(0) + at->second;
  }
  return out;
}

void TopHistory::add(Reading reading) {
  while (readings_.size() > 1 && reading.at_s - readings_[1].at_s >= kSpan_s) readings_.pop_front();
  readings_.push_back(std::move(reading));
}

TopState TopHistory::state(TopOrder order) const {
  const Reading& now = readings_.back();
  const Reading* const before = readings_.size() > 1 ? &readings_.front() : nullptr;
  const double seconds = before == nullptr ? 0 : now.at_s - before->at_s;
  std::map<std::string_view, std::uint64_t> then;  // site -> its hits of today
  if (before != nullptr) {
    for (const SiteNumbers& site : before->sites) then.emplace(site.site, site.today);
  }
  TopState out;
  for (const SiteNumbers& site : now.sites) {
    const auto known = then.find(site.site);
    const auto earlier = known == then.end() ? std::nullopt : std::optional<double>(static_cast<double>(known->second));
    out.sites.push_back({site, rate(earlier, static_cast<double>(site.today), seconds)});
    out.online += site.online;
    out.today += site.today;
  }
  std::sort(out.sites.begin(), out.sites.end(),
            [order](const SiteState& a, const SiteState& b) { return above(a, b, order); });
  out.more = now.more;
  out.no_metrics = now.no_metrics;
  out.answered_s = now.answered_s;
  if (now.metrics) out.daemon = daemon_state(*now.metrics, before, seconds);
  return out;
}

}  // namespace footfall::cli
