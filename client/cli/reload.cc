// SPDX-License-Identifier: Apache-2.0
// footfall reload: has the daemon read its configuration again, as SIGHUP does, and says what came of it.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

std::string reload_text(const JsonValue& root) {
  std::string out;
  const auto list = [&](const char* key, const char* heading) {
    for (const JsonValue& name : root[key].items()) out.append(heading).append(printable(name.shown())).append("\n");
  };
  list("applied", "in force: ");
  list("needs_start", "at the next start or take-over: ");
  if (out.empty()) out = "no option has changed\n";
  if (root["certificate"].yes()) out += "the certificate was read again\n";
  return out;
}

int reload(const DaemonOptions& options, Terminal& terminal) {
  Daemon daemon(options, terminal);
  return show_answer(options, terminal, daemon.call(Daemon::Listener::admin, "POST", "/v1/admin/reload"), reload_text);
}

}  // namespace

void add_reload(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("reload", "have the daemon read its configuration again, as SIGHUP does");
  auto options = std::make_shared<DaemonOptions>();
  options->declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return reload(*options, terminal); }; });
}

}  // namespace footfall::cli
