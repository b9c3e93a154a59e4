// SPDX-License-Identifier: Apache-2.0
#include "reload.h"

#include <map>
#include <set>
#include <string_view>

#include "api/text.h"

namespace footfall {
namespace {

using Take = void (*)(Config& running, const Config& wanted);

// option -> how it is taken. Absent: it says where something is, or what the state and the threads are made of.
const std::map<std::string_view, Take>& reloadable() {
  static const std::map<std::string_view, Take> table{
      {"tls-certificate", [](Config& r, const Config& w) { r.tls_certificate = w.tls_certificate; }},
      {"tls-key", [](Config& r, const Config& w) { r.tls_key = w.tls_key; }},
      {"sync-interval", [](Config& r, const Config& w) { r.sync_interval_s = w.sync_interval_s; }},
      {"trusted-proxy", [](Config& r, const Config& w) { r.trusted_proxies = w.trusted_proxies; }},
      {"trusted-proxy-file",
       [](Config& r, const Config& w) { r.trusted_proxies_of_files = w.trusted_proxies_of_files; }},
      {"country-database", [](Config& r, const Config& w) { r.country_database = w.country_database; }},
      {"metrics-sites", [](Config& r, const Config& w) { r.metrics_sites = w.metrics_sites; }},
      {"rate-limit", [](Config& r, const Config& w) { r.rate_limit = w.rate_limit; }},
      {"rate-burst", [](Config& r, const Config& w) { r.rate_burst = w.rate_burst; }},
      {"hits-per-second-max", [](Config& r, const Config& w) { r.hits_per_second_max = w.hits_per_second_max; }},
      {"connections-max", [](Config& r, const Config& w) { r.connections_max = w.connections_max; }},
      {"body-memory-max", [](Config& r, const Config& w) { r.body_memory_max = w.body_memory_max; }},
      {"sites-max", [](Config& r, const Config& w) { r.sites_max = w.sites_max; }},
      {"online-pairs-max", [](Config& r, const Config& w) { r.online_pairs_max = w.online_pairs_max; }},
      {"batch-keys-max", [](Config& r, const Config& w) { r.batch_keys_max = w.batch_keys_max; }},
      {"batch-key-memory-max", [](Config& r, const Config& w) { r.batch_key_memory_max = w.batch_key_memory_max; }},
      {"checkpoint-interval", [](Config& r, const Config& w) { r.checkpoint_interval_s = w.checkpoint_interval_s; }},
      {"checkpoint-journal",
       [](Config& r, const Config& w) { r.checkpoint_journal_bytes = w.checkpoint_journal_bytes; }},
      {"keep-rankings", [](Config& r, const Config& w) { r.keep_rankings_days = w.keep_rankings_days; }},
      {"keep-audit", [](Config& r, const Config& w) { r.keep_audit_days = w.keep_audit_days; }},
      {"undo-days", [](Config& r, const Config& w) { r.undo_days = w.undo_days; }},
      {"syslog-site", [](Config& r, const Config& w) { r.syslog.site = w.syslog.site; }},
      {"syslog-format", [](Config& r, const Config& w) { r.syslog.format = w.syslog.format; }},
      {"syslog-filter", [](Config& r, const Config& w) { r.syslog.filter = w.syslog.filter; }},
      {"snapshot-interval",
       [](Config& r, const Config& w) { r.redis.snapshot_interval_s = w.redis.snapshot_interval_s; }},
      {"snapshots-kept", [](Config& r, const Config& w) { r.redis.snapshots_kept = w.redis.snapshots_kept; }},
      {"drain", [](Config& r, const Config& w) { r.drain_s = w.drain_s; }},
      {"log-level", [](Config& r, const Config& w) { r.log_level = w.log_level; }},
      {"log-format", [](Config& r, const Config& w) { r.log_format = w.log_format; }},
      {"log-rate", [](Config& r, const Config& w) { r.log_rate_max = w.log_rate_max; }},
  };
  return table;
}

}  // namespace

Reloaded take_reloadable(Config& running, const Config& wanted) {
  std::set<std::string> names;
  for (const Config* config : {static_cast<const Config*>(&running), &wanted}) {
    for (const auto& [name, values] : config->given) names.insert(name);
  }
  Reloaded out;
  for (const std::string& name : names) {
    const auto before = running.given.find(name);
    const auto now = wanted.given.find(name);
    const bool there = now != wanted.given.end();
    // The file's name may stay while what is in it changes.
    const bool same_file =
        name != "trusted-proxy-file" || running.trusted_proxies_of_files == wanted.trusted_proxies_of_files;
    if (before != running.given.end() && there && before->second == now->second && same_file) continue;
    const auto taken = reloadable().find(name);
    // Listeners with TLS, or none, are a matter of a start; and their certificate is.
    const bool of_tls = name == "tls-certificate" || name == "tls-key";
    if (taken == reloadable().end() || (of_tls && has_tls(running) != has_tls(wanted))) {
      out.needs_start.push_back(name);
      continue;
    }
    taken->second(running, wanted);
    if (there) {
      running.given[name] = now->second;
    } else {
      running.given.erase(name);
    }
    out.applied.push_back(name);
  }
  running.origins = wanted.origins;
  return out;
}

std::string describe(const Reloaded& reloaded) {
  const auto is = [](const std::vector<std::string>& names) { return names.size() == 1 ? " is " : " are "; };
  if (reloaded.applied.empty() && reloaded.needs_start.empty()) return "no option has changed";
  std::string out;
  if (!reloaded.applied.empty()) out = api::listed(reloaded.applied, " and ") + is(reloaded.applied) + "in force";
  if (reloaded.needs_start.empty()) return out;
  if (!out.empty()) out += "; ";
  return out + api::listed(reloaded.needs_start, " and ") + is(reloaded.needs_start) + "read at a start alone, and " +
         (reloaded.needs_start.size() == 1 ? "stays as it was" : "stay as they were");
}

}  // namespace footfall
