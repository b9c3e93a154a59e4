// SPDX-License-Identifier: Apache-2.0
#include "syslog_intake.h"

#include "candidate.h"
#include "ingest/access_line.h"

namespace footfall {

using ingest::Rejection;
using logs::SyslogFault;

SyslogIntake::SyslogIntake(const SyslogOptions& options, LocalSites& sites, lookup::ClientLookup& lookup,
                           const HitLimits& limits, metrics::ShardCounters& ledger, metrics::SyslogCounters& counters)
    : options_(&options),
      sites_(sites),
      lookup_(lookup),
      limits_(limits),
      ledger_(ledger),
      counters_(counters),
      format_(options.format),
      json_(logs::Format::find("json").value()) {}

void SyslogIntake::malformed(SyslogFault fault) {
  counters_.malformed.at(static_cast<std::size_t>(fault)).add();
  ledger_.received.add();
  ledger_.reject(Rejection::malformed);
}

void SyslogIntake::set_options(const SyslogOptions& options) {
  options_ = &options;
  format_ = options.format;
}

LocalSite* SyslogIntake::site_of(const logs::Line& line, std::string_view tag) {
  if (line.host) {
    if (LocalSite* const site = sites_.find_host(*line.host)) return site;
  }
  if (!tag.empty()) {
    if (LocalSite* const site = sites_.find(tag)) return site;
  }
  return options_->site.empty() ? nullptr : sites_.find(options_->site);
}

void SyslogIntake::take(std::string_view datagram, bool cut, std::int64_t now_ms) {
  counters_.datagrams.add();
  if (cut) return malformed(SyslogFault::truncated);
  logs::SyslogMessage message;
  if (const SyslogFault fault = logs::read_syslog(datagram, message); fault != SyslogFault::none)
    return malformed(fault);
  logs::Line line;
  if (!(message.line.front() == '{' ? json_ : format_).read(message.line, line)) return malformed(SyslogFault::line);
  if (!options_->filter.passes(line)) return counters_.filtered.add();
  counters_.pings.add();
  ledger_.received.add();
  LocalSite* const local = site_of(line, message.tag);
  if (local == nullptr) return ledger_.reject(Rejection::unknown_site);
  const auto refuse = [&](Rejection rejection) {
    local->entry.site->refusals().add(ingest::name_of(rejection), {}, now_ms / 1000);
    ledger_.reject(rejection);
  };
  ingest::Item item;
  if (!ingest::read_access_line(line, local->entry.settings->name, arena_, item)) return refuse(Rejection::too_large);
  sites::Candidate& candidate = candidates_.emplace_back();
  Rejection rejection = take_item(candidate, *local, item, lookup_, now_ms / 1000, nullptr);
  if (rejection == Rejection::none && !limits_.allow(*local, now_ms)) rejection = Rejection::rate;
  if (rejection == Rejection::none) {
    owners_.push_back(local);
  } else {
    candidates_.pop_back();
    refuse(rejection);
  }
}

void SyslogIntake::clear() {
  candidates_.clear();
  owners_.clear();
  arena_.clear();
}

}  // namespace footfall
