// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <toml++/toml.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <system_error>
#include <thread>

#include "api/router.h"
#include "base/cidr_file.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "base/tls.h"
#include "ingest/cluster_key.h"
#include "lookup/countries.h"
#include "sites/settings.h"
#include "version.h"

namespace footfall {
namespace {

using base::Errc;
using base::Error;
using base::Result;

// One option: its values are texts, wherever they came from, and `set` checks and takes them.
struct Option {
  std::string name;  // "data-dir": --data-dir, FOOTFALL_DATA_DIR, data-dir = "..."
  std::string value_name;
  std::string help;
  bool repeated = false;
  std::function<Result<void>(Config&, const std::vector<std::string>&)> set;
};

Error wrong(std::string what) {
  return {Errc::invalid_config, std::move(what)};
}

template <class T>
Result<void> read_number(const std::string& text, T min, T max, T& out) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) {
    return wrong("'" + text + "' is not a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  out = value;
  return {};
}

template <class T>
std::function<Result<void>(Config&, const std::vector<std::string>&)> number(T Config::*member, T min, T max) {
  return [=](Config& config, const std::vector<std::string>& values) {
    return read_number(values.back(), min, max, config.*member);
  };
}

template <class T>
std::function<Result<void>(Config&, const std::vector<std::string>&)> number_of_redis(T RedisOptions::*member, T min,
                                                                                      T max) {
  return [=](Config& config, const std::vector<std::string>& values) {
    return read_number(values.back(), min, max, config.redis.*member);
  };
}

std::function<Result<void>(Config&, const std::vector<std::string>&)> addresses(
    std::vector<http::ListenAddress> Config::*member) {
  return [=](Config& config, const std::vector<std::string>& values) -> Result<void> {
    std::vector<http::ListenAddress> parsed;
    for (std::string text : values) {
      // FOOTFALL_ADMIN is also where the command line looks, as a URL.
      constexpr std::string_view kScheme = "http://";
      constexpr std::string_view kTlsScheme = "https://";
      if (text.starts_with(kScheme)) text.erase(0, kScheme.size());
      if (text.starts_with(kTlsScheme)) text.replace(0, kTlsScheme.size(), "tls:");
      if (text.ends_with('/') && !text.starts_with("unix:")) text.pop_back();
      Result<http::ListenAddress> address = http::parse_listen_address(text);
      if (!address) return wrong(address.error().detail);
      parsed.push_back(*address);
    }
    config.*member = std::move(parsed);
    return {};
  };
}

Result<void> set_data_dir(Config& config, const std::vector<std::string>& values) {
  if (values.back().empty()) return wrong("is empty; name the directory that is to hold the counts");
  config.data_dir = values.back();
  while (config.data_dir.size() > 1 && config.data_dir.back() == '/') config.data_dir.pop_back();
  return {};
}

Result<void> set_listen_mode(Config& config, const std::vector<std::string>& values) {
  const std::string& text = values.back();
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc{} || end != text.data() + text.size() || mode == 0 || mode > 0777)
    return wrong("'" + text + "' is no mode in octal, such as 0660");
  config.listen_mode = mode;
  return {};
}

Result<void> set_base_path(Config& config, const std::vector<std::string>& values) {
  std::string path = values.back();
  while (!path.empty() && path.back() == '/') path.pop_back();
  const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' ||
           c == '_' || c == '.';
  });
  if (!plain || (!path.empty() && path.front() != '/')) {
    return wrong("'" + values.back() +
                 "' is no path prefix; it begins with '/' and holds letters, digits, '-', '_', '.'");
  }
  config.base_path = path;
  return {};
}

Result<void> set_script_name(Config& config, const std::vector<std::string>& values) {
  const std::string& name = values.back();
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  const auto taken = [&name](std::string_view extension) {
    return api::route_of(http::Method::get, "/" + name + std::string(extension), {}).route != api::Route::none;
  };
  if (!plain || name.size() > 64 || taken("") || taken(".js") || taken(".gif"))
    return wrong("'" + name + "' is no name, or is taken; it holds letters, digits, '-', '_'");
  config.script_name = name;
  return {};
}

Result<void> set_trusted(Config& config, const std::vector<std::string>& values) {
  std::vector<ingest::Cidr> parsed;
  for (const std::string& text : values) {
    Result<ingest::Cidr> cidr = ingest::parse_cidr(text);
    if (!cidr) return wrong(cidr.error().detail);
    parsed.push_back(*cidr);
  }
  config.trusted_proxies = std::move(parsed);
  return {};
}

