// SPDX-License-Identifier: Apache-2.0
// footfall snapshot now|list|show: what a daemon keeps of its sites in Redis. footfall restore --from-redis: a site, or
// all, from there.
#include "cli/snapshot.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <ostream>

#include "base/hash.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

constexpr const char* kTarget = "/v1/admin/snapshots";

struct Options {
  DaemonOptions daemon;
  std::string site;  // empty: all
  std::string snapshot = "latest";
};

std::string list_text(const JsonValue& root) {
  const std::vector<JsonValue> snapshots = root["snapshots"].items();
  if (snapshots.empty()) return "no snapshot is kept in Redis; footfall snapshot now takes one\n";
  Table table({Table::Align::left, Table::Align::left, Table::Align::left});
  table.add({"site", "snapshot", "taken"});
  for (const JsonValue& one : snapshots)
    table.add({printable(one.text("site")), printable(one.text("id")), printable(one.text("taken"))});
  return table.text();
}

int now(const Options& options, Terminal& terminal) {
  JsonText body(JsonText::Layout::one_line);
  body.begin_object();
  if (!options.site.empty()) body.member("site", options.site);
  body.end_object();
  Daemon daemon(options.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "POST", kTarget, body.take());
  std::size_t failed = 0;
  const int code = show_answer(options.daemon, terminal, answer, [&](const JsonValue& taken) {
    std::string text = list_text(taken);
    for (const JsonValue& why : taken["failed"].items()) {
      text += "not kept: " + printable(why.text()) + "\n";
      ++failed;
    }
    return text;
  });
  return code == kDone && failed > 0 ? kFailed : code;
}

int list(const Options& options, Terminal& terminal) {
  Daemon daemon(options.daemon, terminal);
  const std::string query = options.site.empty() ? "" : "?site=" + url_encoded(options.site);
  return show_answer(options.daemon, terminal, daemon.call(Daemon::Listener::admin, "GET", kTarget + query), list_text);
}

int show(const Options& options, Terminal& terminal) {
  Daemon daemon(options.daemon, terminal);
  const std::string target =
      std::string(kTarget) + "/" + url_encoded(options.site) + "/" + url_encoded(options.snapshot);
  return show_answer(options.daemon, terminal, daemon.call(Daemon::Listener::admin, "GET", target),
                     [](const JsonValue& one) {
                       Table table({Table::Align::left, Table::Align::left});
                       for (const char* key : {"site", "id", "taken", "node", "epoch"})
                         table.add({key, printable(one[key].shown())});
                       for (const char* key : {"total", "counted", "bots", "pages", "days"})
                         table.add({key, grouped(one.number(key))});
                       return table.text();
                     });
}

std::string reset_like(const RestoreFromRedis& options, bool dry_run) {
  JsonText body(JsonText::Layout::one_line);
  body.begin_object().member("snapshot", options.snapshot);
  if (!options.change.reason.empty()) body.member("reason", options.change.reason);
  if (dry_run) body.member("dry_run", true);
  body.end_object();
  return body.take();
}

int restore_one(const RestoreFromRedis& options, Terminal& terminal, const std::string& site) {
  const std::string target = "/v1/admin/sites/" + url_encoded(site) + "/restore";
  if (!options.dry_run) {
    return make_change(options.change, terminal, "POST", target, reset_like(options, false), "restored " + site);
  }
  Daemon daemon(options.change.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "POST", target, reset_like(options, true));
  return show_answer(options.change.daemon, terminal, answer, [&](const JsonValue& plan) {
    return "restoring " + printable(plan.text("snapshot")) + " would take the total of " + site + " from " +
           grouped(plan.number("before")) + " to " + grouped(plan.number("after")) + ", with " +
           grouped(plan.number("pages")) + " pages\nnothing was changed\n";
  });
}

}  // namespace

std::string change_id_of_site(const std::string& id, const std::string& site) {
  constexpr std::size_t kIdMax = 64;  // of a change
  if (std::string readable = id + "." + site; readable.size() <= kIdMax) return readable;
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(base::siphash24({}, site)));
  return id + "." + hash;
}

int restore_from_redis(const RestoreFromRedis& options, Terminal& terminal) {
  if (!options.site.empty()) return restore_one(options, terminal, options.site);
  if (options.change.id.size() > kAllSitesIdMax) {
    return fail(terminal, {base::Errc::invalid_config, "--id: " + std::to_string(kAllSitesIdMax) +
                                                           " characters at most for all sites, of which each gets an "
                                                           "id that begins with it"});
  }
  const std::string id = options.change.id.empty() ? drawn_change_id() : options.change.id;
  Daemon daemon(options.change.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "GET", kTarget);
  if (!answer) return fail(terminal, answer.error());
  JsonDocument document;
  if (!document.parse(*answer)) return fail(terminal, {base::Errc::malformed, "the daemon's answer is no JSON"});
  std::string before;
  int code = kDone;
  for (const JsonValue& one : document.root()["snapshots"].items()) {
    const std::string site = one.text("site");  // of each the newest comes first
    if (site == before) continue;
    before = site;
    RestoreFromRedis one_site = options;
    one_site.change.id = change_id_of_site(id, site);
    if (const int done = restore_one(one_site, terminal, site); done != kDone) code = done;
  }
  if (before.empty()) return fail(terminal, {base::Errc::not_found, "no snapshot is kept in Redis"});
  if (code != kDone && !options.dry_run) {
    terminal.err << "not every site was restored; the same command with --id " << id
                 << " restores the others, and these no second time\n";
  }
  return code;
}

void add_snapshot(CLI::App& app, Action& chosen) {
  CLI::App* snapshot = app.add_subcommand("snapshot", "take, list and show what is kept of sites in Redis");
  snapshot->require_subcommand(1);
  const auto subcommand = [&](const char* name, const char* what, int (*act)(const Options&, Terminal&)) {
    CLI::App* command = snapshot->add_subcommand(name, what);
    auto options = std::make_shared<Options>();
    command->add_option("SITE", options->site, "a site alone")->required(act == show);
    if (act == show) command->add_option("ID", options->snapshot, "which one (latest)");
    options->daemon.declare(*command);
    command->callback(
        [options, act, &chosen] { chosen = [options, act](Terminal& terminal) { return act(*options, terminal); }; });
  };
  subcommand("now", "take snapshots now, of all sites or of one", now);
  subcommand("list", "list the snapshots, the newest of each site first", list);
  subcommand("show", "show what a snapshot holds", show);
}

}  // namespace footfall::cli
