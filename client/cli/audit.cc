// SPDX-License-Identifier: Apache-2.0
// footfall audit: who changed what, newest first.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

struct Options {
  DaemonOptions daemon;
  unsigned limit = 100;
};

std::string audit_text(const JsonValue& root) {
  using Align = Table::Align;
  Table table({Align::left, Align::left, Align::left, Align::left, Align::left, Align::left, Align::left});
  table.add({"at", "action", "site", "before -> after", "by", "id", "reason"});
  for (const JsonValue& entry : root["audit"].items()) {
    std::string change = printable(entry["before"].shown());
    const std::string after = printable(entry["after"].shown());
    if (!change.empty() || !after.empty()) change.append(" -> ").append(after);
    table.add({printable(entry.text("at")), printable(entry.text("action")), printable(entry.text("site")), change,
               printable(entry.text("actor")), printable(entry.text("id")), printable(entry.text("reason"))});
  }
  return table.text();
}

int audit(const Options& options, Terminal& terminal) {
  Daemon daemon(options.daemon, terminal);
  const std::string target = "/v1/admin/audit?limit=" + std::to_string(options.limit);
  return show_answer(options.daemon, terminal, daemon.call(Daemon::Listener::admin, "GET", target), audit_text);
}

}  // namespace

void add_audit(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("audit", "list who changed what, newest first");
  auto options = std::make_shared<Options>();
  command->add_option("--limit", options->limit, "how many")->check(CLI::Range(1, 10'000))->capture_default_str();
  options->daemon.declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return audit(*options, terminal); }; });
}

}  // namespace footfall::cli