Result<void> set_trusted_files(Config& config, const std::vector<std::string>& values) {
  std::vector<ingest::Cidr> read;
  for (const std::string& path : values) {
    const Result<std::vector<ingest::Cidr>> networks = base::read_cidr_file(path);
    if (!networks) return wrong(networks.error().detail);
    read.insert(read.end(), networks->begin(), networks->end());
  }
  config.trusted_proxies_of_files = std::move(read);
  return {};
}

Result<void> set_durability(Config& config, const std::vector<std::string>& values) {
  const std::optional<Durability> durability = parse_durability(values.back());
  if (!durability) return wrong("'" + values.back() + "' is not one of disk, kernel, memory");
  config.durability = *durability;
  return {};
}

Result<void> set_syslog_listen(Config& config, const std::vector<std::string>& values) {
  config.syslog.listen.clear();
  for (const std::string& text : values) {
    Result<http::ListenAddress> address = http::parse_listen_address(text);
    if (!address) return wrong(address.error().detail);
    if (address->tls) return wrong("'" + text + "': syslog comes in datagrams, which have no TLS; leave out \"tls:\"");
    config.syslog.listen.push_back(*address);
  }
  return {};
}

Result<void> set_syslog_format(Config& config, const std::vector<std::string>& values) {
  Result<logs::Format> format = logs::Format::find(values.back());
  if (!format) return wrong(format.error().detail);
  if (format->has_header()) return wrong("'" + values.back() + "' begins with a header, which syslog has not");
  config.syslog.format = *std::move(format);
  return {};
}

Result<void> set_syslog_filter(Config& config, const std::vector<std::string>& values) {
  Result<logs::Filter> filter = logs::Filter::parse(values);
  if (!filter) return wrong(filter.error().detail);
  config.syslog.filter = *std::move(filter);
  return {};
}

Result<void> set_redis(Config& config, const std::vector<std::string>& values) {
  Result<redis::Target> target = redis::parse_target(values.back());
  if (!target) return wrong(target.error().detail);
  config.redis.target = *std::move(target);
  return {};
}

Result<void> set_redis_prefix(Config& config, const std::vector<std::string>& values) {
  const std::string& prefix = values.back();
  const bool plain = std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == ':';
  });
  if (prefix.empty() || prefix.size() > 64 || !plain) {
    return wrong("'" + prefix + "' is no prefix of keys; it is 1 to 64 letters, digits, '-', '_' and ':'");
  }
  config.redis.prefix = prefix;
  return {};
}

Result<void> set_node(Config& config, const std::vector<std::string>& values) {
  const std::string& name = values.back();
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (name.empty() || name.size() > 64 || !plain) {
    return wrong("'" + name + "' is no name of a node; it is 1 to 64 letters, digits, '-', '_' and '.'");
  }
  config.redis.node = name;
  return {};
}

Result<void> set_log_level(Config& config, const std::vector<std::string>& values) {
  const std::optional<base::log::Level> level = base::log::level_from(values.back());
  if (!level) return wrong("'" + values.back() + "' is not one of debug, info, warning, error");
  config.log_level = *level;
  return {};
}

Result<void> set_log_format(Config& config, const std::vector<std::string>& values) {
  const std::optional<base::log::Format> format = base::log::format_from(values.back());
  if (!format) return wrong("'" + values.back() + "' is neither text nor json");
  config.log_format = *format;
  return {};
}

std::function<Result<void>(Config&, const std::vector<std::string>&)> yes_or_no(bool Config::*member) {
  return [=](Config& config, const std::vector<std::string>& values) -> Result<void> {
    const std::string& text = values.back();
    if (text != "true" && text != "false") return wrong("'" + text + "' is neither true nor false");
    config.*member = text == "true";
    return {};
  };
}

std::function<Result<void>(Config&, const std::vector<std::string>&)> file(std::string Config::*member) {
  return [=](Config& config, const std::vector<std::string>& values) -> Result<void> {
    if (values.back().empty()) return wrong("is empty; name a file");
    config.*member = values.back();
    return {};
  };
}

