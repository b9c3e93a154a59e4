// SPDX-License-Identifier: Apache-2.0
// footfall retention: how long the daemon keeps what, and how that is changed.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

std::string retention_text(const JsonValue& root) {
  const auto days = [&root](const char* key, const std::string& without) {
    const JsonValue count = root[key];
    if (!count.present()) return without;
    return "for " + count.shown() + (count.number() == 1 ? " day" : " days");
  };
  return "rankings of days: kept " + days("keep_rankings_days", "for ever") + " (keep-rankings)\n" +
         "audit log: kept " + days("keep_audit_days", "for ever") + " (keep-audit)\n" +
         "what a reset or a removal took away: comes back " + days("undo_days", "at any time") + ", while " +
         printable(root.text("undo_while")) + " (undo-days)\n" +
         "change an option where the daemon's are set, and have it read again: footfall reload\n";
}

int retention(const DaemonOptions& options, Terminal& terminal) {
  Daemon daemon(options, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "GET", "/v1/admin/retention");
  return show_answer(options, terminal, answer, retention_text);
}

}  // namespace

void add_retention(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("retention", "how long rankings, the audit log and what was taken away are kept");
  auto options = std::make_shared<DaemonOptions>();
  options->declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return retention(*options, terminal); }; });
}

}  // namespace footfall::cli
