// SPDX-License-Identifier: Apache-2.0
// footfall log-level: how much the daemon logs; with a level, from now on.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

struct Options {
  DaemonOptions daemon;
  std::string level;
};

int log_level(const Options& options, Terminal& terminal) {
  Daemon daemon(options.daemon, terminal);
  std::string body;
  if (!options.level.empty()) {
    JsonText json(JsonText::Layout::one_line);
    json.begin_object().member("level", options.level).end_object();
    body = json.take();
  }
  const auto answer = daemon.call(Daemon::Listener::admin, body.empty() ? "GET" : "PUT", "/v1/admin/log-level", body);
  return show_answer(options.daemon, terminal, answer,
                     [](const JsonValue& root) { return printable(root.text("level")) + "\n"; });
}

}  // namespace

void add_log_level(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("log-level", "how much the daemon logs; with LEVEL, until its next start or reload");
  auto options = std::make_shared<Options>();
  command->add_option("LEVEL", options->level)->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  options->daemon.declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return log_level(*options, terminal); }; });
}

}  // namespace footfall::cli