// Of lists that are left out where they are absent: but not one that somebody named.
std::function<Result<void>(Config&, const std::vector<std::string>&)> agent_file(
    std::string lookup::AgentFiles::*member) {
  return [=](Config& config, const std::vector<std::string>& values) -> Result<void> {
    const std::string& path = values.back();
    errno = 0;
    if (!std::ifstream(path)) return wrong("'" + path + "' cannot be read: " + std::generic_category().message(errno));
    config.agent_files.*member = path;
    return {};
  };
}

// This file and the two below are read here to know, and again by who uses them.
Result<void> set_country_database(Config& config, const std::vector<std::string>& values) {
  if (Result<void> named = file(&Config::country_database)(config, values); !named) return named;
  if (const auto countries = lookup::CountryDatabase::open(config.country_database); !countries)
    return wrong(countries.error().detail);
  return {};
}

Result<void> set_redis_authorities(Config& config, const std::vector<std::string>& values) {
  config.redis.authorities = values.back();
  if (values.back().empty()) return {};
  if (const auto tls = base::TlsContext::for_clients(values.back()); !tls) return wrong(tls.error().detail);
  return {};
}

Result<void> set_cluster_key(Config& config, const std::vector<std::string>& values) {
  config.redis.cluster_key = values.back();
  if (values.back().empty()) return {};
  if (const auto key = ingest::ClusterKey::read(base::posix_file_system(), values.back()); !key)
    return wrong(key.error().detail);
  return {};
}

