// SPDX-License-Identifier: Apache-2.0
// Config: the daemon's options. A flag beats an environment variable (FOOTFALL_*), which beats the TOML file, which
// beats the default; all three use one table of options, so they cannot drift apart.
//
// Errors are thrown as base::Failure{invalid_config} before anything is opened; the text names where the value came
// from ("footfall.toml:12: threads", "FOOTFALL_THREADS", "--threads"), what is wrong and what would be right.
// Tested by tests/unit/server/config_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "durability.h"
#include "http/listen_address.h"
#include "ingest/client_address.h"
#include "lookup/agents.h"
#include "redis_options.h"
#include "syslog_options.h"

namespace footfall {

struct Config {
  std::string data_dir = "/var/lib/footfall";
  std::vector<http::ListenAddress> listen;          // public; default 127.0.0.1:8080
  std::uint32_t listen_mode = 0;                    // permissions of public unix sockets; 0: as the umask says
  std::vector<http::ListenAddress> admin;           // default 127.0.0.1:8081
  std::vector<http::ListenAddress> metrics_listen;  // /metrics and health alone; none by default
  // PEM files of all listeners with TLS; empty: there is none.
  std::string tls_certificate, tls_key;
  std::uint32_t hsts_max_age_s = 31'536'000;  // what answers over TLS say; 0: nothing
  bool insecure_admin = false;                // allows an admin listener that is not on loopback, without TLS
  unsigned threads = 0;                       // shards; 0: one per core, at most 63
  Durability durability = Durability::disk;
  std::int32_t sync_interval_s = 1;  // between syncs, where the sync is not the acknowledgement (kernel)
  std::string base_path;             // "" or "/prefix"
  std::string script_name;           // of the page script and its pings, beside their own; "": none
  std::vector<ingest::Cidr> trusted_proxies;
  std::vector<ingest::Cidr> trusted_proxies_of_files;  // that trusted-proxy-file names, as they were read
  std::uint32_t metrics_sites = 0;
  lookup::AgentFiles agent_files;
  std::string country_database;    // file; empty: countries are not looked up
  std::uint32_t rate_limit = 100;  // pings a second per address; 0: none
  std::uint32_t rate_burst = 500;
  std::uint32_t hits_per_second_max = 0;        // of the node; 0: no limit
  std::uint32_t connections_max = 15'000;       // per shard
  std::uint64_t body_memory_max = 256U << 20U;  // all shards; each has at least 40 MiB
  std::uint32_t sites_max = 100'000;
  std::uint32_t pages_max = 100'000;            // per site
  std::uint32_t labels_max = 1'000;             // per site, day and dimension
  std::uint64_t online_pairs_max = 20'000'000;  // (visitor, page) pairs of the node
  std::uint64_t batch_keys_max = 200'000;       // names of idempotency keys
  std::uint64_t batch_key_memory_max = 128U << 20U;
  std::uint64_t segment_bytes = 16U << 20U;
  std::int32_t checkpoint_interval_s = 60;
  std::uint64_t checkpoint_journal_bytes = 32U << 20U;  // since the last one; makes one before its interval
  std::int32_t keep_rankings_days = 0;                  // of closed days; 0: for ever
  std::int32_t keep_audit_days = 0;                     // 0: for ever
  std::int32_t undo_days = 0;  // of what took something away; 0: as long as the change is remembered
  SyslogOptions syslog;
  RedisOptions redis;
  std::int32_t drain_s = 10;
  base::log::Level log_level = base::log::Level::info;
  base::log::Format log_format = base::log::Format::text;
  std::uint32_t log_rate_max = 60;  // lines of one event a minute; 0: no limit
  bool take_over = false;           // from the daemon that runs on the same directory
  bool accept_loss = false;         // a start goes on without what the journal lost
  bool check_only = false;          // --check-config
  // option -> its values as texts, of those that were given, wherever that was
  std::map<std::string, std::vector<std::string>> given;
  // of the same: where it was given, "--admin", "FOOTFALL_ADMIN", "footfall.toml:3: admin"
  std::map<std::string, std::string> origins;
};

// As an error begins that is about the option's value.
std::string origin_of(const Config& config, const std::string& option);

// Whether one of the addresses is with TLS.
bool has_tls(const Config& config);

// nullopt: --help or --version was answered on standard output.
std::optional<Config> parse_config(int argc, const char* const* argv);

}  // namespace footfall