std::vector<Option> option_table() {
  return {
      {"data-dir", "DIR", "holds the journal, checkpoints and the admin token (/var/lib/footfall)", false,
       set_data_dir},
      {"listen", "ADDR",
       "public listener, HOST:PORT, unix:PATH or systemd:NAME, with TLS tls:HOST:PORT; may be repeated "
       "(127.0.0.1:8080)",
       true, addresses(&Config::listen)},
      {"listen-mode", "MODE", "permissions of public and syslog unix sockets, in octal, such as 0660 (by the umask)",
       false, set_listen_mode},
      {"admin", "ADDR", "admin listener (127.0.0.1:8081)", true, addresses(&Config::admin)},
      {"metrics-listen", "ADDR", "listener for /metrics and health alone (none)", true,
       addresses(&Config::metrics_listen)},
      {"metrics-sites", "N", "sites with series of their own in /metrics, those with the greatest totals (0)", false,
       number<std::uint32_t>(&Config::metrics_sites, 0, 10'000)},
      {"tls-certificate", "FILE",
       "certificate of the listeners with TLS and those up to its authority, in PEM; a reload reads it again (none)",
       false, file(&Config::tls_certificate)},
      {"tls-key", "FILE", "its private key, in PEM, which not everybody may read (none)", false,
       file(&Config::tls_key)},
      {"hsts-max-age", "SECONDS",
       "what answers over TLS say in Strict-Transport-Security: for so long browsers speak nothing else to this host's "
       "name, on all of its ports; 0 is not to say it (31536000)",
       false, number<std::uint32_t>(&Config::hsts_max_age_s, 0, 63'072'000)},
      {"insecure-admin", "BOOL", "allow an admin listener beyond loopback, without TLS (false)", false,
       yes_or_no(&Config::insecure_admin)},
      {"threads", "N", "shards; 0 is one per core (0)", false, number<unsigned>(&Config::threads, 0, 63)},
      {"durability", "MODE",
       "a hit is acknowledged when the disk has it, when the kernel has it, or at once (memory) (disk)", false,
       set_durability},
      {"sync-interval", "SECONDS", "between syncs in kernel durability: what a power cut may cost (1)", false,
       number<std::int32_t>(&Config::sync_interval_s, 1, 3'600)},
      {"base-path", "PATH", "prefix of every public path, such as /stats (none)", false, set_base_path},
      {"script-name", "NAME", "/NAME.js is the page script too, which then pings /NAME and /NAME.gif (none)", false,
       set_script_name},
      {"trusted-proxy", "CIDR", "peer whose X-Forwarded-For is believed; may be repeated", true, set_trusted},
      {"trusted-proxy-file", "FILE",
       "more of them, one CIDR a line, # begins a comment; a reload reads it again; may be repeated (none)", true,
       set_trusted_files},
      {"rate-limit", "N", "pings a second per client address; 0 is no limit (100)", false,
       number<std::uint32_t>(&Config::rate_limit, 0, 1'000'000)},
      {"rate-burst", "N", "pings that a client may send at once (500)", false,
       number<std::uint32_t>(&Config::rate_burst, 1, 1'000'000)},
      {"hits-per-second-max", "N", "hits a second of all sites; 0 is no limit (0)", false,
       number<std::uint32_t>(&Config::hits_per_second_max, 0, sites::kHitsPerSecondMax)},
      {"connections-max", "N", "open connections per shard (15000)", false,
       number<std::uint32_t>(&Config::connections_max, 16, 1'000'000)},
      {"body-memory-max", "BYTES",
       "that requests whose bodies are not complete may take up, over all shards; at least 40 MiB each (268435456)",
       false, number<std::uint64_t>(&Config::body_memory_max, 1, std::uint64_t{1} << 40U)},
      {"sites-max", "N", "registered sites (100000)", false, number<std::uint32_t>(&Config::sites_max, 1, 10'000'000)},
      {"pages-max", "N", "pages per site, and in its rankings; past it they count as (other) (100000)", false,
       number<std::uint32_t>(&Config::pages_max, 1, 1'000'000)},
      {"labels-max", "N", "ranked labels per site, day and dimension; past it (other) (1000)", false,
       number<std::uint32_t>(&Config::labels_max, 1, 100'000)},
      {"agent-list", "FILE",
       "which agents are which browser and system: uap-core's regexes.yaml; /dev/null: none are told apart "
       "(/usr/share/uap-core/regexes.yaml)",
       false, agent_file(&lookup::AgentFiles::uap_regexes)},
      {"crawler-list", "FILE", "which agents are crawlers: device-detector's bots.yml (the one that was built in)",
       false, agent_file(&lookup::AgentFiles::crawlers)},
      {"country-database", "FILE",
       "countries of visitors, a MaxMind DB file (.mmdb) such as GeoLite2-Country; a reload reads it again (none)",
       false, set_country_database},
      {"online-pairs-max", "N", "(visitor, page) pairs kept for online (20000000)", false,
       number<std::uint64_t>(&Config::online_pairs_max, 1000, 10'000'000'000)},
      {"batch-keys-max", "N",
       "names of batches' idempotency keys that are kept, each for a day; past it a new one is answered 429 (200000)",
       false, number<std::uint64_t>(&Config::batch_keys_max, 1, 100'000'000)},
      {"batch-key-memory-max", "BYTES", "that those keys may take up with their answers (134217728)", false,
       number<std::uint64_t>(&Config::batch_key_memory_max, 1U << 20U, std::uint64_t{1} << 40U)},
      {"segment-size", "BYTES", "size of a journal segment (16777216)", false,
       number<std::uint64_t>(&Config::segment_bytes, 1U << 20U, 1U << 30U)},
      {"checkpoint-interval", "SECONDS", "between checkpoints (60)", false,
       number<std::int32_t>(&Config::checkpoint_interval_s, 1, 86'400)},
      {"checkpoint-journal", "BYTES", "journal since the last checkpoint that makes one earlier (33554432)", false,
       number<std::uint64_t>(&Config::checkpoint_journal_bytes, 1U << 20U, std::uint64_t{1} << 40U)},
      {"keep-rankings", "DAYS", "how long a day's rankings of pages, referrers, ... are kept; 0: for ever (0)", false,
       number<std::int32_t>(&Config::keep_rankings_days, 0, 36'500)},
      {"keep-audit", "DAYS", "how long the audit log is kept; 0: for ever (0)", false,
       number<std::int32_t>(&Config::keep_audit_days, 0, 36'500)},
      {"undo-days", "DAYS",
       "how long a reset, a restored snapshot and the removal of a site or page can be undone, while fewer than 10,000 "
       "newer ones took something away; 0: as long as that (0)",
       false, number<std::int32_t>(&Config::undo_days, 0, 36'500)},
      {"syslog-listen", "ADDR",
       "takes access logs by syslog: UDP HOST:PORT or unix:PATH, a datagram socket; may be repeated (none)", true,
       set_syslog_listen},
      {"syslog-site", "SITE", "of lines whose host and tag name no site (none: they are refused)", false,
       [](Config& config, const std::vector<std::string>& values) -> Result<void> {
         config.syslog.site = values.back();
         return {};
       }},
      {"syslog-format", "FORMAT",
       "of lines that are not JSON: combined, vhost-combined, or a format string of nginx or Apache (combined)", false,
       set_syslog_format},
      {"syslog-filter", "TERMS", "which lines are page hits ('method=GET status=2xx,304')", false, set_syslog_filter},
      {"syslog-buffer", "BYTES", "receive buffer of each syslog socket (8388608)", false,
       [](Config& config, const std::vector<std::string>& values) {
         return read_number(values.back(), 4096U, 1U << 30U, config.syslog.buffer_bytes);
       }},
      {"insecure-syslog", "BOOL", "allow a syslog socket beyond loopback: whoever reaches it can count hits (false)",
       false,
       [](Config& config, const std::vector<std::string>& values) -> Result<void> {
         const std::string& text = values.back();
         if (text != "true" && text != "false") return wrong("'" + text + "' is neither true nor false");
         config.syslog.insecure = text == "true";
         return {};
       }},
      {"redis", "URI",
       "where snapshots are kept: redis://, rediss://, unix:// or redis+sentinel://HOST,.../MASTER[?sentinel-user=USER&"
       "sentinel-password=PASSWORD]; the server's go in front, USER:PASSWORD@ (none)",
       false, set_redis},
      {"redis-ca", "FILE", "certificate authorities for rediss:// (the system's)", false, set_redis_authorities},
      {"redis-prefix", "WORD", "of every key (footfall)", false, set_redis_prefix},
      {"node", "NAME", "this node's name among those that count together through --redis (none: it counts for itself)",
       false, set_node},
      {"cluster-key", "FILE", "key that all nodes have, 64 hexadecimal digits, so that a visitor of two is one (none)",
       false, set_cluster_key},
      {"snapshot-interval", "SECONDS", "between snapshots of sites that changed; 0: on demand alone (3600)", false,
       number_of_redis<std::int32_t>(&RedisOptions::snapshot_interval_s, 0, 30 * 86'400)},
      {"snapshots-kept", "COUNT", "snapshots kept of a site (48)", false,
       number_of_redis<std::uint32_t>(&RedisOptions::snapshots_kept, 1, 10'000)},
      {"drain", "SECONDS", "that open connections get to finish after SIGTERM (10)", false,
       number<std::int32_t>(&Config::drain_s, 0, 3'600)},
      {"take-over", "BOOL",
       "take over from the daemon that runs on this data directory, which counts until then and hands on its sockets "
       "and connections (false)",
       false, yes_or_no(&Config::take_over)},
      {"accept-loss", "BOOL", "start without what a damaged journal lost; it is kept in journal/damaged (false)", false,
       yes_or_no(&Config::accept_loss)},
      {"log-level", "LEVEL", "debug, info, warning or error (info)", false, set_log_level},
      {"log-format", "FORMAT",
       "text, or json: an object a line with time, level, event, message, and suppressed: lines held back before "
       "(text)",
       false, set_log_format},
      {"log-rate", "COUNT", "log lines of one event a minute; 0: no limit (60)", false,
       number<std::uint32_t>(&Config::log_rate_max, 0, 1'000'000)},
  };
}

std::string environment_name(const std::string& option) {
  std::string name = "FOOTFALL_" + option;
  for (char& c : name) c = c == '-' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

void apply(const Option& option, Config& config, const std::vector<std::string>& values, const std::string& where) {
  if (!option.repeated && values.size() > 1)
    throw base::Failure(wrong(where + ": takes one value, " + std::to_string(values.size()) + " are given"));
  if (const Result<void> done = option.set(config, values); !done)
    throw base::Failure(wrong(where + ": " + done.error().detail));
  config.given[option.name] = values;
  config.origins[option.name] = where;
}

// A TOML value as the text that a flag would have. False for tables, dates and floats, which no option takes.
bool text_of(const toml::node& node, std::vector<std::string>& values) {
  if (const auto* text = node.as_string())
    values.push_back(text->get());
  else if (const auto* integer = node.as_integer())
    values.push_back(std::to_string(integer->get()));
  else if (const auto* yes = node.as_boolean())
    values.emplace_back(yes->get() ? "true" : "false");
  else
    return false;
  return true;
}

// "footfall.toml:7: "
std::string line_of(const std::string& path, const toml::source_region& source) {
  return path + ":" + std::to_string(source.begin.line) + ": ";
}

std::string read_config_file(const std::string& path) {
  const auto fails = [&path](const std::string& what) { return base::Failure(wrong(path + ": " + what)); };
  if (path.empty()) throw base::Failure(wrong("--config: is empty; name a TOML file"));
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) throw fails("is a directory; name a TOML file with --config");
  std::ifstream in(path, std::ios::binary);
  if (!in) throw fails("cannot open: " + std::generic_category().message(errno));
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) throw fails("cannot read");
  return text;
}

// What a flag or the environment gave is checked here and stays.
void apply_file(const std::string& path, const std::vector<Option>& options, Config& config) {
  const std::string text = read_config_file(path);
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    throw base::Failure(wrong(line_of(path, error.source()) + std::string(error.description())));
  }
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const std::string where = line_of(path, node.source()) + name;
    const auto option = std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == name; });
    if (option == options.end())
      throw base::Failure(wrong(where + ": unknown key; footfalld --help lists the options"));
    std::vector<std::string> values;
    bool understood = true;
    if (const toml::array* list = node.as_array()) {
      if (!option->repeated) throw base::Failure(wrong(where + ": takes one value, not a list"));
      for (const toml::node& element : *list) understood = text_of(element, values) && understood;
    } else {
      understood = text_of(node, values);
    }
    if (!understood)
      throw base::Failure(wrong(where + ": must be a text, a whole number, true or false" +
                                (option->repeated ? ", or a list of texts" : "")));
    // Checked even where a flag beats it, so that a file is either right or refused.
    Config scratch = config;
    apply(*option, scratch, values, where);
    if (!config.origins.contains(name)) config = std::move(scratch);
  }
}

std::string address_text(const http::ListenAddress& address) {
  if (!address.name.empty()) return "systemd:" + address.name;
  if (address.unix_socket) return "unix:" + address.host;
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

void check_tls(const Config& config) {
  const auto origin = [&](const std::string& option) { return origin_of(config, option); };
  const auto pair = [&](const std::string& one, const std::string& other) {
    throw base::Failure(wrong(origin(one) + ": a certificate and its key go together; name the other with --" + other));
  };
  if (config.tls_certificate.empty() && !config.tls_key.empty()) pair("tls-key", "tls-certificate");
  if (config.tls_key.empty() && !config.tls_certificate.empty()) pair("tls-certificate", "tls-key");
  const bool files = !config.tls_certificate.empty();
  for (const auto& [option, addresses] : {std::pair{"listen", &config.listen}, std::pair{"admin", &config.admin},
                                          std::pair{"metrics-listen", &config.metrics_listen}}) {
    for (const http::ListenAddress& address : *addresses) {
      if (!address.tls || files) continue;
      throw base::Failure(wrong(origin(option) + ": tls:" + address_text(address) +
                                " needs a certificate; name it with --tls-certificate, and its key with --tls-key"));
    }
  }
  if (files && !has_tls(config)) {
    throw base::Failure(wrong(origin("tls-certificate") +
                              ": no listener is with TLS; write tls: before an address, as --listen tls:0.0.0.0:443"));
  }
}

void check_together(const Config& config) {
  const auto origin = [&](const std::string& option) { return origin_of(config, option); };
  std::map<std::string, std::string> taken;  // address -> the option that names it
  const auto take = [&](const std::string& option, const std::vector<http::ListenAddress>& addresses) {
    for (const http::ListenAddress& address : addresses) {
      if (!address.unix_socket && address.port == 0 && address.name.empty()) continue;  // each gets a free port
      const std::string text = address_text(address);
      const auto [it, first] = taken.emplace(text, option);
      if (first) continue;
      throw base::Failure(wrong(origin(option) + ": " + text +
                                (it->second == option ? " is named twice" : " is that of " + origin(it->second)) +
                                "; each listener has an address of its own"));
    }
  };
  take("listen", config.listen);
  take("admin", config.admin);
  take("metrics-listen", config.metrics_listen);
  check_tls(config);
  if (!config.redis.node.empty() && !config.redis.target) {
    throw base::Failure(wrong(origin("node") + ": nodes count together through Redis; say where it is with --redis"));
  }
  if (!config.redis.cluster_key.empty() && config.redis.node.empty()) {
    throw base::Failure(
        wrong(origin("cluster-key") + ": it is for nodes that count together; name this one with --node"));
  }
  std::map<std::string, std::string> syslog;  // those are datagram sockets: a port is theirs beside one of TCP
  for (const http::ListenAddress& address : config.syslog.listen) {
    const std::string text = address_text(address);
    if (!address.name.empty()) {  // where that is the start finds out
      if (!syslog.emplace(text, "").second)
        throw base::Failure(wrong(origin("syslog-listen") + ": " + text + " is named twice"));
      continue;
    }
    if (!config.syslog.insecure && !address.loopback && !address.unix_socket) {
      throw base::Failure(wrong(origin("syslog-listen") + ": " + address.host +
                                " is not a loopback address; syslog knows no sender, so listen on 127.0.0.1, or pass "
                                "--insecure-syslog true behind a firewall"));
    }
    if (address.unix_socket ? taken.contains(text) : address.port == 0) {
      throw base::Failure(wrong(origin("syslog-listen") + ": " + text +
                                (address.unix_socket ? " is that of " + origin(taken.at(text)) : " has no port") +
                                "; each listener has an address of its own"));
    }
    if (!syslog.emplace(text, "").second)
      throw base::Failure(wrong(origin("syslog-listen") + ": " + text + " is named twice"));
  }
  if (config.insecure_admin) return;
  for (const http::ListenAddress& address : config.admin) {
    if (!address.loopback && !address.unix_socket && !address.tls && address.name.empty()) {
      throw base::Failure(wrong(origin("admin") + ": " + address.host +
                                " is not a loopback address; listen on 127.0.0.1, or with TLS (tls:" +
                                address_text(address) + "), or pass --insecure-admin true"));
    }
  }
}

}  // namespace

std::string origin_of(const Config& config, const std::string& option) {
  const auto it = config.origins.find(option);
  return it == config.origins.end() ? "--" + option + " by default" : it->second;
}

bool has_tls(const Config& config) {
  const auto any = [](const std::vector<http::ListenAddress>& addresses) {
    return std::any_of(addresses.begin(), addresses.end(), [](const http::ListenAddress& a) { return a.tls; });
  };
  return any(config.listen) || any(config.admin) || any(config.metrics_listen);
}

std::optional<Config> parse_config(int argc, const char* const* argv) {
  const std::vector<Option> options = option_table();
  CLI::App app{"footfalld counts visits: exact totals, exactly who is online now, and no acknowledged hit lost.",
               "footfalld"};
  app.set_version_flag("--version", std::string(kVersion));
  bool check_only = false;
  app.add_flag("--check-config", check_only, "check the options and exit");
  std::string file;
  const CLI::Option* config_option =
      app.add_option("--config", file, "TOML file with the same options (keys as the flags, without --)")
          ->envname("FOOTFALL_CONFIG")
          ->type_name("FILE");

  std::vector<std::vector<std::string>> flag_values(options.size());
  for (std::size_t i = 0; i < options.size(); ++i) {
    auto* option = app.add_option("--" + options[i].name, flag_values[i],
                                  options[i].help + " [" + environment_name(options[i].name) + "]");
    option->type_name(options[i].value_name)->expected(1)->take_all();
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error);
      return std::nullopt;
    }
    throw base::Failure(wrong(std::string(error.what()) + "; footfalld --help lists the options"));
  }

  Config config;
  for (std::size_t i = 0; i < options.size(); ++i) {
    const char* environment = std::getenv(environment_name(options[i].name).c_str());
    std::string where = "--" + options[i].name;
    if (!flag_values[i].empty()) {
      apply(options[i], config, flag_values[i], where);
    } else if (environment != nullptr) {
      std::vector<std::string> values;
      std::string text = environment;
      for (std::size_t begin = 0; begin <= text.size();) {  // lists are separated by commas
        const std::size_t comma = options[i].repeated ? std::min(text.find(',', begin), text.size()) : text.size();
        values.push_back(text.substr(begin, comma - begin));
        begin = comma + 1;
      }
      where = environment_name(options[i].name);
      apply(options[i], config, values, where);
    }
  }
  if (config_option->count() > 0) apply_file(file, options, config);
  if (config.listen.empty()) config.listen.push_back(*http::parse_listen_address("127.0.0.1:8080"));
  if (config.admin.empty()) config.admin.push_back(*http::parse_listen_address("127.0.0.1:8081"));
  if (config.threads == 0) config.threads = std::clamp(std::thread::hardware_concurrency(), 1U, 63U);
  for (http::ListenAddress& address : config.listen) address.unix_mode = config.listen_mode;
  for (http::ListenAddress& address : config.syslog.listen) address.unix_mode = config.listen_mode;
  config.check_only = check_only;
  check_together(config);
  return config;
}

}  // namespace footfall
